"""What a language says around personal data: ``rubrics/redaction/*.yaml``, read once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.yamlfile import read_yaml

WORDS_DIR = Path(__file__).resolve().parent.parent.parent / "rubrics" / "redaction"


class NumberWords(BaseModel):
    """How digits and letters are said; see the file itself."""

    model_config = ConfigDict(extra="forbid")

    digits: dict[str, str] = {}
    teens: dict[str, str] = {}
    tens: dict[str, str] = {}
    hundreds: dict[str, int] = {}
    repeats: dict[str, int] = {}
    spells: list[str] = []
    alphabet: dict[str, str] = {}
    single_words: list[str] = []
    separators: list[str] = []
    not_letters: list[str] = []
    abbreviations: list[str] = []
    slashes: list[str] = []
    letter_names: list[str] = []
    adds: list[str] = []
    between: list[str] = []
    between_letters: list[str] = []
    verbs: list[str] = []
    corrects: list[str] = []

    def has(self, word: str) -> bool:
        """Whether a word is a number: "four", "twelve", "forty"."""
        return word in self.digits or word in self.teens or word in self.tens


class EmailWords(BaseModel):
    """How e-mail addresses are said; see the file itself."""

    model_config = ConfigDict(extra="forbid")

    at: list[str] = []
    dot: list[str] = []
    domains: list[str] = []
    joins: list[str] = []
    hosts: list[str] = []
    before: list[str] = []
    asides: list[str] = []
    tells: list[str] = []
    articles: list[str] = []
    sure_joins: list[str] = []
    spells: list[str] = []
    signs: list[str] = []


class Words(BaseModel):
    """The words of a language; see the file itself. All empty where there is no file."""

    model_config = ConfigDict(extra="forbid")

    numbers: NumberWords = NumberWords()
    cues: dict[str, list[str]] = {}
    weak: dict[str, list[str]] = {}
    ending: list[str] = []
    any_number: list[str] = []
    owners: list[str] = []
    possessives: list[str] = []
    printed_places: list[str] = []
    names_number: list[str] = []
    nothing: list[str] = []
    extensions: list[str] = []
    pronouns: list[str] = []
    interjections: list[str] = []
    hesitations: list[str] = []
    denies: list[str] = []
    units: list[str] = []
    money: list[str] = []
    currencies: list[str] = []
    word_names: list[str] = []
    initials: list[str] = []
    saints: list[str] = []
    introduces: list[str] = []
    introduces_surely: list[str] = []
    introduces_others: list[str] = []
    introduces_at_first: list[str] = []
    introduces_anywhere: list[str] = []
    after_introduced: list[str] = []
    after_speakers: list[str] = []
    endings_of_verbs: list[str] = []
    before_places: list[str] = []
    greetings: list[str] = []
    no_persons: list[str] = []
    probe: str = ""
    introduces_named: list[str] = []
    kin: list[str] = []
    titles: list[str] = []
    company_words: list[str] = []
    determiners: list[str] = []
    after_name: list[str] = []
    particles: list[str] = []
    asks_name: list[str] = []
    about_names: list[str] = []
    not_names: list[str] = []
    also_names: list[str] = []
    introduces_also: list[str] = []
    fills: list[str] = []
    ends_secret: list[str] = []
    not_secret: list[str] = []
    verb_endings: list[str] = []
    alternatives: list[str] = []
    secret_questions: list[str] = []
    tells_secret: list[str] = []
    chooses_secret: list[str] = []
    not_chosen: list[str] = []
    sets_secret: list[str] = []
    secret_set: list[str] = []
    set_to: list[str] = []
    ages: list[str] = []
    months: list[str] = []
    month_verbs: list[str] = []
    beside_months: list[str] = []
    last_century: list[str] = []
    ordinals: list[str] = []
    date_joins: list[str] = []
    date_tails: list[str] = []
    not_dates: list[str] = []
    streets: list[str] = []
    sure_streets: list[str] = []
    dwellings: list[str] = []
    houses: list[str] = []
    premises: list[str] = []
    address_heads: list[str] = []
    after_streets: list[str] = []
    signs: list[str] = []
    sure_signs: list[str] = []
    parts_of_secrets: list[str] = []
    address_joins: list[str] = []
    at_number: list[str] = []
    before_counts: list[str] = []
    email: EmailWords = EmailWords()

    @cached_property
    def no_names(self) -> frozenset[str]:
        """The list ``not_names``, to look up quickly."""
        return frozenset(self.not_names)

    @cached_property
    def joining(self) -> frozenset[str]:
        """Words between what was read out and what puts it right."""
        return frozenset((*self.numbers.corrects, *self.numbers.between))

    @cached_property
    def plain(self) -> frozenset[str]:
        """Words of everyday that begin answers: no names, places or secrets."""
        return frozenset((*self.fills, *self.not_secret))


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases to look up word by word: what each means, and the length of the longest."""

    meaning: dict[tuple[str, ...], str]
    longest: int


def any_of(phrases: Iterable[str], between: str = " ") -> str:
    """A regular expression of any of the phrases; ``between`` that of what parts their words."""
    parts = [between.join(re.escape(word) for word in phrase.split()) for phrase in phrases]
    return f"(?:{'|'.join(parts)})" if parts else "(?!)"


@cache
def words_of(language: str | None) -> Words:
    """The words of a language ("en", "en-GB"), none for one without a file. Raises RubricError."""
    name = (language or "en").split("-")[0].split("_")[0].lower()
    path = WORDS_DIR / f"{name}.yaml"
    if not path.is_file():
        return Words()
    file = read_yaml(path)
    try:
        return Words.model_validate(file.value)
    except ValidationError as error:
        raise file.invalid(error) from None


@cache
def cue_phrases(language: str | None) -> Phrases:
    """All cues of a language by their words; a weak one's meaning ends in "?"."""
    words = words_of(language)
    meaning: dict[tuple[str, ...], str] = {}
    others = {"ending": words.ending, "nothing": words.nothing}
    for mark, cues in (("?", words.weak), ("", words.cues), ("", others)):
        for kind, phrases in cues.items():
            for phrase in phrases:
                meaning[tuple(phrase.split())] = kind + mark
    return Phrases(meaning, max(map(len, meaning), default=0))

"""Dialogue moves found in words: apology, refusal, complaint, next step, …

Which words make which move is data: ``rubrics/cues/<language>/*.yaml``, in the notation of
:mod:`pipeline.patterns`. A language without a folder has no cues.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from pipeline.durations import Durations, read_durations
from pipeline.errors import RubricError
from pipeline.normalise import Normalised, normalise
from pipeline.patterns import PatternError, compile_list, compile_pattern
from pipeline.records import Cue, Move, Turn
from pipeline.yamlfile import YamlFile, digest, read_yaml

NOT_CUES = ("words.yaml", "durations.yaml")
CUES_DIR = Path(__file__).resolve().parent.parent / "rubrics" / "cues"
# How far back a guard ("not_after") may reach, in characters: about eight words.
GUARD_REACH = 60
# How sure a language's tagger and patterns are; ``make train`` writes it.
LEARNT_FILE = "moves.json"
# What the tagger does not report is about so likely.
SURELY_NOT = 0.02
# What is less likely changes no answer and hardly its confidence.
LIKELY_FROM = 0.1


class CueEntry(BaseModel):
    """A cue as written in a cue file.

    ``not_after`` are patterns that speak against it directly before, ``unless`` are other cues
    that speak against it when found in the same words. A ``counted`` cue is no move of its own:
    only its number matters, and :meth:`CueSet.find` leaves it out.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    id: str
    by: Literal["agent", "customer", "either"]
    meaning: str
    patterns: list[str]
    not_after: list[str] = []
    unless: list[str] = []
    counted: bool = False
    must: list[str]
    must_not: list[str]


@dataclass(frozen=True, slots=True)
class CueDefinition:
    """A cue ready to be looked for; ``entry`` keeps its meaning and examples."""

    entry: CueEntry
    expression: re.Pattern[str]
    guard: re.Pattern[str] | None

    def matches(self, words: Normalised) -> tuple[list[tuple[int, int]], bool]:
        """Where in the normalised text the move is made, and whether its guard spoke against it."""
        found, guarded_once = [], False
        at = 0
        while match := self.expression.search(words.text, at):
            before = words.text[max(0, match.start() - GUARD_REACH) : match.start()]
            guarded = self.guard is not None and self.guard.search(before) is not None
            guarded_once = guarded_once or guarded
            if not guarded:
                found.append((match.start(), match.end()))
            # A guarded match hides no later one: go on with the next word only.
            at = words.text.find(" ", match.start()) + 1 if guarded else match.end()
            if at <= match.start():
                break
        return found, guarded_once


class Weighing(BaseModel):
    """How sure the tagger and the patterns are of a cue, as learnt from dialogues held back.

    The probability is the logistic function of ``bias + tagger * logit(p) + pattern * found``. What
    the tagger alone finds counts from ``counts_from`` on; what a pattern finds does not count below
    ``rules_out_below``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bias: float
    tagger: float
    pattern: float
    counts_from: float
    rules_out_below: float

    def probability(self, by_tagger: float, by_pattern: bool) -> float:
        """How likely a cue is there, to three decimals."""
        p = min(max(by_tagger, SURELY_NOT), 1 - SURELY_NOT)
        weight = self.bias + self.tagger * math.log(p / (1 - p)) + self.pattern * by_pattern
        return round(1 / (1 + math.exp(-weight)), 3)


class Learnt(BaseModel):
    """What was learnt about a language's cues, beside the tagger itself.

    ``certainty`` are pairs of a share of plausible readings that agree and how often an answer with
    that share was right (:mod:`pipeline.certainty`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cues: dict[str, Weighing] = {}
    certainty: list[tuple[float, float]] = []


@dataclass(frozen=True, slots=True)
class CueSet:
    """All cues of a language. ``hash`` changes with anything that may change what is found.

    ``durations`` is None where the language has no words for them.
    """

    language: str
    definitions: tuple[CueDefinition, ...]
    hash: str
    durations: Durations | None = None
    lists: Mapping[str, str] = field(default_factory=dict)
    learnt: Learnt = field(default_factory=Learnt)

    def define(self, entry: CueEntry) -> CueDefinition:
        """A cue in this set's word lists. Raises PatternError."""
        patterns = [compile_pattern(pattern, self.lists) for pattern in entry.patterns]
        guards = [compile_pattern(pattern, self.lists) for pattern in entry.not_after]
        return _compile(entry, patterns, guards)

    def find(self, turns: Sequence[Turn], moves: Sequence[Move] | None = None) -> tuple[Cue, ...]:
        """Every cue in every turn of the side that the cue belongs to, in the order spoken.

        A turn of an unknown role has none: who says a thing decides what it means.
        """
        return tuple(cue for cue in self.likely(turns, moves) if self.counts(cue))

    def counts(self, cue: Cue) -> bool:
        """Whether a cue that may be there is taken as there."""
        weighing = self.learnt.cues.get(cue.id)
        if weighing is None:
            return cue.by_pattern
        below = weighing.rules_out_below if cue.by_pattern else weighing.counts_from
        return cue.probability >= below

    def likely(self, turns: Sequence[Turn], moves: Sequence[Move] | None = None) -> tuple[Cue, ...]:
        """Every cue that may be there, with its probability: by patterns, by ``moves``, or both.

        Without ``moves`` (None: no tagger read the words) there are only the patterns.
        """
        of_turn: dict[int, dict[str, Move]] = {}
        for move in moves or ():
            of_turn.setdefault(move.turn, {})[move.id] = move
        weighing = self.learnt.cues if moves is not None else {}
        found: list[Cue] = []
        for index, turn in enumerate(turns):
            if turn.role not in ("agent", "customer"):
                continue
            read = of_turn.get(index, {})
            hits, denied = self._hits(turn)
            named = {name for *_, name in hits}
            for name in weighing.keys() & read.keys() - named - denied:
                hits.append((read[name].start, read[name].end, name))
            for start, end, name in sorted(hits):
                probability = 1.0
                if name in weighing:
                    by_tagger = read[name].probability if name in read else 0.0
                    probability = weighing[name].probability(by_tagger, name in named)
                if name in named or probability >= LIKELY_FROM:
                    begin_s, end_s = words_time(turn, start, end)
                    said = turn.text[start:end]
                    found.append(
                        Cue(name, index, said, begin_s, end_s, probability, name in named, start)
                    )
        return tuple(found)

    def _hits(self, turn: Turn) -> tuple[list[tuple[int, int, str]], set[str]]:
        """Where in the turn's text the patterns of which cues are found, and which are denied.

        A cue is denied where its words are there, but guarded ("I am not sorry") or another cue's.
        """
        words = normalise(turn.text)
        own = [
            definition
            for definition in self.definitions
            if definition.entry.by in (turn.role, "either") and not definition.entry.counted
        ]
        matches = {definition.entry.id: definition.matches(words) for definition in own}
        hits: list[tuple[int, int, str]] = []
        denied: set[str] = set()
        for definition in own:
            name, rivals = definition.entry.id, definition.entry.unless
            spans, guarded = matches[name]
            kept = [
                (start, end)
                for start, end in spans
                if not any(
                    start < other_end and end > other_start
                    for rival in rivals
                    for other_start, other_end in matches.get(rival, ((), False))[0]
                )
            ]
            hits += [(*words.source(start, end), name) for start, end in kept]
            if not kept and (spans or guarded):
                denied.add(name)
        return hits, denied

    def count(self, name: str, turns: Sequence[Turn]) -> int:
        """How often the words of a cue occur in turns, whoever says them."""
        return sum(
            len(definition.matches(normalise(turn.text))[0])
            for definition in self.definitions
            if definition.entry.id == name
            for turn in turns
        )


def words_between(turn: Turn, first: int, last: int) -> list[int]:
    """Indexes of the turn's words that lie in ``turn.text[first:last]``."""
    inside, at = [], 0
    for index, word in enumerate(turn.words):
        text = word.text.strip()
        start = turn.text.find(text, at)
        if start < 0 or not text:
            continue
        at = start + len(text)
        if start < last and at > first:
            inside.append(index)
    return inside


def words_time(turn: Turn, first: int, last: int) -> tuple[float | None, float | None]:
    """When ``turn.text[first:last]`` is said; the turn's times where its words have none."""
    inside = words_between(turn, first, last)
    if not inside:
        return turn.start_s, turn.end_s
    return turn.words[inside[0]].start_s, turn.words[inside[-1]].end_s


def cues_folder(language: str, folder: Path = CUES_DIR) -> Path:
    """Where the files of a language ("en", "en-GB") are, if there are any."""
    code = language.lower().replace("_", "-").split("-")[0]
    return folder / (code if code.isalpha() else "none")


def load_cues(language: str, folder: Path = CUES_DIR) -> CueSet | None:
    """The cues of a language ("en", "en-GB"); None where there are none."""
    place = cues_folder(language, folder)
    if not place.is_dir():
        return None
    return _shipped_cues(place) if folder == CUES_DIR else _read_cues(place)


@cache
def _shipped_cues(place: Path) -> CueSet:
    return _read_cues(place)  # reading and compiling them takes half a second


def _read_cues(place: Path) -> CueSet:
    lists, list_content = _word_lists(place / "words.yaml")
    definitions: dict[str, CueDefinition] = {}
    positions: dict[str, tuple[YamlFile, int]] = {}
    for path in sorted(place.glob("*.yaml")):
        if path.name in NOT_CUES:
            continue
        file = read_yaml(path)
        for index, entry in enumerate(_entries(file)):
            if entry.id in definitions:
                raise file.error((index, "id"), f"cue {entry.id!r} is there already; rename one")
            definitions[entry.id] = _define(entry, lists, file, index)
            positions[entry.id] = (file, index)
    for name, definition in definitions.items():
        for number, rival in enumerate(definition.entry.unless):
            if rival not in definitions or definitions[rival].entry.by != definition.entry.by:
                file, index = positions[name]
                raise file.error(
                    (index, "unless", number),
                    f"no cue {rival!r} of the same side; name one that the cue files define",
                )
    if not definitions:
        raise RubricError(f"{place}: holds no cue files; add some or remove the folder")
    content = [
        d.entry.model_dump(exclude={"meaning", "must", "must_not"}) for d in definitions.values()
    ]
    timed = place / "durations.yaml"
    durations = read_durations(read_yaml(timed)) if timed.exists() else None
    spoken = durations.words.model_dump() if durations else None
    learnt = _learnt(place / LEARNT_FILE)
    hashed = digest([list_content, content, spoken, learnt.model_dump()])
    return CueSet(place.name, tuple(definitions.values()), hashed, durations, lists, learnt)


def _word_lists(path: Path) -> tuple[dict[str, str], Any]:
    """Compiled word lists by name; a list may use the lists above it."""
    if not path.exists():
        return {}, {}
    file = read_yaml(path)
    try:
        content = TypeAdapter(dict[str, list[str]]).validate_python(file.value, strict=True)
    except ValidationError as error:
        raise file.invalid(error) from None
    lists: dict[str, str] = {}
    for name, entries in content.items():
        for index, entry in enumerate(entries):
            _compiled(entry, lists, file, (name, index))
        lists[name] = compile_list(entries, lists)
    return lists, content


def _learnt(path: Path) -> Learnt:
    if not path.exists():
        return Learnt()
    try:
        return Learnt.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RubricError(f"{path}: {error.errors()[0]['msg']}; restore it") from None


def _entries(file: YamlFile) -> list[CueEntry]:
    if not isinstance(file.value, list):
        raise file.error((), "expected a list of cues, each starting with '- id:'")
    entries = []
    for index, value in enumerate(file.value):
        try:
            entries.append(CueEntry.model_validate(value))
        except ValidationError as error:
            raise file.invalid(error, (index,)) from None
    return entries


def _define(entry: CueEntry, lists: Mapping[str, str], file: YamlFile, index: int) -> CueDefinition:
    for key in ("patterns", "must"):
        if not getattr(entry, key):
            raise file.error((index, key), "is empty; add at least one line")
    patterns = [
        _compiled(pattern, lists, file, (index, "patterns", i))
        for i, pattern in enumerate(entry.patterns)
    ]
    guards = [
        _compiled(pattern, lists, file, (index, "not_after", i))
        for i, pattern in enumerate(entry.not_after)
    ]
    return _compile(entry, patterns, guards)


def _compile(entry: CueEntry, patterns: list[str], guards: list[str]) -> CueDefinition:
    return CueDefinition(
        entry,
        re.compile(rf"(?<!\S)(?:{'|'.join(patterns)})"),
        re.compile(rf"(?<!\S)(?:{'|'.join(guards)})\Z") if guards else None,
    )


def _compiled(
    pattern: str, lists: Mapping[str, str], file: YamlFile, key: tuple[str | int, ...]
) -> str:
    try:
        return compile_pattern(pattern, lists)
    except PatternError as error:
        raise file.error(key, f"the pattern {pattern!r} {error}") from None

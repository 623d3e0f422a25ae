"""A call's turns as the finders see them: words, runs of digits, and what is said of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.records import Turn
from pipeline.redaction.split_runs import split_runs
from pipeline.redaction.spoken import Run, Token, read_runs, tokens_of
from pipeline.redaction.words import Phrases, Words, cue_phrases, words_of

WEAK_STEPS = 6
"""A word that says little ("number") counts as if it stood so many words further off."""
EXACT_STEPS = 2
"""So much nearer counts what is said in some words ("card number")."""
SENTENCE_STEPS = 4
"""So much further off is what stands in another sentence."""
NAMED_AFTER_STEPS = 1
"""What is told directly after ("is the sort code") is as sure as what comes before."""
PRINTED_STEPS = 5
"""Words between what a number is and where it is printed: "it's on the top right of the bill"."""
AFTER_STEPS = 3
"""So much further off is what comes after: names mostly come before their numbers."""
TURN_STEPS = 5
"""So much further off is what was said in the turn before."""
SHORT_TURN_WORDS = 6
"""A turn so short ("uh-huh, go on") keeps the subject of the one before it."""
REACH_TURNS = 3
"""Turns back that are looked at for what a number is."""


@dataclass(frozen=True, slots=True)
class CueWord:
    """Words that say what a number is; ``first``..``last`` are their tokens."""

    kind: str
    first: int
    last: int
    weak: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """A turn as the finders see it."""

    number: int
    turn: Turn
    tokens: tuple[Token, ...]
    cues: tuple[CueWord, ...]
    runs: tuple[Run, ...]

    @property
    def text(self) -> str:
        return self.turn.text

    @property
    def cased(self) -> bool:
        """Whether the text has capitals at all: some recognisers write none."""
        return any(c.isupper() for c in self.text)

    @property
    def asks(self) -> bool:
        return "?" in self.text[-40:]

    def pauses_after(self, at: int) -> bool:
        """Whether a pause follows a word, or nothing more."""
        return at + 1 == len(self.tokens) or self.text[self.tokens[at].end] in ",.?!"


def views_of(turns: Sequence[Turn], language: str | None) -> tuple[list[View], Words]:
    """All turns of a call as the finders see them, and the words of its language."""
    words, phrases = words_of(language), cue_phrases(language)
    views = []
    for number, turn in enumerate(turns):
        tokens = tokens_of(turn.text)
        cues = _cues(tokens, phrases, words)
        barred = {n for cue in cues for n in range(cue.first, cue.last + 1)}
        runs = read_runs(turn.text, tokens, words.numbers, barred)
        runs = split_runs(runs, turn.text, tokens, words)
        views.append(View(number, turn, tuple(tokens), tuple(cues), tuple(runs)))
    return views, words


def near_cues(
    views: Sequence[View], view: View, first: int, last: int, words: Words
) -> list[tuple[int, str]]:
    """What is said around the words ``first``..``last`` of a turn, nearest first.

    Returns
    -------
    list of (steps, kind)
    """
    found = []
    for cue in view.cues:
        if cue.last < first:
            between = view.text[view.tokens[cue.last].end : view.tokens[first].start]
            steps = first - cue.last
        elif cue.first > last:
            between = view.text[view.tokens[last].end : view.tokens[cue.first].start]
            steps = cue.first - last + AFTER_STEPS
            said = [token.lower for token in view.tokens[last + 1 : cue.first]]
            if said and said[0] in words.names_number and _all_own(said[1:], words):
                steps = NAMED_AFTER_STEPS
            # What stands before another number names that one.
            elif any(last < run.first <= cue.first + 4 for run in view.runs if run.first > last):
                steps += 2 * SENTENCE_STEPS
        else:
            continue
        steps += SENTENCE_STEPS * sum(mark in ".?!" for mark in between.replace("...", ""))
        found.append((steps + _strength(cue), cue.kind))
    away = TURN_STEPS + min(first, 12)
    for earlier in reversed(views[max(0, view.number - REACH_TURNS) : view.number]):
        for cue in earlier.cues:
            steps = away + min(12, len(earlier.tokens) - 1 - cue.last) // 2
            found.append((steps + _strength(cue), cue.kind))
        away += TURN_STEPS + (0 if len(earlier.tokens) <= SHORT_TURN_WORDS else SENTENCE_STEPS)
    for later in views[view.number + 1 : view.number + 2]:
        steps = 2 * TURN_STEPS + AFTER_STEPS
        found.extend((steps + min(cue.first, 12), cue.kind) for cue in later.cues if not cue.weak)
    return sorted(found, key=lambda pair: pair[0])


def _all_own(said: Sequence[str], words: Words) -> bool:
    return all(word in words.possessives for word in said)


def _strength(cue: CueWord) -> int:
    """More steps for a word that says little, fewer for some words that say it exactly."""
    return WEAK_STEPS if cue.weak else -EXACT_STEPS * (cue.last > cue.first)


def _within_letters(tokens: Sequence[Token], at: int, length: int, words: Words) -> bool:
    """Whether the letters of "P P S" are a part of more letters that are spelt."""
    if any(len(token.text) > 1 for token in tokens[at : at + length]):
        return False
    after = at + length
    # "N I capital D".
    after += after + 1 < len(tokens) and tokens[after].lower in words.numbers.between
    beside = [tokens[n] for n in (at - 1, after) if 0 <= n < len(tokens)]
    return any(len(token.text) == 1 and token.text.isalpha() for token in beside)


def _is_place(
    lower: Sequence[str], at: int, meaning: str, cues: Sequence[CueWord], words: Words
) -> bool:
    """Whether words say where a number is printed: "your account number on the invoice"."""
    # "On the invoice", "for the travel claim".
    owned = any(
        at > n and lower[at - n] in words.possessives and lower[at - n - 1] in words.printed_places
        for n in (1, 2)
    )
    if not owned and lower[at] not in words.printed_places:
        return False
    before = [cue for cue in cues if not cue.weak and cue.kind != "ending"][-1:]
    if not before:
        return meaning == "harmless?" and owned  # "it's on the bill"
    if meaning == "harmless":
        apart = at - before[0].last
        # Vouchers expire as cards do.
        return before[0].kind not in ("harmless", "expiry") and apart <= 2 * PRINTED_STEPS and owned
    return before[0].kind == "harmless" and at - before[0].last <= PRINTED_STEPS - 2


def _cues(tokens: Sequence[Token], phrases: Phrases, words: Words) -> list[CueWord]:
    cues: list[CueWord] = []
    at = 0
    lower = [token.lower for token in tokens]
    while at < len(lower):
        for length in range(min(phrases.longest, len(lower) - at), 0, -1):
            said = tuple(lower[at : at + length])
            bare = (*said[:-1], said[-1].removesuffix("'s").removesuffix("'"))
            meaning = phrases.meaning.get(said) or phrases.meaning.get(bare)
            if meaning and not _within_letters(tokens, at, length, words):
                weak = meaning.endswith("?")
                # "Docket number is" says nothing of a telephone, "my number is" does.
                if lower[at] in words.any_number and at and lower[at - 1] not in words.owners:
                    weak = True
                    if cues and cues[-1].last == at - 1 and not cues[-1].weak:
                        meaning = cues[-1].kind
                if meaning != "nothing" and not _is_place(lower, at, meaning, cues, words):
                    cues.append(CueWord(meaning.rstrip("?"), at, at + length - 1, weak))
                at += length
                break
        else:
            at += 1
    return cues

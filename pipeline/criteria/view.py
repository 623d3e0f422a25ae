"""What every judge looks at: a call's turns, the cues found in them, and a few ways to ask."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.cues import words_between, words_time
from pipeline.normalise import normalise
from pipeline.records import AnswerValue, CallFacts, Cue, Evidence, Role, Turn
from pipeline.spans import clock

Thresholds = Mapping[str, float]

# A cue is quoted with the words around it, up to the ends of its sentence.
QUOTE_BEFORE, QUOTE_AFTER = 8, 14
# A quote of a whole turn is cut after so many words: enough to recognise the place.
QUOTE_WORDS = 40
# How directly a judge read its answer: what its confidence is where nothing better was learnt
# (:mod:`pipeline.certainty`): on answers from the sound, and in a language without a tagger.
PLAIN = 0.9  # the words for it are there, or were measured
INFERRED = 0.7  # from the absence of words, or from words around it
GUESSED = 0.5  # nothing speaks clearly either way

# What no agent says to a customer, whatever the call is about; what is "offered" in the same breath
# is a threat or a dismissal.
HOSTILE = ("agent_insult", "belittling")
ABUSE = ("abuse_insult", "abuse_profanity", "abuse_threat")

_WORD = re.compile(r"\S+")
_SENTENCE_END = re.compile(r"[.!?…]+(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's answer, before points are given for it.

    ``helped`` says what would have met a missed or partial criterion, and where in the call.
    ``absent``: it rests on words that were not heard, so that it falls with a recording of which a
    part is not transcribed. ``wavering``: it hangs on how exact speech borders are, and is no surer
    than its ``confidence``.
    """

    answer: AnswerValue
    reason: str
    evidence: tuple[Evidence, ...] = ()
    confidence: float = PLAIN
    helped: str | None = None
    absent: bool = False
    wavering: bool = False


@dataclass(frozen=True)
class View:
    """A call with its cues, also by their id.

    ``has_cues``: its language has any, so that one that is not there was not said.
    """

    facts: CallFacts
    cues: tuple[Cue, ...]
    by_id: Mapping[str, tuple[Cue, ...]] = field(default_factory=dict)
    has_cues: bool = True

    @property
    def turns(self) -> tuple[Turn, ...]:
        return self.facts.turns

    def all(self, *ids: str, start: int = 0, stop: int | None = None) -> list[Cue]:
        """Cues of these ids in the turns ``start`` to ``stop`` (not included), in order."""
        end = len(self.turns) if stop is None else stop
        found = [c for name in ids for c in self.by_id.get(name, ()) if start <= c.turn < end]
        return sorted(found, key=place_of)

    def first(self, *ids: str, start: int = 0, stop: int | None = None) -> Cue | None:
        return next(iter(self.all(*ids, start=start, stop=stop)), None)

    def last(self, *ids: str, start: int = 0, stop: int | None = None) -> Cue | None:
        return next(reversed(self.all(*ids, start=start, stop=stop)), None)

    def has(self, turn: int, *ids: str) -> bool:
        return self.first(*ids, start=turn, stop=turn + 1) is not None

    def turns_of(self, role: Role, start: int = 0, stop: int | None = None) -> list[int]:
        end = len(self.turns) if stop is None else stop
        return [i for i in range(start, end) if self.turns[i].role == role]

    def word_count(self, turn: int) -> int:
        return len(normalise(self.turns[turn].text).offsets)

    def is_token(self, turn: int) -> bool:
        """A bare token of listening ("mm-hm", "okay") that takes no floor."""
        return self.word_count(turn) == 0 or self.has(turn, "listening_token")


def place_of(cue: Cue) -> tuple[int, int]:
    """Where a cue is said: its turn, and how far into it. Cues are in order by it."""
    return cue.turn, cue.offset


def view(facts: CallFacts, cues: Iterable[Cue], *, has_cues: bool = True) -> View:
    by_id: dict[str, list[Cue]] = {}
    ordered = tuple(cues)
    for cue in ordered:
        by_id.setdefault(cue.id, []).append(cue)
    named = {name: tuple(found) for name, found in by_id.items()}
    return View(facts, ordered, named, has_cues)


def place(seen: View, turn: int) -> str:
    """Where a turn is, in words: "at 1:05", or "in turn 7" where there are no times."""
    start_s = seen.turns[turn].start_s
    if start_s is None:
        return f"in turn {turn + 1}"
    return f"at {clock(start_s)}"


def quote(seen: View, cue: Cue, what: str) -> Evidence:
    """A cue as evidence: its sentence, cut where that is long."""
    turn = seen.turns[cue.turn]
    first, last = cue.offset, cue.offset + len(cue.quote)
    sentence = max((end.end() for end in _SENTENCE_END.finditer(turn.text, 0, first)), default=0)
    before = list(_WORD.finditer(turn.text, sentence, first))[-QUOTE_BEFORE:]
    stop = _SENTENCE_END.search(turn.text, last)
    after = list(_WORD.finditer(turn.text, last, stop.start() if stop else len(turn.text)))
    first = before[0].start() if before else first
    last = after[:QUOTE_AFTER][-1].end() if after else last
    start_s, end_s = words_time(turn, first, last)
    return Evidence(turn.role, start_s, end_s, turn.text[first:last], what)


def quote_turn(seen: View, turn: int, what: str) -> Evidence:
    """A turn as evidence, cut where it is long."""
    spoken = seen.turns[turn]
    words = spoken.text.split()
    text = spoken.text.strip()
    end_s = spoken.end_s
    if len(words) > QUOTE_WORDS:
        end = 0
        for word in words[:QUOTE_WORDS]:
            end = text.index(word, end) + len(word)
        text = text[:end]
        inside = words_between(spoken, 0, end)
        end_s = spoken.words[inside[-1]].end_s if inside else end_s
    return Evidence(spoken.role, spoken.start_s, end_s, text, what)

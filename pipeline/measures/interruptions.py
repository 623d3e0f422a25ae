"""Who starts to speak while the other holds the floor: competitive interruptions and backchannels.

The definitions are the rubric guide's. A *competitive interruption* starts while the other side has
held the floor for at least 1 s, both then speak at once for at least 0.5 s, and it is no
backchannel. A *backchannel* is at most three words in under 1 s and leaves the floor where it is.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from pipeline.records import Interruption, Role, Span, Word
from pipeline.spans import Spans, close_gaps, intersection

MIN_FLOOR_S = 1.0
"""The other must have held the floor this long (rubric guide)."""

MIN_OVERLAP_S = 0.5
"""Both must speak at once this long (rubric guide); shorter is the usual slip at a turn's end."""

BACKCHANNEL_MAX_S = 1.0
BACKCHANNEL_MAX_WORDS = 3
"""A backchannel is shorter than this and has no more words (rubric guide)."""

SPURT_PAUSE_S = 0.35
"""Pauses inside a stretch of talk; one this long ends it."""

FLOOR_PAUSE_S = 1.0
"""A speaker who goes on after a pause this short, in which nobody else speaks, kept the floor."""


def measure(
    speech: Mapping[Role, Spans], words: Mapping[Role, Sequence[Word]]
) -> tuple[Interruption, ...]:
    """All interruptions and backchannels between agent and customer, in order of time.

    Parameters
    ----------
    speech : speech of each side, at the resolution it was measured
    words : words of each side, in order of time
    """
    found = []
    pairs: tuple[tuple[Role, Role], ...] = (("agent", "customer"), ("customer", "agent"))
    for by, other in pairs:
        spurts = close_gaps(speech.get(by, ()), SPURT_PAUSE_S)
        own_words = words.get(by, ())
        rivals = tuple(spurt for spurt in spurts if not _is_short(spurt, own_words))
        floors = _floors(speech.get(other, ()), rivals)
        others = close_gaps(speech.get(other, ()), SPURT_PAUSE_S)
        for spurt in spurts:
            event = _judge(by, spurt, floors, others, own_words)
            if event is not None:
                found.append(event)
    return tuple(sorted(found, key=lambda event: (event.start_s, event.by)))


def _is_short(spurt: Span, words: Sequence[Word]) -> bool:
    """Whether a stretch of talk is short enough for a backchannel."""
    first = bisect_left(words, spurt.start_s, key=_middle_s)
    said = bisect_right(words, spurt.end_s, key=_middle_s) - first
    return spurt.duration_s < BACKCHANNEL_MAX_S and said <= BACKCHANNEL_MAX_WORDS


def _middle_s(word: Word) -> float:
    return (word.start_s + word.end_s) / 2


def _floors(speech: Spans, rivals: Spans) -> Spans:
    """How long the floor is a speaker's: pauses are bridged in which no rival takes it.

    A backchannel in a pause takes nothing.
    """
    floors: list[Span] = []
    for span in close_gaps(speech, SPURT_PAUSE_S):
        pause = Span(floors[-1].end_s, span.start_s) if floors else None
        if pause and pause.duration_s <= FLOOR_PAUSE_S and not intersection((pause,), rivals):
            floors[-1] = Span(floors[-1].start_s, span.end_s)
        else:
            floors.append(span)
    return tuple(floors)


def _judge(
    by: Role, spurt: Span, floors: Spans, others: Spans, words: Sequence[Word]
) -> Interruption | None:
    """The event that a stretch of talk is, if any."""
    floor = next((f for f in floors if f.start_s < spurt.start_s < f.end_s), None)
    if floor is None:
        return None
    held_s = spurt.start_s - floor.start_s
    if _is_short(spurt, words):
        if floor.end_s < spurt.end_s:
            return None  # a quick answer that slips under the end of a turn
        return Interruption(by, spurt.start_s, spurt.end_s, "backchannel", spurt.start_s, held_s)
    both = intersection((spurt,), others)
    if held_s < MIN_FLOOR_S or not both or both[0].start_s > spurt.start_s + SPURT_PAUSE_S:
        return None
    if both[0].duration_s < MIN_OVERLAP_S:
        return None
    return Interruption(by, both[0].start_s, both[0].end_s, "competitive", spurt.start_s, held_s)

"""Who starts to speak while the other holds the floor.

The definitions are the rubric guide's. A *competitive interruption* starts while the other side has
held the floor for at least 1 s, both then speak at once for at least 0.5 s, and it is no
backchannel. A *backchannel* is at most three words in under 1 s and leaves the floor where it is.
Two kinds look like competition and are none: a *completion* (the other's sentence is finished for
them, and they say that it is right) and a *false start* (both start at once out of a pause, or the
one who cuts in gives the floor back with words, and lets the other go on).

Speech borders are only so exact. Everything is counted again with all borders shifted by that much;
what is competitive under every shift is ``certain``, what is only under some is *possible*.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from pipeline.records import PARTIES, Interruption, InterruptionKind, Role, Span, Word
from pipeline.spans import Spans, close_gaps, intersection, overlap_s, union

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
"""A speaker who goes on after a pause this short kept the floor, whoever tried to take it then."""

REACTION_S = 0.2
"""Nobody reacts to a start faster than this (Heldner & Edlund 2010): two starts within it are
blind to each other."""

GIVES_BACK_WITHIN_S = 2.0
"""A false start is over this soon, the words that give the floor back included."""

GOES_ON_S = 0.5
"""The other kept the floor if they speak on for this long after the one who cut in has stopped."""

COMPLETION_MAX_S = 2.5
COMPLETION_MAX_WORDS = 6
CONFIRMED_WITHIN_S = 1.5
"""A completion is no longer than this, and the other confirms it this soon."""

MATCH_S = 0.75
"""Events of two countings are the same when their starts are this close."""


@dataclass(frozen=True, slots=True)
class Moves:
    """Where each side says something that settles what an overlap was."""

    gives_floor: Mapping[Role, Spans]
    confirms: Mapping[Role, Spans]


NO_MOVES = Moves({}, {})


@dataclass(frozen=True, slots=True)
class _Side:
    """A side's talk: its stretches, and how long the floor is its own."""

    speech: Spans
    spurts: Spans
    floors: Spans
    words: Sequence[Word]


def measure(
    speech: Mapping[Role, Spans],
    words: Mapping[Role, Sequence[Word]],
    *,
    jitter_s: float,
    moves: Moves = NO_MOVES,
) -> tuple[tuple[Interruption, ...], tuple[Interruption, ...]]:
    """All events between agent and customer, and the competitive ones that may be there beside.

    Parameters
    ----------
    speech : speech of each side, at the resolution it was measured
    words : words of each side, in order of time
    jitter_s : how exact the borders of ``speech`` are
    moves : words that tell a false start or a completion

    Returns
    -------
    Both in order of time. The first with ``certain`` set for what holds under every shift.
    """
    counted = _count(speech, words, moves)
    again = [_count(shifted, words, moves) for shifted in _shifted(speech, jitter_s)]
    tries = [[event for event in found if event.kind == "competitive"] for found in again]
    events = tuple(
        replace(event, certain=all(_there(event, found) for found in tries))
        if event.kind == "competitive"
        else event
        for event in counted
    )
    possible: list[Interruption] = []
    seen = [event for event in counted if event.kind == "competitive"]
    for event in (event for found in tries for event in found):
        if not _there(event, [*seen, *possible]):
            possible.append(replace(event, certain=False))
    return events, tuple(sorted(possible, key=_order))


def _order(event: Interruption) -> tuple[float, str]:
    return event.start_s, event.by


def _there(event: Interruption, found: Sequence[Interruption]) -> bool:
    return any(e.by == event.by and abs(e.at_s - event.at_s) <= MATCH_S for e in found)


def _shifted(speech: Mapping[Role, Spans], jitter_s: float) -> Iterator[dict[Role, Spans]]:
    """The speech with each side's stretches longer or shorter by the jitter at both ends."""
    for signs in product((-1, 1), repeat=len(PARTIES)):
        yield {
            side: union(
                *(
                    (Span(s.start_s - by_s, s.end_s + by_s),)
                    for s in speech.get(side, ())
                    if s.duration_s + 2 * by_s > 0
                )
            )
            for side, sign in zip(PARTIES, signs, strict=True)
            for by_s in (sign * jitter_s,)
        }


def _count(
    speech: Mapping[Role, Spans], words: Mapping[Role, Sequence[Word]], moves: Moves
) -> list[Interruption]:
    spurts = {side: close_gaps(speech.get(side, ()), SPURT_PAUSE_S) for side in PARTIES}
    sides = {
        side: _Side(
            speech.get(side, ()),
            spurts[side],
            _floors(spurts[side], _rivals(spurts[other], words.get(other, ()))),
            words.get(side, ()),
        )
        for side, other in (PARTIES, PARTIES[::-1])
    }
    found = [
        event
        for by, over in (PARTIES, PARTIES[::-1])
        for spurt in sides[by].spurts
        if (event := _judge(by, over, spurt, sides, moves)) is not None
    ]
    return sorted(found, key=_order)


def _rivals(spurts: Spans, words: Sequence[Word]) -> Spans:
    """The stretches that take a floor: a backchannel takes nothing."""
    return tuple(spurt for spurt in spurts if not _is_short(spurt, words))


def _is_short(spurt: Span, words: Sequence[Word]) -> bool:
    """Whether a stretch of talk is short enough for a backchannel."""
    return spurt.duration_s < BACKCHANNEL_MAX_S and _said(spurt, words) <= BACKCHANNEL_MAX_WORDS


def _said(spurt: Span, words: Sequence[Word]) -> int:
    """Number of words whose middle lies in a stretch."""
    first = bisect_left(words, spurt.start_s, key=_middle_s)
    return bisect_right(words, spurt.end_s, key=_middle_s) - first


def _middle_s(word: Word) -> float:
    return (word.start_s + word.end_s) / 2


def _floors(spurts: Spans, rivals: Spans) -> Spans:
    """How long the floor is a speaker's: pauses are bridged in which no rival takes it."""
    floors: list[Span] = []
    for spurt in spurts:
        pause = Span(floors[-1].end_s, spurt.start_s) if floors else None
        if pause and pause.duration_s <= FLOOR_PAUSE_S and not intersection((pause,), rivals):
            floors[-1] = Span(floors[-1].start_s, spurt.end_s)
        else:
            floors.append(spurt)
    return tuple(floors)


def _judge(
    by: Role, over: Role, spurt: Span, sides: Mapping[Role, _Side], moves: Moves
) -> Interruption | None:
    """The event that a stretch of talk is, if any."""
    own, other = sides[by], sides[over]
    floor = next((f for f in other.floors if f.start_s < spurt.start_s < f.end_s), None)
    if floor is None:
        return None
    held_s = spurt.start_s - floor.start_s
    if _is_short(spurt, own.words):
        if floor.end_s < spurt.end_s:
            return None  # a quick answer that slips under the end of a turn
        return Interruption(by, spurt.start_s, spurt.end_s, "backchannel", spurt.start_s, held_s)
    both = intersection((spurt,), other.spurts)
    if held_s < MIN_FLOOR_S or not both or both[0].start_s > spurt.start_s + SPURT_PAUSE_S:
        return None
    if both[0].duration_s < MIN_OVERLAP_S or _goes_on(spurt, floor, own):
        return None
    yielded = overlap_s(Span(spurt.end_s, floor.end_s), other.spurts) >= GOES_ON_S
    kind: InterruptionKind = "competitive"
    if yielded and _is_false_start(by, spurt, other, moves):
        kind = "false_start"
    elif _is_completion(over, spurt, own, moves):
        kind = "completion"
    return Interruption(
        by, both[0].start_s, both[0].end_s, kind, spurt.start_s, held_s, yielded=yielded
    )


def _goes_on(spurt: Span, floor: Span, own: _Side) -> bool:
    """Whether a speaker whom the other cut into only goes on after a breath."""
    at = bisect_right(own.spurts, spurt.start_s, key=_end_s)
    if not at:
        return False
    before = own.spurts[at - 1]
    cut_into = before.start_s < floor.start_s < before.end_s
    return cut_into and spurt.start_s - before.end_s <= FLOOR_PAUSE_S


def _end_s(span: Span) -> float:
    return span.end_s


def _is_false_start(by: Role, spurt: Span, other: _Side, moves: Moves) -> bool:
    if spurt.duration_s > GIVES_BACK_WITHIN_S:
        return False
    blind = any(abs(s.start_s - spurt.start_s) <= REACTION_S for s in other.spurts)
    return blind or overlap_s(spurt, moves.gives_floor.get(by, ())) > 0


def _is_completion(over: Role, spurt: Span, own: _Side, moves: Moves) -> bool:
    if spurt.duration_s > COMPLETION_MAX_S or _said(spurt, own.words) > COMPLETION_MAX_WORDS:
        return False
    after = Span(spurt.start_s, spurt.end_s + CONFIRMED_WITHIN_S)
    return any(after.start_s < said.start_s < after.end_s for said in moves.confirms.get(over, ()))

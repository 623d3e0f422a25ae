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
from pipeline.spans import Spans, close_gaps, intersection, overlap_s, total_s, touching

MIN_FLOOR_S = 1.0
"""The other must have held the floor this long (rubric guide)."""

MIN_OVERLAP_S = 0.5
"""Both must speak at once this long (rubric guide); shorter is the usual slip at a turn's end."""

BACKCHANNEL_MAX_S = 1.0
BACKCHANNEL_MAX_WORDS = 3
"""A backchannel is shorter than this and has no more words (rubric guide)."""

SPURT_PAUSE_S = 0.35
"""Pauses inside a stretch of talk; one this long ends it."""

BREATH_S = 0.5
"""A pause this short while the other talks on is a breath; after a longer one, who spoke had ended
and starts again."""

FLOOR_PAUSE_S = 1.0
"""A speaker who goes on after a pause this short kept the floor, whoever tried to take it then."""

REACTION_S = 0.2
"""Nobody reacts to a start faster than this (Heldner & Edlund 2010): two starts within it are
blind to each other."""

GIVES_BACK_WITHIN_S = 2.0
"""A false start is over this soon, the words that give the floor back included."""

GOES_ON_S = 0.5
"""The other went on if they speak for this long after the one who came in has stopped."""

COMPLETION_MAX_S = 2.5
COMPLETION_MAX_WORDS = 6
CONFIRMED_WITHIN_S = 1.5
"""A completion is no longer than this, and the other confirms it this soon."""


PAIRS: tuple[tuple[Role, Role], ...] = (PARTIES, (PARTIES[1], PARTIES[0]))
"""Each side with the other."""


@dataclass(frozen=True, slots=True)
class Moves:
    """Where each side says something that settles what an overlap was."""

    gives_floor: Mapping[Role, Spans]
    confirms: Mapping[Role, Spans]


NO_MOVES = Moves({}, {})


@dataclass(frozen=True, slots=True)
class _Side:
    """A side's talk: its stretches, those of them that contest a floor, and its own floors."""

    spurts: Spans
    rivals: Spans
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
    spurts = {side: close_gaps(speech.get(side, ()), SPURT_PAUSE_S) for side in PARTIES}
    events = _count(spurts, words, moves)
    tries = [
        [event for event in _count(shifted, words, moves) if event.kind == "competitive"]
        for shifted in _shifted(spurts, jitter_s)
    ]
    counted = tuple(
        replace(event, certain=all(_there(event, found) for found in tries))
        if event.kind == "competitive"
        else event
        for event in events
    )
    possible: list[Interruption] = []
    seen = [event for event in events if event.kind == "competitive"]
    for event in (event for found in tries for event in found):
        if not _there(event, [*seen, *possible]):
            possible.append(replace(event, certain=False))
    return counted, tuple(sorted(possible, key=_order))


def _order(event: Interruption) -> tuple[float, str]:
    return event.start_s, event.by


def _there(event: Interruption, found: Sequence[Interruption]) -> bool:
    """Whether an event is among those of another counting: by the same side, at the same time."""
    return any(e.by == event.by and e.at_s < event.end_s and event.at_s < e.end_s for e in found)


def _shifted(spurts: Mapping[Role, Spans], jitter_s: float) -> Iterator[dict[Role, Spans]]:
    """The stretches of each side longer, and shorter, by the jitter at both ends."""
    for changes in product((-jitter_s, jitter_s), repeat=len(PARTIES)):
        yield {
            side: _resized(spurts[side], by_s) for side, by_s in zip(PARTIES, changes, strict=True)
        }


def _resized(spurts: Spans, by_s: float) -> Spans:
    """Stretches longer by so much at both ends; they stay apart, and none vanishes."""
    resized: list[Span] = []
    for number, spurt in enumerate(spurts):
        before = spurts[number - 1].end_s if number else float("-inf")
        after = spurts[number + 1].start_s if number + 1 < len(spurts) else float("inf")
        room_before, room_after = (spurt.start_s - before) / 2, (after - spurt.end_s) / 2
        shrink = max(by_s, -spurt.duration_s / 2)
        start_s = spurt.start_s - min(shrink, 0.99 * room_before)
        end_s = spurt.end_s + min(shrink, 0.99 * room_after)
        resized.append(Span(start_s, max(start_s, end_s)))
    return tuple(resized)


def _count(
    spurts: Mapping[Role, Spans], words: Mapping[Role, Sequence[Word]], moves: Moves
) -> list[Interruption]:
    rivals = {side: _rivals(spurts[side], words.get(side, ())) for side in PARTIES}
    sides = {
        side: _Side(
            spurts[side], rivals[side], _floors(spurts[side], rivals[other]), words.get(side, ())
        )
        for side, other in PAIRS
    }
    found = [
        event
        for by, over in PAIRS
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
        if pause and pause.duration_s <= FLOOR_PAUSE_S and not touching(rivals, pause):
            floors[-1] = Span(floors[-1].start_s, spurt.end_s)
        else:
            floors.append(spurt)
    return tuple(floors)


def _judge(
    by: Role, over: Role, spurt: Span, sides: Mapping[Role, _Side], moves: Moves
) -> Interruption | None:
    """The event that a stretch of talk is, if any."""
    own, other = sides[by], sides[over]
    at = bisect_left(other.floors, spurt.start_s, key=_start_s)
    floor = other.floors[at - 1] if at else None
    if floor is None or floor.end_s <= spurt.start_s:
        return None
    held_s = spurt.start_s - floor.start_s
    if _is_short(spurt, own.words):
        if floor.end_s < spurt.end_s:
            return None  # a quick answer that slips under the end of a turn
        return Interruption(by, spurt.start_s, spurt.end_s, "backchannel", spurt.start_s, held_s)
    both = _overlaps(spurt, other)
    if held_s < MIN_FLOOR_S or total_s(both) < MIN_OVERLAP_S or _goes_on(spurt, floor, own):
        return None
    kind: InterruptionKind = "competitive"
    if _is_false_start(by, spurt, other, moves):
        kind = "false_start"
    elif _is_completion(over, spurt, own, moves):
        kind = "completion"
    kept_s = overlap_s(Span(spurt.end_s, floor.end_s), other.spurts)
    yielded = kind == "false_start" or kept_s >= GOES_ON_S
    return Interruption(
        by, both[0].start_s, both[-1].end_s, kind, spurt.start_s, held_s, yielded=yielded
    )


def _overlaps(spurt: Span, other: _Side) -> Spans:
    """Where both speak, from the start of a stretch on; the other may draw breath in between."""
    both = intersection((spurt,), touching(other.rivals, spurt))
    together: list[Span] = []
    until_s = spurt.start_s
    for part in both:
        if part.start_s - until_s > (BREATH_S if together else SPURT_PAUSE_S):
            break
        together.append(part)
        until_s = part.end_s
    return tuple(together)


def _goes_on(spurt: Span, floor: Span, own: _Side) -> bool:
    """Whether a speaker whom the other cut into only goes on after a breath."""
    at = bisect_right(own.spurts, spurt.start_s, key=_end_s)
    if not at:
        return False
    before = own.spurts[at - 1]
    cut_into = before.start_s < floor.start_s <= before.end_s - MIN_OVERLAP_S
    return cut_into and spurt.start_s - before.end_s <= FLOOR_PAUSE_S


def _start_s(span: Span) -> float:
    return span.start_s


def _end_s(span: Span) -> float:
    return span.end_s


def _is_false_start(by: Role, spurt: Span, other: _Side, moves: Moves) -> bool:
    """Whether who came in did not mean to, or gave the floor back, and the other went on."""
    if spurt.duration_s > GIVES_BACK_WITHIN_S:
        return False
    after = Span(spurt.end_s, spurt.end_s + FLOOR_PAUSE_S + GOES_ON_S)
    if overlap_s(after, other.spurts) < GOES_ON_S:
        return False
    blind = any(abs(s.start_s - spurt.start_s) <= REACTION_S for s in touching(other.spurts, spurt))
    return blind or overlap_s(spurt, moves.gives_floor.get(by, ())) > 0


def _is_completion(over: Role, spurt: Span, own: _Side, moves: Moves) -> bool:
    if spurt.duration_s > COMPLETION_MAX_S or _said(spurt, own.words) > COMPLETION_MAX_WORDS:
        return False
    after = Span(spurt.start_s, spurt.end_s + CONFIRMED_WITHIN_S)
    return any(after.start_s < said.start_s < after.end_s for said in moves.confirms.get(over, ()))

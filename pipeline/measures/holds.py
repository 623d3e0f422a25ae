"""Holds and dead air: long stretches in which neither side speaks to the other.

A hold is such a stretch with hold music in it, or one that the agent announced; dead air is one
with neither. Whether it was announced, explained and thanked for is read from the cues in the turns
around it.
"""

from collections.abc import Sequence

from pipeline.records import Cue, Hold, Span, Turn
from pipeline.spans import Spans, close_gaps, gaps, overlap_s

MIN_SILENCE_S = 10.0
"""Neither side speaks for at least this long (rubric guide)."""

MIN_MUSIC_S = 3.0
"""This much hold music in a stretch makes it a hold."""

ANNOUNCED_WITHIN_S = 20.0
"""The announcement comes this shortly before the hold: the customer may still answer it."""

THANKED_WITHIN_S = 15.0
"""The return is acknowledged this soon after the hold."""

BLIP_S = 0.3
"""A sound this short, by itself, does not end a silence: a click, a breath."""


def measure(
    conversation: Spans,
    music: Spans,
    cues: Sequence[Cue],
    turns: Sequence[Turn],
) -> tuple[tuple[Hold, ...], tuple[Span, ...]]:
    """Holds and dead air, each in order of time.

    Parameters
    ----------
    conversation : speech of agent and customer together, prompts and music excluded
    music : hold music on any channel
    cues : moves found in ``turns``; uses ``hold_announcement``, ``hold_reason``, ``hold_thanks``
    """
    speech = tuple(s for s in close_gaps(conversation, 0.5) if s.duration_s >= BLIP_S)
    holds: list[Hold] = []
    dead_air: list[Span] = []
    if not speech:
        return (), ()
    # Before the first word nobody waits, and after the last only with hold music in the ear.
    end_s = max(speech[-1].end_s, music[-1].end_s if music else 0.0)
    for silence in gaps(speech, Span(speech[0].start_s, end_s)):
        with_music = overlap_s(silence, music) >= MIN_MUSIC_S
        if not with_music and silence.duration_s < MIN_SILENCE_S:
            continue
        announced = _near(cues, "hold_announcement", turns, before=silence)
        if with_music or announced:
            holds.append(
                Hold(
                    silence.start_s,
                    silence.end_s,
                    announced=announced,
                    reason_given=announced and _near(cues, "hold_reason", turns, before=silence),
                    thanked=_near(cues, "hold_thanks", turns, after=silence),
                    music=with_music,
                )
            )
        else:
            dead_air.append(silence)
    return tuple(holds), tuple(dead_air)


def _near(
    cues: Sequence[Cue],
    name: str,
    turns: Sequence[Turn],
    *,
    before: Span | None = None,
    after: Span | None = None,
) -> bool:
    """Whether the cue stands in a turn shortly before or after a silence."""
    for cue in cues:
        start_s, end_s = turns[cue.turn].start_s, turns[cue.turn].end_s
        if cue.id != name or start_s is None or end_s is None:
            continue
        if before is not None and -1.0 <= before.start_s - end_s <= ANNOUNCED_WITHIN_S:
            return True
        if after is not None and -1.0 <= start_s - after.end_s <= THANKED_WITHIN_S:
            return True
    return False

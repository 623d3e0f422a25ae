"""Holds and dead air: long stretches in which neither side speaks to the other.

A hold is such a stretch with hold music in it, or one that the agent announced; dead air is one
with neither. Whether it was announced, explained and thanked for is read from the cues in the turns
around it. Where the agent comes back only to say that it takes longer, the next hold continues the
last: it needs no announcement and no reason of its own.
"""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.durations import Durations
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

UPDATE_MAX_S = 30.0
"""An update between two parts of a hold is over this soon; what is longer is a conversation."""

BLIP_S = 0.3
"""A sound this short, by itself, does not end a silence: a click, a breath."""


def measure(
    conversation: Spans,
    music: Spans,
    cues: Sequence[Cue],
    turns: Sequence[Turn],
    durations: Durations | None = None,
) -> tuple[tuple[Hold, ...], tuple[Span, ...]]:
    """Holds and dead air, each in order of time.

    Parameters
    ----------
    conversation : speech of agent and customer together, prompts and music excluded
    music : hold music on any channel
    cues : moves found in ``turns``; uses ``hold_announcement``, ``hold_reason``, ``hold_thanks``
        and ``hold_update``
    durations : reads how long a hold was said to take
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
        said = _near(cues, "hold_announcement", turns, before=silence)
        update = _near(cues, "hold_update", turns, before=silence)
        last = holds[-1] if holds and _updated(holds[-1], update, turns, silence) else None
        if last is not None:
            holds[-1] = replace(last, thanked=True)  # the update acknowledged the wait
        announcement = said or (update if last is not None else None)
        if not with_music and announcement is None:
            dead_air.append(silence)
            continue
        reason = _near(cues, "hold_reason", turns, before=silence)
        holds.append(
            Hold(
                silence.start_s,
                silence.end_s,
                announced=announcement is not None,
                reason_given=(said is not None and reason is not None)
                or (last is not None and last.reason_given),
                thanked=_near(cues, "hold_thanks", turns, after=silence) is not None,
                music=with_music,
                promised_s=_promised_s(announcement, turns, durations),
                continued=last is not None,
            )
        )
    return tuple(holds), tuple(dead_air)


def _updated(last: Hold, update: Cue | None, turns: Sequence[Turn], silence: Span) -> bool:
    """Whether the agent came back from a hold only to say that it takes longer."""
    if update is None or silence.start_s - last.end_s > UPDATE_MAX_S:
        return False
    said_at_s = turns[update.turn].start_s
    return said_at_s is not None and said_at_s >= last.end_s - 1.0


def _promised_s(
    announcement: Cue | None, turns: Sequence[Turn], durations: Durations | None
) -> float | None:
    """How long the hold was said to take: named after the announcement, else before it."""
    if announcement is None or durations is None:
        return None
    text = turns[announcement.turn].text
    after = text[max(0, text.find(announcement.quote)) :]
    return durations.longest_s(after) or durations.longest_s(text)


def _near(
    cues: Sequence[Cue],
    name: str,
    turns: Sequence[Turn],
    *,
    before: Span | None = None,
    after: Span | None = None,
) -> Cue | None:
    """The cue that stands in a turn shortly before or after a silence, the nearest to it."""
    for cue in cues if before is None else reversed(cues):
        start_s, end_s = turns[cue.turn].start_s, turns[cue.turn].end_s
        if cue.id != name or start_s is None or end_s is None:
            continue
        if before is not None and -1.0 <= before.start_s - end_s <= ANNOUNCED_WITHIN_S:
            return cue
        if after is not None and -1.0 <= start_s - after.end_s <= THANKED_WITHIN_S:
            return cue
    return None

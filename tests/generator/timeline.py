"""Where everything in a call lies: turns, overlaps, holds and dead air. No sound, only times.

The floor is held by the last turn that is not a backchannel; pauses, overlaps and backchannels are
placed against it. Times are seconds from the start of the recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .records import DeadAir, Hold, Role, ScriptError, Step, Turn
from .speech import Speech

PAUSE_MEDIAN_S = 0.36
PAUSE_SPREAD = 0.5  # standard deviation of the logarithm
PAUSE_RANGE_S = (0.12, 0.9)
LEAD_IN_S = (0.5, 1.1)
LEAD_OUT_S = (0.5, 1.1)
FLOOR_HELD_S = 1.0  # an interruption is competitive after the other has spoken this long
LONGER_THAN_OVERLAP_S = 0.15  # by which an interrupting turn outlasts the one it cuts off
CONTEST_CLEAR_S = 0.3  # kept between a contest and both edges of the turn it fails in
BACKCHANNEL_CLEAR_S = 0.4  # from the start of the turn it falls into
BACKCHANNEL_BEFORE_END_S = 0.1
BACKCHANNEL_OVER_WORDS = 0.75  # share that must fall on words, not in a pause of the other
MUSIC_AFTER_S = (0.4, 0.8)  # from the last word to the music
MUSIC_BEFORE_S = (0.3, 0.6)  # from the music to the next word


@dataclass(frozen=True, slots=True)
class PlacedTurn:
    """Turn ``index`` of the script, from its first sound to its last."""

    index: int
    turn: Turn
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Interruption:
    """Turn ``turn`` starts while turn ``over_turn`` goes on; the span is their overlap."""

    by: Role
    kind: Literal["competitive", "backchannel"]
    start_s: float
    end_s: float
    turn: int
    over_turn: int


@dataclass(frozen=True, slots=True)
class PlacedHold:
    """A hold, and its music inside it (``music_s`` is None for a silent hold)."""

    hold: Hold
    start_s: float
    end_s: float
    music_s: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """All spans of a call, in order of time (turns in order of the script)."""

    turns: tuple[PlacedTurn, ...]
    interruptions: tuple[Interruption, ...]
    holds: tuple[PlacedHold, ...]
    dead_air: tuple[tuple[float, float], ...]
    duration_s: float


def schedule(
    steps: Sequence[Step], speeches: Sequence[Speech], rng: np.random.Generator
) -> Timeline:
    """Places the steps of a script; ``speeches`` holds the sound of its turns, in order."""
    turns: list[PlacedTurn] = []
    interruptions: list[Interruption] = []
    holds: list[PlacedHold] = []
    dead_air: list[tuple[float, float]] = []
    floor: PlacedTurn | None = None
    now_s = float(rng.uniform(*LEAD_IN_S))  # the end of all that is placed so far
    pause_due = False  # a pause comes before the next turn; none at the start or after a silence
    for step in steps:
        if isinstance(step, Turn):
            index = len(turns)
            speech = speeches[index]
            over: PlacedTurn | None = None
            if step.kind == "prompt":
                start_s = _prompt_start_s(holds, step, index, speech)
            elif step.kind == "turn":
                start_s = now_s + (_pause_s(rng) if pause_due else 0.0)
                if step.slips_s is not None:
                    start_s = _floor_of_other(floor, step, index).end_s - step.slips_s
            else:
                over = _floor_of_other(floor, step, index)
                if step.kind == "interruption":
                    start_s = _interruption_start_s(over, step, index, speech)
                elif step.kind == "contest":
                    start_s = _contest_start_s(over, step, index, speech)
                else:
                    start_s = _backchannel_start_s(over, step, index, speech, speeches[over.index])
            placed = PlacedTurn(index, step, start_s, start_s + speech.duration_s)
            turns.append(placed)
            if over is not None:
                kind = "backchannel" if step.kind == "backchannel" else "competitive"
                end_s = min(placed.end_s, over.end_s)
                interruptions.append(
                    Interruption(step.role, kind, start_s, end_s, index, over.index)
                )
            if step.kind in ("turn", "interruption"):
                floor = placed
            if step.kind != "prompt":
                now_s, pause_due = max(now_s, placed.end_s), True
        elif isinstance(step, Hold):
            end_s = now_s + step.duration_s
            holds.append(PlacedHold(step, now_s, end_s, _music_s(step, now_s, end_s, rng)))
            now_s, pause_due = end_s, False
        elif isinstance(step, DeadAir):
            dead_air.append((now_s, now_s + step.duration_s))
            now_s, pause_due = now_s + step.duration_s, False
    return Timeline(
        turns=tuple(turns),
        interruptions=tuple(sorted(interruptions, key=lambda event: event.start_s)),
        holds=tuple(holds),
        dead_air=tuple(dead_air),
        duration_s=now_s + float(rng.uniform(*LEAD_OUT_S)),
    )


def _pause_s(rng: np.random.Generator) -> float:
    return float(np.clip(rng.lognormal(np.log(PAUSE_MEDIAN_S), PAUSE_SPREAD), *PAUSE_RANGE_S))


def _floor_of_other(floor: PlacedTurn | None, turn: Turn, index: int) -> PlacedTurn:
    if floor is None or floor.turn.role == turn.role:
        raise ScriptError(f"turn {index} ({turn.text!r}): the other side does not hold the floor")
    return floor


def _interruption_start_s(over: PlacedTurn, turn: Turn, index: int, speech: Speech) -> float:
    start_s = over.end_s - turn.interrupts_s
    if start_s < over.start_s + FLOOR_HELD_S:
        raise ScriptError(
            f"turn {index} ({turn.text!r}): starts {start_s - over.start_s:.2f} s after the other "
            f"speaker, expected at least {FLOOR_HELD_S} s; make the interrupted turn longer"
        )
    if speech.duration_s < turn.interrupts_s + LONGER_THAN_OVERLAP_S:
        raise ScriptError(
            f"turn {index} ({turn.text!r}): lasts {speech.duration_s:.2f} s, too short to take the "
            f"floor after an overlap of {turn.interrupts_s} s"
        )
    return start_s


def _contest_start_s(over: PlacedTurn, turn: Turn, index: int, speech: Speech) -> float:
    first_s = over.start_s + FLOOR_HELD_S + CONTEST_CLEAR_S
    last_s = over.end_s - speech.duration_s - CONTEST_CLEAR_S
    if last_s < first_s:
        raise ScriptError(f"turn {index} ({turn.text!r}): no room for it in turn {over.index}")
    return first_s + turn.contests_at * (last_s - first_s)


def _prompt_start_s(holds: Sequence[PlacedHold], turn: Turn, index: int, speech: Speech) -> float:
    if not holds:
        raise ScriptError(f"turn {index} ({turn.text!r}): there is no hold before it")
    start_s = holds[-1].start_s + turn.during_hold_s
    if start_s + speech.duration_s > holds[-1].end_s:
        raise ScriptError(f"turn {index} ({turn.text!r}): ends after its hold; make that longer")
    return start_s


def _backchannel_start_s(
    over: PlacedTurn, turn: Turn, index: int, speech: Speech, over_speech: Speech
) -> float:
    """The start nearest to the scripted place at which the other is speaking words."""
    first_s = over.start_s + BACKCHANNEL_CLEAR_S
    last_s = over.end_s - speech.duration_s - BACKCHANNEL_BEFORE_END_S
    if last_s < first_s:
        raise ScriptError(f"turn {index} ({turn.text!r}): no room for it in turn {over.index}")
    wanted_s = first_s + turn.backchannel_at * (last_s - first_s)

    def off_words(start_s: float) -> bool:
        within_s = start_s - over.start_s
        on_words_s = sum(
            max(0.0, min(within_s + speech.duration_s, word.end_s) - max(within_s, word.start_s))
            for word in over_speech.words
        )
        return on_words_s < BACKCHANNEL_OVER_WORDS * speech.duration_s

    candidates = np.append(np.arange(first_s, last_s, 0.02), wanted_s)
    return float(min(candidates, key=lambda s: (off_words(s), abs(s - wanted_s))))


def _music_s(
    hold: Hold, start_s: float, end_s: float, rng: np.random.Generator
) -> tuple[float, float] | None:
    if not hold.music_on:
        return None
    return start_s + float(rng.uniform(*MUSIC_AFTER_S)), end_s - float(rng.uniform(*MUSIC_BEFORE_S))

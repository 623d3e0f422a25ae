"""Mixes clips into a call: two channels at 8 kHz, with the exact place of everything in them.

    mixed = mix_call(script.steps, clips, seed=7)
    sound = lay_out(mixed, Recording(channels=1, agent_channel=None))

The clips may come from anywhere (a synthesizer, recorded speech). Everything random comes from the
seed: the same steps, clips and seed give the same samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .music import hold_music
from .records import ROLES, Clip, Recording, Role, ScriptError, Step, Turn, Word
from .speech import Speech, speech_of
from .telephone import (
    LINE_RATE_HZ,
    NOISE_KINDS,
    NoiseKind,
    at_level,
    db_to_gain,
    limit,
    line_noise,
    mu_law_round_trip,
    to_line,
)
from .timeline import Timeline, schedule

SPEECH_LEVEL_DBFS = -26.0  # active level at 0 dB gain: the nominal level of ITU-T P.56
GAIN_DB = (-4.0, 4.0)
GAIN_WITH_RAISED_DB = (-5.0, -1.0)  # room for the raised turns below full scale
NOISE_DBFS = (-68.0, -60.0)
TURN_LEVEL_DB = 1.0  # each turn differs by up to this
RAISED_LEVEL_DB = (8.0, 12.0)
BACKCHANNEL_LEVEL_DB = -1.0
MUSIC_LEVEL_DBFS = -27.0
MUSIC_FAR_DB = -5.0  # on the second channel of a hold whose music is on both
MUSIC_UNDER_PROMPT_DB = -12.0
MONO_GAIN = 0.7  # of the sum of both channels, so that overlaps do not clip


@dataclass(frozen=True, slots=True)
class Line:
    """What one side's telephone does to the level."""

    gain_db: float
    noise_dbfs: float
    noise_kind: NoiseKind


@dataclass(frozen=True, slots=True, eq=False)
class MixedCall:
    """The sound of both sides and where everything lies in it.

    ``channels``: shape=(samples, 2), columns agent and customer, before limiter and codec.
    ``words`` and ``levels_dbfs`` go by turn index; words count from the start of the recording.
    """

    channels: np.ndarray
    timeline: Timeline
    words: tuple[tuple[Word, ...], ...]
    levels_dbfs: tuple[float, ...]
    lines: dict[Role, Line]


def mix_call(
    steps: Sequence[Step],
    clips: Sequence[Clip],
    *,
    seed: int,
    noise_dbfs: tuple[float, float] = NOISE_DBFS,
) -> MixedCall:
    """Mixes the turns among ``steps``, whose sound is in ``clips`` (one for each turn, in order).

    Raised turns must sound raised already (see `effort`); here they get only their higher level.
    Each line's noise is drawn from the range ``noise_dbfs``.
    """
    turns = [step for step in steps if isinstance(step, Turn)]
    if len(turns) != len(clips):
        raise ScriptError(f"{len(turns)} turns but {len(clips)} clips; expected one for each")
    rng = np.random.default_rng(seed)
    lines = {role: _draw_line(turns, role, noise_dbfs, rng) for role in ROLES}
    speeches = [speech_of(clip) for clip in clips]
    timeline = schedule(steps, speeches, rng)
    channels = np.zeros((round(timeline.duration_s * LINE_RATE_HZ), len(ROLES)))
    levels_dbfs = tuple(_level_dbfs(turn, lines[turn.role], rng) for turn in turns)
    for placed, speech, level_dbfs in zip(timeline.turns, speeches, levels_dbfs, strict=True):
        channel = channels[:, ROLES.index(placed.turn.role)]
        _add(channel, at_level(speech.samples, level_dbfs), placed.start_s - speech.lead_s)
    _add_music(channels, timeline, rng)
    for column, role in enumerate(ROLES):
        line = lines[role]
        channels[:, column] += line_noise(len(channels), line.noise_kind, line.noise_dbfs, rng)
    words = tuple(
        _shifted(speech, placed.start_s)
        for placed, speech in zip(timeline.turns, speeches, strict=True)
    )
    return MixedCall(channels, timeline, words, levels_dbfs, lines)


def lay_out(mixed: MixedCall, recording: Recording) -> np.ndarray:
    """The recording as stored, after limiter and mu-law codec. int16, shape=(samples, channels)"""
    if recording.channels == 1:
        sound = MONO_GAIN * mixed.channels.sum(axis=1, keepdims=True)
    elif recording.agent_channel == "right":
        sound = mixed.channels[:, ::-1]
    else:
        sound = mixed.channels
    return mu_law_round_trip(limit(sound))


def _draw_line(
    turns: Sequence[Turn], role: Role, noise_dbfs: tuple[float, float], rng: np.random.Generator
) -> Line:
    has_raised = any(turn.raised for turn in turns if turn.role == role)
    return Line(
        gain_db=round(float(rng.uniform(*(GAIN_WITH_RAISED_DB if has_raised else GAIN_DB))), 1),
        noise_dbfs=round(float(rng.uniform(*noise_dbfs)), 1),
        noise_kind=NOISE_KINDS[rng.integers(len(NOISE_KINDS))],
    )


def _level_dbfs(turn: Turn, line: Line, rng: np.random.Generator) -> float:
    level_dbfs = SPEECH_LEVEL_DBFS + line.gain_db + rng.uniform(-TURN_LEVEL_DB, TURN_LEVEL_DB)
    if turn.raised:
        level_dbfs += rng.uniform(*RAISED_LEVEL_DB)
    if turn.kind == "backchannel":
        level_dbfs += BACKCHANNEL_LEVEL_DB
    return float(level_dbfs)


def _add(channel: np.ndarray, samples: np.ndarray, start_s: float) -> None:
    """Adds ``samples`` into ``channel`` in place."""
    start = round(start_s * LINE_RATE_HZ)
    channel[start : start + len(samples)] += samples


def _add_music(channels: np.ndarray, timeline: Timeline, rng: np.random.Generator) -> None:
    """Adds the music of all holds in place; the first channel named in a hold has it louder."""
    for placed in timeline.holds:
        if placed.music_s is None:
            continue
        start_s, end_s = placed.music_s
        music = to_line(hold_music(end_s - start_s, rng), LINE_RATE_HZ)
        for prompt in timeline.turns:
            if prompt.turn.kind == "prompt" and start_s < prompt.start_s < end_s:
                _duck(music, prompt.start_s - start_s, prompt.end_s - start_s)
        for rank, role in enumerate(placed.hold.music_on):
            gain = db_to_gain(MUSIC_LEVEL_DBFS + (MUSIC_FAR_DB if rank else 0.0))
            _add(channels[:, ROLES.index(role)], music * gain, start_s)


def _duck(music: np.ndarray, start_s: float, end_s: float) -> None:
    """Turns the music down in place while a machine speaks over it."""
    start, end = round(start_s * LINE_RATE_HZ), round(end_s * LINE_RATE_HZ)
    music[start:end] *= db_to_gain(MUSIC_UNDER_PROMPT_DB)


def _shifted(speech: Speech, start_s: float) -> tuple[Word, ...]:
    return tuple(
        Word(word.text, start_s + word.start_s, start_s + word.end_s) for word in speech.words
    )

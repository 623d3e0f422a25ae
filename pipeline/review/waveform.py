"""How loud who speaks when, for the picture of a call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from pipeline.records import PARTIES, Role
from pipeline.review.playback import FRAME_S, Playable
from pipeline.review_tables import StandingRow
from pipeline.separate import SIDES
from pipeline.store import Store
from pipeline.tables import CallRow, ResultRow

POINTS = 2000
"""Of a picture, at most: more than a screen is wide in a column of the page."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of the recording: ``role`` is whose it is (None: of both, on mono).

    ``peaks``: 0 to 255 (full scale), one each ``step_s``.
    """

    role: Role | None
    peaks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Waveform:
    """The picture of a recording.

    ``voices_not_judged``: whose voice effort could not be measured (too little calm speech, or an
    overdriven recording); of them "no raised voice" says nothing.
    """

    duration_s: float
    step_s: float
    channels: tuple[Channel, ...]
    voices_not_judged: tuple[Role, ...]


def waveform(
    store: Store,
    playable: Playable,
    call: CallRow,
    standing: StandingRow,
    result: Mapping[str, Any],
) -> Waveform:
    """The picture of a call; ``result`` (documented form) says who speaks when."""
    levels = playable.levels
    roles = channel_roles(levels, result["turns"], call.agent_channel)
    merged = -(-levels.shape[1] // POINTS) or 1
    at = np.arange(0, levels.shape[1], merged)
    peaks = np.maximum.reduceat(levels, at, axis=1)
    return Waveform(
        duration_s=playable.duration_s,
        step_s=merged * FRAME_S,
        channels=tuple(
            Channel(role, tuple(channel.tolist()))
            for role, channel in zip(roles, peaks, strict=True)
        ),
        voices_not_judged=_not_judged(store, call, standing),
    )


def channel_roles(
    levels: np.ndarray, turns: Sequence[Mapping[str, Any]], agent_channel: str | None
) -> tuple[Role | None, ...]:
    """Whose each channel is: of two, where the energy lies while agent and customer speak.

    Parameters
    ----------
    levels : np.ndarray [shape=(channels, frames)], a frame each ``FRAME_S``
    agent_channel : left or right, what the metadata say; decides where no words have times
    """
    if len(levels) == 1:
        return (None,)
    power = levels.astype(np.float64) ** 2
    # Shares of its own energy: the gains of two lines differ.
    power /= np.maximum(power.sum(axis=1, keepdims=True), 1.0)
    speaks = {role: _frames(turns, role, levels.shape[1]) for role in PARTIES}
    heard = np.array([[channel[speaks[role]].sum() for role in PARTIES] for channel in power])
    if heard.sum() == 0:
        agent = SIDES.index("right") if agent_channel == "right" else SIDES.index("left")
        known = agent_channel in SIDES
        return tuple((PARTIES[i != agent] if known else "unknown") for i in range(2))
    likeliest = max(permutations(range(2)), key=lambda order: heard[range(2), order].sum())
    return tuple(PARTIES[role] for role in likeliest)


def _frames(turns: Sequence[Mapping[str, Any]], role: Role, frames: int) -> np.ndarray:
    """In which frames a role says words; without words, its turns. Shape (frames,), bool."""
    speaks = np.zeros(frames, dtype=bool)
    for turn in turns:
        if turn["role"] == role:
            for said in turn["words"] or (turn,):
                if said["start_s"] is not None and said["end_s"] is not None:
                    speaks[round(said["start_s"] / FRAME_S) : round(said["end_s"] / FRAME_S)] = True
    return speaks


def _not_judged(store: Store, call: CallRow, standing: StandingRow) -> tuple[Role, ...]:
    with store.read() as session:
        key = session.get_one(ResultRow, standing.result).listening_key
    facts = store.find_facts(call.recording_sha256, key)
    if facts is None or facts.sound is None:
        return ()
    judged = facts.sound.effort_measurable
    return tuple(party for party in PARTIES if party not in judged)

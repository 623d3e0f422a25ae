"""The records of the generator: what a script says, and the sound that is mixed.

Times are seconds as float, from the start of whatever holds them. Arrays are mono, shape=(samples,)
with full scale at -1..1, unless the field says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Role = Literal["agent", "customer"]
ROLES: tuple[Role, Role] = ("agent", "customer")
TurnKind = Literal["turn", "interruption", "contest", "backchannel", "prompt"]


class ScriptError(ValueError):
    """A call script cannot be built as written; the message says where and what to change."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word as written, punctuation attached, and when it is spoken."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One utterance of one speaker, with the times of its words inside ``samples``."""

    samples: np.ndarray  # shape=(samples,)
    sample_rate_hz: int
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A voice of the synthesizer: stock voices with their weights, and the speed of speech."""

    blend: Mapping[str, float]
    speed: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One utterance on a side's channel, at most one placing set; without any it follows a pause.

    ``interrupts_s``: starts so many seconds before the other speaker ends, and takes the floor.
    ``contests_at``: talks into the other's turn, at this share (0 to 1) of its room, and gives up.
    ``backchannel_at``: a short token inside the other's turn, at this share of its room.
    ``slips_s``: a quick answer that starts so little before the other ends: no interruption.
    ``during_hold_s``: so many seconds into the hold before it, and within it.
    ``other``: somebody on this side's line who is not the party: a machine, a second agent.
    """

    role: Role
    text: str
    raised: bool = False
    interrupts_s: float | None = None
    contests_at: float | None = None
    backchannel_at: float | None = None
    slips_s: float | None = None
    during_hold_s: float | None = None
    other: bool = False

    @property
    def kind(self) -> TurnKind:
        """How the turn starts."""
        if self.interrupts_s is not None:
            return "interruption"
        if self.contests_at is not None:
            return "contest"
        if self.during_hold_s is not None:
            return "prompt"
        return "turn" if self.backchannel_at is None else "backchannel"

    @property
    def speaker(self) -> str:
        """Who is heard: the role of the channel, or ``other``."""
        return "other" if self.other else self.role


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Nobody speaks on the line for ``duration_s``, from the last word to the next first word."""

    duration_s: float
    announced: bool
    reason_given: bool
    thanked: bool
    music_on: tuple[Role, ...] = ()  # the channels that carry hold music; () for a silent hold


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadAir:
    """Silence on both sides that nobody announced."""

    duration_s: float


Step = Turn | Hold | DeadAir


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The expected answer to one criterion, and the turns (indexes) it rests on."""

    answer: str
    evidence_turns: tuple[int, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """How the call is stored: two channels, or both speakers in one."""

    channels: Literal[1, 2] = 2
    agent_channel: Literal["left", "right"] | None = "left"  # None: one channel
    labelled: bool = True  # whether the sidecar names the agent's channel


@dataclass(frozen=True, slots=True, kw_only=True)
class CallScript:
    """A scripted call with the answers a careful listener would give."""

    call_id: str
    story: str
    recording: Recording
    metadata: Mapping[str, Any]
    voices: Mapping[Role, Voice]
    steps: tuple[Step, ...]
    rubric: Mapping[str, Answer]
    conduct: Mapping[str, Answer]
    flags: Mapping[str, bool] = field(default_factory=dict)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The utterances in script order; their position is the turn index."""
        return tuple(step for step in self.steps if isinstance(step, Turn))

"""The records of coaching: what is counted, what a session shows, a session as it is kept.

A *share* is the share (0 to 1) of a criterion's points that judged answers earned; *points* are
those of the rubric's weights, per call.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import TypeAdapter

from pipeline.records import Evidence, Role

LeadsTo = Literal["talk", "care", "praise"]
"""What a flag asks for: a talk about how to do it better, looking after the agent, or praise."""
Measuring = Literal["colleagues", "full"]
"""What a share is measured against: the better quarter of the agents, or all of the points."""
MomentKind = Literal["strength", "missed", "well", "care"]
Status = Literal["planned", "held", "agreed"]


@dataclass(frozen=True, slots=True)
class Share:
    """The share of the points that ``judged`` answers earned, with a 95 % interval.

    All are None where nothing was judged.
    """

    judged: int
    share: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A criterion over the calls of a session.

    ``lost`` are points lost per call, ``reachable`` is the share that could be reached by the
    measure of ``against``, ``to_gain`` the points per call between the two. ``before`` is the time
    of the same length just before.
    """

    criterion: str
    title: str
    weight: float
    now: Share
    before: Share
    lost: float
    reachable: float
    against: Measuring
    to_gain: float
    suggest_only: bool
    """The machine is not relied on for this criterion: it is no strength and no focus."""


@dataclass(frozen=True, slots=True)
class Strength:
    """Met reliably, or better than in the time before; or, where nothing is, what went best."""

    criterion: str
    why: Literal["reliable", "better", "best"]


@dataclass(frozen=True, slots=True)
class FlagCount:
    """How many calls a rule flagged."""

    rule: str
    title: str
    leads_to: LeadsTo
    calls: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a session is about: figures, never words of a call.

    ``calls`` were scored in the time, ``counted`` of them stand in the figures; the others are
    ``disputed``, or were with an ``abusive`` customer. ``few``: too few for more than talking about
    single moments. Of ``wordless`` calls the words are deleted: no moment can be shown.
    """

    calls: int
    counted: int
    disputed: int
    abusive: int
    few: bool
    language: str
    figures: tuple[Figure, ...]
    strengths: tuple[Strength, ...]
    focus: tuple[str, ...]
    """Criteria, one or two; the first is the goal's."""
    flagged: tuple[FlagCount, ...]
    wordless: int = 0

    def figure(self, criterion: str) -> Figure:
        return next(figure for figure in self.figures if figure.criterion == criterion)


@dataclass(frozen=True, slots=True)
class Line:
    """What somebody says in a moment. ``marks`` are the character ranges of the evidence."""

    role: Role
    start_s: float | None
    text: str
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The words of a moment, as they are kept. ``silent`` says why there is no sound, if so."""

    call_id: str | None
    """None: a colleague's call."""
    at: datetime | None
    answer: str
    reason: str
    would_have_helped: str | None
    lines: tuple[Line, ...]
    evidence: tuple[Evidence, ...]
    confirmed: bool
    """A person gave the same answer."""
    confidence: float
    silent: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a call in a kept session; ``call`` is the number of the call's row."""

    number: int
    call: int
    place: int
    kind: MomentKind
    criterion: str | None
    colleague: bool
    start_s: float | None
    end_s: float | None
    excerpt: Excerpt
    has_clip: bool
    clip: bytes | None = None
    """MP3; None too where it was not asked for."""


@dataclass(frozen=True, slots=True)
class CoachingSession:
    """A kept session with its moments, in their order."""

    number: int
    agent_id: str
    agent_name: str | None
    team: str | None
    since: datetime
    until: datetime
    rubric: str
    created_at: datetime
    created_by: str
    status: Status
    held_at: datetime | None
    agreed_at: datetime | None
    goal: str
    note: str
    plan: Plan
    moments: tuple[Moment, ...]

    def of(self, kind: MomentKind, criterion: str | None = None) -> list[Moment]:
        """Its moments of a kind, and of a criterion if one is named."""
        return [
            moment for moment in self.moments
            if moment.kind == kind and criterion in (None, moment.criterion)
        ]  # fmt: skip

    def pairs(self, criterion: str) -> list[tuple[Moment, Moment | None]]:
        """Missed here, done well there: in that order; None where no such call was found, or its
        moment is gone.
        """
        well = {moment.place: moment for moment in self.of("well", criterion)}
        return [(missed, well.get(missed.place + 1)) for missed in self.of("missed", criterion)]


PLAN = TypeAdapter(Plan)
EXCERPT = TypeAdapter(Excerpt)

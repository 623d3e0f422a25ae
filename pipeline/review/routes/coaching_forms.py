"""What the API gives and takes of coaching. Times are UTC, shares 0 to 1."""

from datetime import date

from pydantic import Field

from pipeline.coaching.effect import Verdict
from pipeline.coaching.records import LeadsTo, MomentKind, Plan, Share, Status
from pipeline.coaching.sessions import LONGEST_TEXT
from pipeline.records import Evidence, Role
from pipeline.review.routes.api_forms import Body, Form, ShortText, Utc


class EffectForm(Form):
    """A focus criterion before and after a session was held. ``change`` lies, at 95 %, between
    ``low`` and ``high``; ``expected`` is the share that would follow without any coaching.
    """

    criterion: str
    title: str
    before: Share
    after: Share
    change: float | None
    low: float | None
    high: float | None
    expected: float | None
    verdict: Verdict


class SessionLineForm(Form):
    """A session in a list; ``focus`` are titles of criteria."""

    number: int
    agent_id: str
    agent_name: str | None
    team: str | None
    since: Utc
    until: Utc
    created_at: Utc
    status: Status
    held_at: Utc | None
    focus: tuple[str, ...]
    effects: tuple[EffectForm, ...]


class SessionPageForm(Form):
    """A page of sessions: planned ones first, then held, then agreed ones."""

    sessions: tuple[SessionLineForm, ...]
    total: int
    page: int
    pages: int


class LineForm(Form):
    """What somebody says; ``marks`` are the character ranges of the evidence."""

    role: Role
    start_s: float | None
    text: str
    marks: tuple[tuple[int, int], ...]


class MomentForm(Form):
    """A moment to hear together. Of a colleague's call neither its id nor any time is told.

    ``silent`` says why there is no sound, if so.
    """

    number: int
    kind: MomentKind
    criterion: str | None
    colleague: bool
    call: int | None
    call_id: str | None
    at: Utc | None
    start_s: float | None
    end_s: float | None
    answer: str
    reason: str
    would_have_helped: str | None
    confirmed: bool
    confidence: float
    lines: tuple[LineForm, ...]
    has_clip: bool
    silent: str | None


class SessionForm(Form):
    """A session. ``note`` is for who may coach; null for agents."""

    number: int
    agent_id: str
    agent_name: str | None
    team: str | None
    since: Utc
    until: Utc
    rubric: str
    created_at: Utc
    created_by: str
    status: Status
    held_at: Utc | None
    agreed_at: Utc | None
    goal: str
    note: str | None
    plan: Plan
    moments: tuple[MomentForm, ...]
    effects: tuple[EffectForm, ...]


class ConsentForm(Form):
    """Whether colleagues may hear moments in which the agent did well: since when; null: not.

    ``lost``: from how many sessions of others moments are gone, now that it is taken back.
    """

    given_at: Utc | None
    lost: int = 0


class FlaggedLineForm(Form):
    """A call that a rule points at."""

    number: int
    call_id: str
    agent_id: str
    agent_name: str | None
    at: Utc
    evidence: tuple[Evidence, ...]


class RuleLineForm(Form):
    """A rule, how many calls it points at, and the newest of them."""

    rule: str
    title: str
    leads_to: LeadsTo
    total: int
    calls: tuple[FlaggedLineForm, ...]


class FlaggedPageForm(Form):
    """What the rules point at in the newest ``looked_at`` calls."""

    rules: tuple[RuleLineForm, ...]
    looked_at: int
    since: Utc | None


class Building(Body):
    """Whose session, over which days; without ``since`` the four weeks up to the newest call."""

    agent_id: ShortText
    since: date | None = None
    until: date | None = None


class Built(Form):
    """The number of the new session."""

    number: int


class Written(Body):
    """Goal and note; null leaves one as it is."""

    goal: str | None = Field(None, max_length=LONGEST_TEXT)
    note: str | None = Field(None, max_length=LONGEST_TEXT)


class Agreeing(Body):
    """``goal``: as it was read; if another stands by now, it is refused."""

    goal: str = Field(min_length=1, max_length=LONGEST_TEXT)

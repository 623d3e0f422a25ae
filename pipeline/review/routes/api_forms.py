"""What the API gives and takes. Times are UTC, scores 0 to 100, shares and coverage 0 to 1."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pipeline.records import (
    AnswerValue,
    CriterionResult,
    Engines,
    Escalation,
    Flag,
    Hold,
    Interruption,
    RaisedVoice,
    RubricRef,
    SecondOpinion,
    Span,
    Talk,
    Turn,
)
from pipeline.review.corrections import LONGEST_COMMENT
from pipeline.review.people import LONGEST_NAME, Role
from pipeline.review.routes.account import LONGEST_TOKEN_DAYS
from pipeline.review.search import Filter

MOST_TEAMS = 200  # of one supervisor; far more than any has


def _in_utc(value: Any) -> Any:
    """The database's times say no zone; programs should not have to guess it."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and not value.tzinfo else value


Utc = Annotated[datetime, BeforeValidator(_in_utc)]
Ids = Annotated[tuple[str, ...], BeforeValidator(lambda v: v.split() if isinstance(v, str) else v)]
"""Ids as they are stored, in one text with spaces between."""
Comment = Annotated[str, Field(min_length=1, max_length=LONGEST_COMMENT)]
ShortText = Annotated[str, Field(min_length=1, max_length=200)]


class Form(BaseModel):
    """Made from our own records by their attributes."""

    model_config = ConfigDict(from_attributes=True)


class Body(BaseModel):
    """What a program sends; a key that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """Why it was not done: one reason, or one for each mistake in what was sent."""

    detail: str | list[str]


class MeForm(Form):
    """Who asks. ``may``: what this session or key may do."""

    name: str
    role: Role
    teams: tuple[str, ...]
    agent_id: str | None
    may: tuple[str, ...]


class SnippetForm(Form):
    """Words around a match, and when they were said."""

    role: str
    start_s: float | None
    before: str
    match: str
    after: str


class CallLine(Form):
    """A call of a list. ``customer_id`` is left out for those who may not follow customers."""

    number: int
    call_id: str
    agent_id: str
    agent_name: str | None
    team: str | None
    queue: str | None
    customer_id: str | None
    at: Utc
    duration_s: float | None
    score: float | None
    coverage: float
    failed_by: str | None
    flags: tuple[str, ...]
    corrected: int
    disputed: int
    snippet: SnippetForm | None = None


class CallPage(Form):
    """A page of matches. ``more`` than ``total`` match where counting stopped."""

    calls: tuple[CallLine, ...]
    total: int
    more: bool
    page: int
    pages: int


class ResultForm(BaseModel):
    """The documented call result; keys may be added."""

    model_config = ConfigDict(extra="allow", serialize_by_alias=True)

    version: int = Field(alias="schema")
    call_id: str
    agent_id: str
    started_at: str | None
    recording_sha256: str | None
    duration_s: float | None
    channels: int | None
    language: str | None
    rubric: RubricRef
    engines: Engines
    score: float | None
    uncapped_score: float | None
    coverage: float
    failed_by: str | None
    turns: list[Turn]
    interruptions: list[Interruption]
    holds: list[Hold]
    dead_air: list[Span]
    raised_voice: list[RaisedVoice]
    talk: Talk | None
    criteria: list[CriterionResult]
    flags: list[Flag]
    warnings: list[str]
    interruption_counts: dict[str, Any] | None = None
    escalation: Escalation | None = None
    second_opinion: SecondOpinion | None = None


class StepForm(Form):
    """A correction, a dispute or a decision. ``answer`` is the one given or asked for."""

    criterion: str
    kind: str
    answer: str | None
    before: str
    machine: str
    comment: str
    person_name: str
    at: Utc


class StandingForm(Form):
    """The totals of a call with the answers that people gave."""

    score: float | None
    uncapped_score: float | None
    coverage: float
    failed_by: str | None
    flags: Ids
    corrected: int
    disputed: int
    at: Utc
    scored_at: Utc


class CallReview(Form):
    """What stands of a call: the answer to each criterion, how it came about, what is open."""

    number: int
    call_id: str
    standing: StandingForm
    answers: dict[str, str]
    history: tuple[StepForm, ...]
    disputes: tuple[StepForm, ...]
    disputable_until: Utc


class WholeCall(CallReview):
    """A call as it was scored, with its metadata and what people said of it."""

    agent_name: str | None
    team: str | None
    queue: str | None
    customer_id: str | None
    direction: str | None
    result: ResultForm


class DisputeForm(Form):
    """An open dispute."""

    call: int
    call_id: str
    agent_id: str
    team: str | None
    criterion: str
    stands: str
    wanted: str
    comment: str
    by: str
    at: Utc


class ViewForm(Form):
    """A saved search; ``query`` as in an address."""

    id: int
    name: str
    query: str


class PersonForm(Form):
    """An account."""

    id: int
    name: str
    role: Role
    teams: tuple[str, ...]
    agent_id: str | None
    active: bool


class Invited(Form):
    """An invitation: it works once, and any sent before is void."""

    person: PersonForm
    code: str
    link: str


class TokenForm(Form):
    """A key of one's programs, without the key itself."""

    id: int
    label: str
    scopes: Ids
    created_at: Utc
    expires_at: Utc


class NewKey(Form):
    """The key is told this once."""

    id: int
    key: str


class AuditForm(Form):
    """Who did what."""

    id: int
    at: Utc
    person: int | None
    person_name: str
    action: str
    what: str
    call_id: str | None


class Correction(Body):
    """``seen``: the answer that stood when this was decided; if another does now, it is refused."""

    answer: AnswerValue
    comment: Comment
    seen: AnswerValue | None = None


class Disputing(Body):
    """``answer``: the one asked for."""

    answer: AnswerValue
    comment: Comment


class Decision(Body):
    """On a dispute."""

    decision: Literal["upheld", "rejected"]
    comment: Comment


class Access(Body):
    """What an account may see: a supervisor needs ``teams``, an agent the ``agent_id`` of calls."""

    role: Role
    teams: list[ShortText] = Field(default=[], max_length=MOST_TEAMS)
    agent_id: ShortText | None = None


class NewPerson(Access):
    name: str = Field(min_length=1, max_length=LONGEST_NAME)


class ChangedPerson(Access):
    active: bool


class TokenBody(Body):
    label: str = Field(min_length=1, max_length=100)
    scopes: list[ShortText] = Field(min_length=1, max_length=20)
    days: int = Field(90, ge=1, le=LONGEST_TOKEN_DAYS)


class ViewBody(Body):
    name: str = Field(min_length=1, max_length=100)
    search: Filter

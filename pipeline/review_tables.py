"""The tables of the review site, beside those of the scoring (:mod:`pipeline.tables`).

*Standings* are what pages list and average: of each call its newest result, with the answers that
people corrected. *Reviews* are the whole history of corrections and disputes; rows are only ever
added. Change a table only with a migration.
"""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.encryption import SealedBytes, SealedText
from pipeline.tables import Base


class StandingRow(Base):
    """What stands of a call: one row each.

    ``flags`` is their ids, each between two spaces; ``answers`` likewise, as ``solve=missed``.
    """

    __tablename__ = "standings"
    __table_args__ = (
        Index("ix_standings_at", "at", "call"),
        Index("ix_standings_score", "score", "call"),
        Index("ix_standings_scored_at", "scored_at"),
        Index("ix_standings_agent", "agent_id", "at"),
        Index("ix_standings_team", "team", "at"),
    )

    call: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    result: Mapped[int] = mapped_column(ForeignKey("results.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    """When the call began, UTC; where nobody said, when it was first scored."""
    scored_at: Mapped[datetime]
    """When this result was made: from then on it can be disputed."""
    agent_id: Mapped[str]
    team: Mapped[str | None]
    score: Mapped[float | None]
    uncapped_score: Mapped[float | None]
    coverage: Mapped[float]
    failed_by: Mapped[str | None]
    flags: Mapped[str]
    answers: Mapped[str]
    corrected: Mapped[int]
    """How many of its answers are people's."""
    disputed: Mapped[int]
    """How many of its answers are disputed and not decided: while any is, averages leave it out."""


class AgentDayRow(Base):
    """Sums over the calls of an agent on a day, so that averages need not look at every call.

    Days are counted from 1970-01-01, UTC. ``scored_day`` tells whether the calls can still be
    disputed. Of disputed calls only their number is here, in ``disputed``. Sums are whole numbers,
    so that adding and taking away leaves no trace: scores in tenths, coverages in thousandths.
    """

    __tablename__ = "agent_days"
    __table_args__ = (Index("ix_agent_days_day", "day"),)

    agent_id: Mapped[str] = mapped_column(primary_key=True)
    team: Mapped[str] = mapped_column(primary_key=True)
    """Empty where nobody said."""
    day: Mapped[int] = mapped_column(primary_key=True)
    scored_day: Mapped[int] = mapped_column(primary_key=True)
    agent_name: Mapped[str | None]
    calls: Mapped[int]
    disputed: Mapped[int]
    scored: Mapped[int]
    score_sum: Mapped[int] = mapped_column(BigInteger)
    score_squares: Mapped[int] = mapped_column(BigInteger)
    coverage_sum: Mapped[int] = mapped_column(BigInteger)
    flagged: Mapped[int]
    failed: Mapped[int]


class CriterionDayRow(Base):
    """The same of the answers to a criterion: how many were judged, and the half points earned."""

    __tablename__ = "criterion_days"
    __table_args__ = (Index("ix_criterion_days_day", "day"),)

    agent_id: Mapped[str] = mapped_column(primary_key=True)
    team: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[int] = mapped_column(primary_key=True)
    scored_day: Mapped[int] = mapped_column(primary_key=True)
    criterion: Mapped[str] = mapped_column(primary_key=True)
    judged: Mapped[int]
    halves: Mapped[int]


class ReviewRow(Base):
    """A person changed, disputed or decided on the answer to one criterion of a call."""

    __tablename__ = "reviews"
    __table_args__ = (Index("ix_reviews_call", "call", "criterion"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    call: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"))
    criterion: Mapped[str]
    kind: Mapped[str]
    """corrected, disputed, upheld, rejected or withdrawn."""
    answer: Mapped[str | None]
    """The answer given (corrected, upheld) or asked for (disputed)."""
    before: Mapped[str]
    """The answer that stood until then."""
    machine: Mapped[str]
    """The machine's answer at that time, in the result of that number."""
    result: Mapped[int]
    rule: Mapped[str | None]
    """Where it is about the rule that failed the call: which."""
    comment: Mapped[str] = mapped_column(SealedText)
    person: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    person_name: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)


class PersonRow(Base):
    """Somebody who may sign in. A session of an older ``epoch`` than theirs is over."""

    __tablename__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    name: Mapped[str] = mapped_column(unique=True)
    """What they sign in with."""
    role: Mapped[str]
    created_at: Mapped[datetime]
    teams: Mapped[str] = mapped_column(default="[]")
    """Of a supervisor, as JSON: the teams whose calls they see."""
    agent_id: Mapped[str | None] = mapped_column(default=None)
    """Of an agent: whose calls are theirs."""
    password_hash: Mapped[str | None] = mapped_column(default=None)
    oidc_subject: Mapped[str | None] = mapped_column(default=None, unique=True)
    active: Mapped[bool] = mapped_column(default=True)
    epoch: Mapped[int] = mapped_column(default=0)


class InviteRow(Base):
    """A one-time right to choose a password: for a person, or to become the first administrator."""

    __tablename__ = "invites"

    code_hash: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]


class TokenRow(Base):
    """A key for the programs of a person; ``scopes`` are permissions, each between two spaces."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    person: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    label: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class AuditRow(Base):
    """Who saw, heard, exported or changed what. Outlives the person and the call."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    at: Mapped[datetime] = mapped_column(index=True)
    person: Mapped[int | None]
    person_name: Mapped[str]
    action: Mapped[str]
    what: Mapped[str]
    call_id: Mapped[str | None] = mapped_column(index=True)


class SavedViewRow(Base):
    """A search that somebody wants to find again."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("person", "name", name="uq_saved_views_name"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    person: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    name: Mapped[str]
    query: Mapped[str] = mapped_column(SealedText)


class SampleRow(Base):
    """A call drawn for double review, with the chance that it had in each draw that took it.

    A call that was drawn by its risk can be drawn at random too: else what is left to draw from
    would grow ever less risky, and what is drawn at random would be no picture of all calls.
    """

    __tablename__ = "samples"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    call: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), unique=True)
    drawn_at: Mapped[datetime]
    random_chance: Mapped[float | None] = mapped_column(default=None)
    """0 to 1; None: no draw at random took it."""
    risk_chance: Mapped[float | None] = mapped_column(default=None)


class ReadingRow(Base):
    """A reviewer's own answer to a criterion of a sampled call, given without seeing others'."""

    __tablename__ = "readings"
    __table_args__ = (UniqueConstraint("sample", "person", "criterion", name="uq_readings_answer"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    sample: Mapped[int] = mapped_column(ForeignKey("samples.id", ondelete="CASCADE"))
    person: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    criterion: Mapped[str]
    answer: Mapped[str]
    machine: Mapped[str]
    """The machine's answer at that time."""
    rubric: Mapped[str]
    """What asked: id and version of the rubric, such as ``leap 1``."""
    at: Mapped[datetime]


class ContactRow(Base):
    """What a call tells of its customer: one row for each call whose customer is known.

    ``previous`` is the customer's last call before, ``again`` the one in which they called again
    after a promise of this call was due; None where there was none soon enough.
    """

    __tablename__ = "contacts"
    __table_args__ = (
        # All that customers are ranked by: a list of them reads nothing else.
        Index(
            "ix_contacts_customer",
            "customer_id", "at", "previous", "again", "said_again", "upset", "abusive",
        ),
    )  # fmt: skip

    call: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    customer_id: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)
    """As in the standing."""
    duration_s: Mapped[float]
    holds: Mapped[int]
    hold_s: Mapped[float]
    dead_air: Mapped[int]
    dead_air_s: Mapped[float]
    said_again: Mapped[bool]
    """The customer said that it was not the first time."""
    abusive: Mapped[bool]
    upset: Mapped[bool]
    """They asked for a manager, or threatened to leave or to act."""
    previous: Mapped[int | None] = mapped_column(
        ForeignKey("calls.id", ondelete="SET NULL"), index=True, default=None
    )
    again: Mapped[int | None] = mapped_column(
        ForeignKey("calls.id", ondelete="SET NULL"), index=True, default=None
    )


class PromiseRow(Base):
    """What an agent said would happen after a call, and by when (:mod:`pipeline.promises`)."""

    __tablename__ = "promises"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    call: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), index=True)
    quote: Mapped[str] = mapped_column(SealedText)
    said: Mapped[str] = mapped_column(SealedText)
    start_s: Mapped[float | None]
    told: Mapped[str]
    due: Mapped[datetime | None]


class StatementRow(Base):
    """What a customer said was the matter, and its meaning as ``encoder`` has it (16-bit floats).

    ``kind`` is issue or complaint.
    """

    __tablename__ = "statements"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    call: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    text: Mapped[str] = mapped_column(SealedText)
    start_s: Mapped[float | None]
    encoder: Mapped[str | None] = mapped_column(default=None, index=True)
    embedding: Mapped[bytes | None] = mapped_column(SealedBytes, default=None)


class CauseRow(Base):
    """A cause of calls that came again and again. Its words are its statements' own."""

    __tablename__ = "causes"
    # A number is never given again: a link to a cause that is gone must not lead to another.
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - as SQLAlchemy has it

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    found_at: Mapped[datetime]


class CauseMemberRow(Base):
    """A statement that belongs to a cause.

    ``closeness`` (cosine, -1 to 1) is how near it is to the others', ``words`` are those of the
    cause's telling words that are in it, the most telling first.
    """

    __tablename__ = "cause_members"
    __table_args__ = (Index("ix_cause_members_cause", "cause", "closeness"),)

    statement: Mapped[int] = mapped_column(
        ForeignKey("statements.id", ondelete="CASCADE"), primary_key=True
    )
    cause: Mapped[int] = mapped_column(ForeignKey("causes.id", ondelete="CASCADE"))
    closeness: Mapped[float]
    words: Mapped[str] = mapped_column(SealedText)


class CauseRunRow(Base):
    """When causes were last looked for, and over what: one row."""

    __tablename__ = "cause_runs"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    at: Mapped[datetime]
    since: Mapped[datetime]
    until: Mapped[datetime]
    calls: Mapped[int]
    statements: Mapped[int]
    grouped: Mapped[int]
    """So many of the statements belong to a cause."""

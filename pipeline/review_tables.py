"""The tables of the review site, beside those of the scoring (:mod:`pipeline.tables`).

*Standings* are what pages list and average: of each call its newest result, with the answers that
people corrected. *Reviews* are the whole history of corrections and disputes; rows are only ever
added. Change a table only with a migration.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.tables import Base


class StandingRow(Base):
    """What stands of a call: one row each. ``flags`` is their ids, each between two spaces."""

    __tablename__ = "standings"
    __table_args__ = (
        Index("ix_standings_at", "at", "call"),
        Index("ix_standings_score", "score", "call"),
    )

    call: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    result: Mapped[int] = mapped_column(ForeignKey("results.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    """When the call began, UTC; where nobody said, when it was first scored."""
    scored_at: Mapped[datetime]
    """When this result was made: from then on it can be disputed."""
    score: Mapped[float | None]
    uncapped_score: Mapped[float | None]
    coverage: Mapped[float]
    failed_by: Mapped[str | None]
    flags: Mapped[str]
    corrected: Mapped[int]
    """How many of its answers are people's."""
    disputed: Mapped[int]
    """How many of its answers are disputed and not decided: while any is, averages leave it out."""


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
    comment: Mapped[str]
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
    query: Mapped[str]


class SampleRow(Base):
    """A call drawn for double review, at ``random`` or by ``risk``."""

    __tablename__ = "samples"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    call: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), unique=True)
    how: Mapped[str]
    drawn_at: Mapped[datetime]


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
    at: Mapped[datetime]

"""The tables of the database, for SQLite and PostgreSQL alike.

A recording's *facts* belong to its content and to how it was listened to; a *call* is a recording
under a call id with its metadata; a *result* is a call judged under one rubric by one version of
the code. *Outcomes* say what a batch did with each path, or that it still waits: they are the work
list that *workers* draw from. Change a table only with a migration.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

from pipeline.encryption import SealedText


def utc_now() -> datetime:
    """UTC without a zone: what both databases store and compare alike."""
    return datetime.now(UTC).replace(tzinfo=None)


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """Columns are plain text, numbers and UTC times, so that any database holds them."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        float: Float,
        int: Integer,
        datetime: DateTime,
    }


class CallRow(Base):
    """A recorded call and its metadata. ``call_id_given`` is False where the id was made up."""

    __tablename__ = "calls"
    __table_args__ = (UniqueConstraint("recording_sha256", "call_id", name="uq_calls_identity"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    recording_sha256: Mapped[str]
    call_id: Mapped[str] = mapped_column(index=True)
    call_id_given: Mapped[bool]
    path: Mapped[str]
    agent_id: Mapped[str] = mapped_column(index=True)
    agent_name: Mapped[str | None]
    team: Mapped[str | None] = mapped_column(index=True)
    customer_id: Mapped[str | None] = mapped_column(index=True)
    queue: Mapped[str | None]
    direction: Mapped[str | None]
    started_at: Mapped[str | None]
    """As given in the metadata; ``started_at_utc`` is the same moment for queries."""
    started_at_utc: Mapped[datetime | None] = mapped_column(index=True)
    agent_channel: Mapped[str | None]
    language: Mapped[str | None]
    duration_s: Mapped[float | None]
    stored_at: Mapped[datetime]


class FactsRow(Base):
    """What was heard in a recording, as JSON: scoring again needs no model."""

    __tablename__ = "facts"
    __table_args__ = (UniqueConstraint("recording_sha256", "listening_key", name="uq_facts_key"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    recording_sha256: Mapped[str]
    listening_key: Mapped[str]
    facts_json: Mapped[str] = mapped_column(SealedText)
    stored_at: Mapped[datetime]


class ResultRow(Base):
    """A scored call; ``result_json`` is the documented call result."""

    __tablename__ = "results"
    __table_args__ = (
        UniqueConstraint("call", "rubric_hash", "code_version", name="uq_results_identity"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    call: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), index=True)
    rubric_id: Mapped[str]
    rubric_version: Mapped[str]
    rubric_hash: Mapped[str]
    code_version: Mapped[str]
    listening_key: Mapped[str]
    asked: Mapped[str | None]
    """The second opinion that it shows, if any."""
    score: Mapped[float | None]
    uncapped_score: Mapped[float | None]
    coverage: Mapped[float]
    failed_by: Mapped[str | None]
    result_json: Mapped[str] = mapped_column(SealedText)
    metadata_json: Mapped[str | None]
    """The call's metadata when it was judged (None: stored before they were kept)."""
    scored_at: Mapped[datetime]


class RubricRow(Base):
    """The files of a rubric that judged, as JSON: a result can be recomputed after they changed."""

    __tablename__ = "rubrics"

    hash: Mapped[str] = mapped_column(primary_key=True)
    files_json: Mapped[str]
    stored_at: Mapped[datetime]


class OpinionRow(Base):
    """What a language model said of a recording under a rubric: asked once, kept as it was."""

    __tablename__ = "opinions"
    __table_args__ = (
        UniqueConstraint("recording_sha256", "listening_key", "asked", name="uq_opinions_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    recording_sha256: Mapped[str]
    listening_key: Mapped[str]
    asked: Mapped[str]
    """Rubric, model and address: what the opinion depends on beside the words."""
    opinion_json: Mapped[str] = mapped_column(SealedText)
    stored_at: Mapped[datetime]


class AnswerRow(Base):
    """One criterion's answer, for queries over many calls; its evidence is in the result."""

    __tablename__ = "answers"
    __table_args__ = (UniqueConstraint("result", "criterion", name="uq_answers_criterion"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    result: Mapped[int] = mapped_column(ForeignKey("results.id", ondelete="CASCADE"))
    criterion: Mapped[str] = mapped_column(index=True)
    answer: Mapped[str]
    points: Mapped[float | None]
    max_points: Mapped[float]
    confidence: Mapped[float]


class BatchRow(Base):
    """One run over some recordings, from the command line or the nightly flow.

    ``scope`` says what a nightly batch is over, and so does ``open_scope`` while it is unfinished:
    who starts the same works along.
    """

    __tablename__ = "batches"
    __table_args__ = (Index("uq_batches_open_scope", "open_scope", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    origin: Mapped[str]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    scope: Mapped[str | None] = mapped_column(default=None)
    open_scope: Mapped[str | None] = mapped_column(default=None)


class WorkerRow(Base):
    """A process that works on a batch. ``beats`` grows as long as it lives.

    ``beat_at`` is when, by that host's clock: good to show, not to decide by.
    """

    __tablename__ = "workers"
    # A number is never given again: one that is gone must not be taken for one that is there.
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - as SQLAlchemy has it

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    batch: Mapped[int]
    host: Mapped[str]
    pid: Mapped[int]
    boot: Mapped[str]
    """Which process of that number it is: when it began, since the host last started."""
    started_at: Mapped[datetime]
    run: Mapped[str | None]
    """The flow run that it is, if any."""
    beat_at: Mapped[datetime]
    beats: Mapped[int] = mapped_column(default=0)


class SeenFileRow(Base):
    """What was found out about a file: good for as long as its size and time stay the same."""

    __tablename__ = "seen_files"

    source: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    modified_ns: Mapped[int] = mapped_column(BigInteger)
    recording_sha256: Mapped[str] = mapped_column(index=True)
    risk: Mapped[float | None]


class OutcomeRow(Base):
    """What a batch did with one path: scored, failed, skipped or quarantined, and why.

    In a nightly batch it is ``waiting`` first, the riskiest first in line, then ``working`` in the
    hands of a worker.
    """

    __tablename__ = "outcomes"
    __table_args__ = (UniqueConstraint("batch", "path", name="uq_outcomes_path"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    batch: Mapped[int] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"))
    path: Mapped[str]
    status: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str | None]
    result: Mapped[int | None] = mapped_column(
        ForeignKey("results.id", ondelete="SET NULL"), index=True
    )
    at: Mapped[datetime]
    source: Mapped[str | None] = mapped_column(default=None)
    """Where the recording is read from, as an address: ``path`` is for people."""
    recording_sha256: Mapped[str | None] = mapped_column(default=None, index=True)
    risk: Mapped[float | None] = mapped_column(default=None)
    worker: Mapped[int | None] = mapped_column(default=None, index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    crashes: Mapped[int] = mapped_column(default=0)
    """How often a process died that was scoring it."""
    took_s: Mapped[float | None] = mapped_column(default=None)
    hopeless_for: Mapped[str | None] = mapped_column(default=None)
    """The version of the code that need not try this content again: it is at fault itself."""

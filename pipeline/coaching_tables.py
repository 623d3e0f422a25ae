"""The tables of coaching. Change a table only with a migration."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.encryption import SealedBytes, SealedText
from pipeline.tables import Base


class CoachingSessionRow(Base):
    """A coaching session of an agent over the calls of a time. Times are UTC without a zone."""

    __tablename__ = "coaching_sessions"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    agent_id: Mapped[str] = mapped_column(index=True)
    agent_name: Mapped[str | None]
    team: Mapped[str | None]
    since: Mapped[datetime]
    until: Mapped[datetime]
    rubric: Mapped[str]
    """Id and version, such as ``leap 1``."""
    plan_json: Mapped[str]
    """Strengths, focus points and figures by criterion: never words of a call, nor ids of calls."""
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    """Name of the person; empty: made by the weekly flow or the command line."""
    status: Mapped[str] = mapped_column(default="planned")
    """planned, held (the coach says so) or agreed (the agent says so)."""
    held_at: Mapped[datetime | None] = mapped_column(default=None)
    agreed_at: Mapped[datetime | None] = mapped_column(default=None)
    goal: Mapped[str] = mapped_column(SealedText, default="")
    note: Mapped[str] = mapped_column(SealedText, default="")


class CoachingMomentRow(Base):
    """A moment of a call that a session shows, with its sound. It goes with its call."""

    __tablename__ = "coaching_moments"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    session: Mapped[int] = mapped_column(
        ForeignKey("coaching_sessions.id", ondelete="CASCADE"), index=True
    )
    call: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), index=True)
    place: Mapped[int]
    """Its place in the session, from 0; what was done well is right after what it is shown for.
    Where a moment is gone its place stays empty.
    """
    kind: Mapped[str]
    """strength, missed, well (done well there) or care (an abusive customer)."""
    criterion: Mapped[str | None]
    colleague: Mapped[bool]
    """It is a consenting colleague's call."""
    start_s: Mapped[float | None]
    end_s: Mapped[float | None]
    excerpt_json: Mapped[str] = mapped_column(SealedText)
    clip: Mapped[bytes | None] = mapped_column(SealedBytes, default=None)
    """The sound from ``start_s`` to ``end_s``, both sides, personal data beeped, as MP3; None where
    there is no recording."""


class ConsentRow(Base):
    """An agent who lets colleagues hear moments in which they did well."""

    __tablename__ = "consents"

    agent_id: Mapped[str] = mapped_column(primary_key=True)
    given_at: Mapped[datetime]

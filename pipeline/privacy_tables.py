"""The tables of what is hidden, held and forgotten. Change a table only with a migration."""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.encryption import SealedText
from pipeline.tables import Base


class OriginalRow(Base):
    """The words that redaction hid in a recording, where the owner wants them kept.

    ``words_json`` is a list in the order of the facts' ``redactions``.
    """

    __tablename__ = "originals"
    __table_args__ = (
        UniqueConstraint("recording_sha256", "listening_key", name="uq_originals_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    recording_sha256: Mapped[str]
    listening_key: Mapped[str]
    words_json: Mapped[str] = mapped_column(SealedText)
    stored_at: Mapped[datetime]


class SealRow(Base):
    """Says that the database is encrypted: who has no key that opens ``probe`` does not get in.

    One row, from the first time that it is opened with a key. Where ``sealing`` is off, encryption
    was switched off: who still has keys does not get in either, and nothing is stored in plain
    by mistake.
    """

    __tablename__ = "seals"

    id: Mapped[int] = mapped_column(primary_key=True)
    probe: Mapped[str] = mapped_column(SealedText)
    sealing: Mapped[bool]


class LegalHoldRow(Base):
    """A call that nothing may delete until the hold is lifted."""

    __tablename__ = "legal_holds"

    call: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    reason: Mapped[str] = mapped_column(SealedText)
    person_name: Mapped[str]
    """Who set it; empty: from the command line."""
    at: Mapped[datetime]


class ForgottenRow(Base):
    """A recording that must not be scored again: what was made of it was deleted."""

    __tablename__ = "forgotten"

    recording_sha256: Mapped[str] = mapped_column(primary_key=True)
    receipt: Mapped[str] = mapped_column(index=True)
    at: Mapped[datetime]


class ReceiptRow(Base):
    """What a deletion removed: numbers by kind, never whose. The id is random."""

    __tablename__ = "receipts"

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    why: Mapped[str]
    """``forget``, or ``purge`` and what age."""
    person_name: Mapped[str]
    removed_json: Mapped[str]

"""Recordings that must not come back: what was made of them was deleted.

A recording may still lie in its folder, and a process may be scoring it while it is forgotten.
"""

import re
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, insert, select, text
from sqlalchemy.orm import Session

from pipeline.errors import PermanentError
from pipeline.fulltext import has_words
from pipeline.privacy_tables import ForgottenRow, ReceiptRow
from pipeline.tables import CallRow

FORGET = "forget"
"""``why`` of the receipt of a deletion that somebody asked for."""
_GONE = "; what was made of it is deleted for good (receipt "
_RECEIPT = re.compile(re.escape(_GONE) + r"(\w+)\)$")

# Who deletes waits for those who store, and they for it (PostgreSQL; SQLite has one writer anyhow).
# The number only has to be ours.
_STORING_LOCK = 0x666F7267


class Forgotten(PermanentError):
    """What was made of a recording was deleted, and it is not to be scored again."""


def why_forgotten(session: Session, recording_sha256: str) -> str | None:
    """Why a recording is passed over; None where it is not."""
    known = (
        select(ForgottenRow.receipt, ReceiptRow.why)
        .outerjoin(ReceiptRow, ReceiptRow.id == ForgottenRow.receipt)
        .where(ForgottenRow.recording_sha256 == recording_sha256)
    )
    found = session.execute(known).first()
    if found is None:
        return None
    receipt, why = found
    said = "forgotten on request" if why == FORGET else "older than is kept"
    return f"{said}{_GONE}{receipt})"


def receipt_in_place_of(session: Session, path: str, reason: str | None) -> str | None:
    """The id of the receipt that a path is noted by, where ``reason`` says it was forgotten.

    None: by its name. So is one under which a call is still stored, without its words, say.
    """
    told = None if reason is None else _RECEIPT.search(reason)
    if told is None:
        return None
    stored = session.scalar(select(CallRow.id).where(CallRow.path == path).limit(1))
    return told[1] if stored is None else None


def refuse_forgotten(session: Session, recording_sha256: str, call_id: str | None = None) -> None:
    """Raises Forgotten where nothing may be stored of a recording.

    A call (``call_id``) of it that was not forgotten with it, and whose words are still there, may
    be judged again.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock_shared(:l)"), {"l": _STORING_LOCK})
    why = why_forgotten(session, recording_sha256)
    if why is None:
        return
    same = select(CallRow.id).where(
        CallRow.recording_sha256 == recording_sha256, CallRow.call_id == call_id, has_words()
    )
    if session.scalar(same) is None:
        raise Forgotten(why)


def hold_off_storing(session: Session) -> None:
    """Lets nobody store anything of recordings until the transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:l)"), {"l": _STORING_LOCK})


def never_again(session: Session, recordings: Iterable[str], receipt: str, at: datetime) -> None:
    """Notes recordings (by their SHA-256) that are not to be scored again."""
    rows = [{"recording_sha256": r, "receipt": receipt, "at": at} for r in recordings]
    known = [row["recording_sha256"] for row in rows]
    session.execute(delete(ForgottenRow).where(ForgottenRow.recording_sha256.in_(known)))
    session.execute(insert(ForgottenRow), rows)

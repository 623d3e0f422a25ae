"""The audit log: who saw, heard, exported or changed what, and when."""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.review.people import Person
from pipeline.review_tables import AuditRow
from pipeline.store import Store
from pipeline.tables import utc_now

Action = Literal["view", "play", "export", "change", "sign in", "failed sign in", "sign out"]


def note(
    store: Store, person: Person | None, action: Action, what: str, call_id: str | None = None
) -> None:
    """``what`` names the page or the thing; it never holds words of a call."""
    with store.write() as session:
        add(session, person, action, what, call_id)


def add(
    session: Session, person: Person | None, action: Action, what: str, call_id: str | None = None
) -> None:
    """The same within a transaction: noted if and only if it is done."""
    session.add(
        AuditRow(
            at=utc_now(),
            person=person.id if person else None,
            person_name=person.name if person else "",
            action=action,
            what=what,
            call_id=call_id,
        )
    )


def read_log(
    store: Store, before: int | None = None, call_id: str | None = None, limit: int = 100
) -> Sequence[AuditRow]:
    """The newest entries first; ``before`` is the number of an entry to go on from."""
    wanted = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(AuditRow.id < before)
    if call_id is not None:
        wanted = wanted.where(AuditRow.call_id == call_id)
    with store.read() as session:
        return session.scalars(wanted).all()

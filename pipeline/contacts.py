"""What is kept of each call for the pages of customers and causes, as calls are scored.

Reading thousands of whole results for a page would take minutes; these rows hold what is needed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from pipeline.promises import find_promises
from pipeline.review_tables import ContactRow, PromiseRow, StandingRow, StatementRow
from pipeline.tables import CallRow

REPEAT_WITHIN = timedelta(days=7)
"""A call so soon after another of the same customer is about the same matter until proven
otherwise: contact centres mostly count first-contact resolution over a week."""
LINKED = 100
"""Of a customer's calls so many of the newest are compared. More have only ids that many share."""
STATEMENTS_A_CALL = 3
STATED_IN = ("listen_first", "empathize", "apologize", "solve")
UPSET_FLAGS = ("asks_manager", "threatens_to_leave", "threatens_action")


@dataclass(frozen=True, slots=True)
class Contact:
    """A call of a customer, for comparing it with their others. Times are UTC without a zone.

    ``at`` is None where nobody knows when the call began, ``due`` are the known times of its
    promises, ``outbound`` says that the company rang.
    """

    call: int
    at: datetime | None
    outbound: bool
    due: tuple[datetime, ...] = ()


def compare(contacts: Iterable[Contact]) -> dict[int, tuple[int | None, int | None]]:
    """For each call of one customer the call before it, and the one after a promise was due.

    Both within :data:`REPEAT_WITHIN`, and both of calls that the customer made: that the company
    rings up is no repeat contact, and may be what was promised.
    """
    timed = sorted(
        ((contact.at, contact) for contact in contacts if contact.at is not None),
        key=lambda pair: (pair[0], pair[1].call),
    )
    found: dict[int, tuple[int | None, int | None]] = {}
    for index, (at, contact) in enumerate(timed):
        before, earlier = timed[index - 1] if index else (None, None)
        soon = before is not None and at - before <= REPEAT_WITHIN and not contact.outbound
        again = next(
            (
                later.call
                for then, later in timed[index + 1 :]
                if not later.outbound and any(d < then <= d + REPEAT_WITHIN for d in contact.due)
            ),
            None,
        )
        found[contact.call] = (earlier.call if soon and earlier is not None else None, again)
    return found


def keep_contact(
    session: Session, call: CallRow, standing: StandingRow, result: Mapping[str, Any]
) -> None:
    """Stores what a call tells of its customer in place of what was stored of it before."""
    _keep_promises(session, call, result)
    _keep_statements(session, call.id, result)
    before = session.get(ContactRow, call.id)
    customers = {call.customer_id, before.customer_id if before else None} - {None}
    if call.customer_id is None:
        session.execute(delete(ContactRow).where(ContactRow.call == call.id))
    else:
        flags = standing.flags.split()
        holds, dead_air = result["holds"], result["dead_air"]
        session.merge(
            ContactRow(
                call=call.id,
                customer_id=call.customer_id,
                at=standing.at,
                duration_s=call.duration_s or 0.0,
                holds=len(holds),
                hold_s=_seconds(holds),
                dead_air=len(dead_air),
                dead_air_s=_seconds(dead_air),
                said_again="repeat_contact" in flags,
                abusive="abusive_customer" in flags,
                upset=any(flag in flags for flag in UPSET_FLAGS),
            )
        )
    session.flush()
    for customer in sorted(name for name in customers if name is not None):
        link(session, customer)


def statements(result: Mapping[str, Any]) -> dict[str, tuple[str, float | None]]:
    """What the customer of a result said was the matter: kind and second by text, in order.

    A statement that is part of another is left out.
    """
    found: dict[str, tuple[str, float | None]] = {}
    for criterion in result["criteria"]:
        if criterion["id"] not in STATED_IN:
            continue
        for part in criterion["evidence"]:
            text = part["quote"].strip()
            if part["role"] != "customer" or part["what"] not in ("issue", "complaint"):
                continue
            if text and (text not in found or part["what"] == "complaint"):
                found[text] = (part["what"], part["start_s"])
    whole = {
        text: _whole_kind(text, found)
        for text in found
        if not any(text != other and text in other for other in found)
    }
    return dict(list(whole.items())[:STATEMENTS_A_CALL])


def _whole_kind(
    text: str, found: Mapping[str, tuple[str, float | None]]
) -> tuple[str, float | None]:
    """A statement with a complaint in it is one."""
    complains = any(kind == "complaint" and part in text for part, (kind, _) in found.items())
    return ("complaint" if complains else found[text][0]), found[text][1]


def _seconds(spans: Sequence[Mapping[str, Any]]) -> float:
    return round(sum(span["end_s"] - span["start_s"] for span in spans), 1)


def _keep_promises(session: Session, call: CallRow, result: Mapping[str, Any]) -> None:
    session.execute(delete(PromiseRow).where(PromiseRow.call == call.id))
    session.add_all(
        PromiseRow(
            call=call.id,
            quote=found.quote,
            said=found.said,
            start_s=found.start_s,
            told=found.told,
            due=found.due,
        )
        for found in find_promises(result, call.started_at)
    )


def _keep_statements(session: Session, call: int, result: Mapping[str, Any]) -> None:
    """Those that are the same as before keep their meaning and their cause."""
    wanted = statements(result)
    for row in session.scalars(select(StatementRow).where(StatementRow.call == call)):
        if row.text in wanted:
            row.kind, row.start_s = wanted.pop(row.text)
        else:
            session.delete(row)
    session.add_all(
        StatementRow(call=call, kind=kind, text=text, start_s=start_s)
        for text, (kind, start_s) in wanted.items()
    )


def link(session: Session, customer_id: str) -> None:
    """Compares the newest calls of a customer with each other."""
    rows = session.execute(
        select(ContactRow.call, ContactRow.previous, ContactRow.again, CallRow.started_at_utc)
        .add_columns(CallRow.direction)
        .join(CallRow, CallRow.id == ContactRow.call)
        .where(ContactRow.customer_id == customer_id)
        .order_by(ContactRow.at.desc(), ContactRow.call.desc())
        .limit(LINKED)
    ).all()
    due: dict[int, list[datetime]] = {}
    calls = [row.call for row in rows]
    known = select(PromiseRow.call, PromiseRow.due).where(
        PromiseRow.call.in_(calls), PromiseRow.due.is_not(None)
    )
    for call, at in session.execute(known):
        due.setdefault(call, []).append(at)
    compared = compare(
        Contact(
            row.call, row.started_at_utc, row.direction == "outbound", tuple(due.get(row.call, ()))
        )
        for row in rows
    )
    for row in rows:
        previous, again = compared.get(row.call, (None, None))
        if (previous, again) != (row.previous, row.again):
            session.execute(
                update(ContactRow)
                .where(ContactRow.call == row.call)
                .values(previous=previous, again=again)
            )

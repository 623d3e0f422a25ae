"""Customers: who needs attention most, and what happened to one of them over all their calls.

Everything is of the calls that the person who looks may see; a repeat contact counts for them only
if they may see both calls.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Integer, Select, case, cast, func, or_, select
from sqlalchemy.orm import Session

from pipeline.contacts import REPEAT_WITHIN
from pipeline.review.access import sees_all, visible
from pipeline.review.people import Person
from pipeline.review.search import FoundCall, found_call
from pipeline.review_tables import ContactRow, PromiseRow, StandingRow
from pipeline.tables import CallRow, utc_now

PAGE = 50
LAST_PAGE = 2000
MOST_CALLS = 200
"""A customer's page lists so many of their newest calls; the search lists all."""


class Wanted(BaseModel):
    """What a list of customers asks for: those of the last ``days`` up to the newest call."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    q: str = Field("", max_length=200)
    """Part of a customer id."""
    days: int = Field(90, ge=1, le=366)
    page: int = Field(1, ge=1, le=LAST_PAGE)

    def query(self, **changes: object) -> dict[str, object]:
        """As parameters of an address."""
        asked = self.model_dump(exclude_defaults=True) | changes
        return {key: value for key, value in asked.items() if value not in ("", None)}


@dataclass(frozen=True, slots=True)
class CustomerLine:
    """A customer's calls of a period.

    ``repeats`` are calls soon after another, or said to be; ``again`` are calls after which the
    customer called again when a promise was due; ``need`` adds them and the calls with flags up.
    """

    customer_id: str
    calls: int
    last_at: datetime
    need: int
    repeats: int
    again: int
    upset: int
    abusive: int
    duration_s: float
    holds: int
    hold_s: float
    dead_air: int
    dead_air_s: float


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """A page of customers, those in most need first."""

    customers: tuple[CustomerLine, ...]
    total: int
    page: int
    pages: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Waits:
    """How long and how often a customer was left waiting in a call."""

    holds: int
    hold_s: float
    dead_air: int
    dead_air_s: float


@dataclass(frozen=True, slots=True)
class CustomerCall:
    """A call of a customer. ``previous`` is the one shortly before, so many ``days_after`` it."""

    call: FoundCall
    direction: str | None
    waits: Waits
    said_again: bool
    previous: int | None
    days_after: float | None


@dataclass(frozen=True, slots=True)
class PromiseLine:
    """A promise made in a call, and what the customer did.

    ``told``: due, no time or unclear. ``early`` is the call that the customer made before it was
    due, ``after`` the first one since, ``soon`` whether that was a repeat contact; ``overdue``: its
    time has passed, which says nothing yet of whether it was kept.
    """

    call: int
    call_id: str
    at: datetime
    quote: str
    said: str
    start_s: float | None
    told: str
    due: datetime | None
    overdue: bool
    early: FoundCall | None
    after: FoundCall | None

    @property
    def soon(self) -> bool:
        return bool(self.after and self.due and self.after.at - self.due <= REPEAT_WITHIN)


@dataclass(frozen=True, slots=True)
class Customer:
    """Everything about a customer; ``shown`` of their ``total.calls`` are listed."""

    customer_id: str
    total: CustomerLine
    calls: tuple[CustomerCall, ...]
    promises: tuple[PromiseLine, ...]

    @property
    def shown(self) -> int:
        return len(self.calls)


def find_customers(session: Session, wanted: Wanted, person: Person) -> CustomerPage:
    """The customers that match, by what went wrong with them, the neediest first."""
    newest = select(ContactRow.at).where(*_theirs(person)).order_by(ContactRow.at.desc()).limit(1)
    until = session.scalar(newest)
    if until is None:
        return CustomerPage((), 0, wanted.page, 1, None)
    until = min(until, utc_now())  # a recorder's clock may be wrong
    since = until - timedelta(days=wanted.days)
    period = [ContactRow.at >= since, *_theirs(person)]
    if wanted.q.strip():
        period.append(ContactRow.customer_id.icontains(wanted.q.strip(), autoescape=True))
    need, last = func.sum(sum(_needs(person))), func.max(ContactRow.at)
    # Ranked by an index alone; what else is shown is read of those on the page.
    ranked = session.execute(
        select(ContactRow.customer_id, func.count().over())
        .where(*period)
        .group_by(ContactRow.customer_id)
        .order_by(need.desc(), last.desc(), ContactRow.customer_id)
        .limit(PAGE)
        .offset((wanted.page - 1) * PAGE)
    ).all()
    names = [name for name, _ in ranked]
    lines = _lines(session, [ContactRow.customer_id.in_(names), *period], person)
    total = ranked[0][1] if ranked else 0
    return CustomerPage(
        customers=tuple(lines[name] for name in names),
        total=total,
        page=wanted.page,
        pages=max(1, min(LAST_PAGE, -(-total // PAGE))),
        since=since,
    )


def find_customer(session: Session, customer_id: str, person: Person) -> Customer:
    """A customer of whom the person may see a call. Raises 404."""
    theirs = ContactRow.customer_id == customer_id
    total = _lines(session, [theirs, *_theirs(person)], person).get(customer_id)
    if total is None:
        raise HTTPException(404, "There is no such customer, or their calls are not yours to see.")
    rows: Sequence[tuple[ContactRow, CallRow, StandingRow]] = (
        session.execute(
            select(ContactRow, CallRow, StandingRow)
            .join(CallRow, CallRow.id == ContactRow.call)
            .join(StandingRow, StandingRow.call == ContactRow.call)
            .where(theirs, visible(person))
            .order_by(ContactRow.at.desc(), ContactRow.call.desc())
            .limit(MOST_CALLS)
        )
        .tuples()
        .all()
    )
    promises: dict[int, list[PromiseRow]] = defaultdict(list)
    numbers = [call.id for _, call, _ in rows]
    in_order = select(PromiseRow).where(PromiseRow.call.in_(numbers)).order_by(PromiseRow.id)
    for promise in session.scalars(in_order):
        promises[promise.call].append(promise)
    return Customer(
        customer_id=customer_id,
        total=total,
        calls=tuple(_calls(rows)),
        promises=tuple(_promises(rows, promises)),
    )


def _theirs(person: Person) -> list[ColumnElement[bool]]:
    """That a contact is the person's to see."""
    return [] if sees_all(person) else [ContactRow.call.in_(_seen(person))]


def _seen(person: Person) -> Select[tuple[int]]:
    return select(CallRow.id).where(visible(person))


def _needs(person: Person) -> list[Any]:
    """Whether a call is a repeat, whether they called again when its promise was due, its flags."""

    def seen(column: Any) -> ColumnElement[bool]:
        return column.is_not(None) if sees_all(person) else column.in_(_seen(person))

    conditions = (
        or_(ContactRow.said_again, seen(ContactRow.previous)),
        seen(ContactRow.again),
        or_(ContactRow.upset, ContactRow.abusive),
    )
    return [case((condition, 1), else_=0) for condition in conditions]


def _lines(
    session: Session, where: Sequence[ColumnElement[bool]], person: Person
) -> dict[str, CustomerLine]:
    """The customers of some contacts, by their ids."""
    repeat, again, flagged = _needs(person)
    summed = {
        "need": repeat + again + flagged,
        "repeats": repeat,
        "again": again,
        "upset": cast(ContactRow.upset, Integer),
        "abusive": cast(ContactRow.abusive, Integer),
        "duration_s": ContactRow.duration_s,
        "holds": ContactRow.holds,
        "hold_s": ContactRow.hold_s,
        "dead_air": ContactRow.dead_air,
        "dead_air_s": ContactRow.dead_air_s,
    }
    rows = session.execute(
        select(
            ContactRow.customer_id,
            func.count().label("calls"),
            func.max(ContactRow.at).label("last_at"),
            *(func.sum(column).label(name) for name, column in summed.items()),
        )
        .where(*where)
        .group_by(ContactRow.customer_id)
    ).mappings()
    return {row["customer_id"]: CustomerLine(**row) for row in rows}


def _calls(rows: Sequence[tuple[ContactRow, CallRow, StandingRow]]) -> Iterable[CustomerCall]:
    began = {call.id: standing.at for _, call, standing in rows}
    for contact, call, standing in rows:
        # A call before that is not theirs to see is none to them.
        previous = contact.previous if contact.previous in began else None
        gap = None if previous is None else standing.at - began[previous]
        yield CustomerCall(
            call=found_call(call, standing),
            direction=call.direction,
            waits=Waits(contact.holds, contact.hold_s, contact.dead_air, contact.dead_air_s),
            said_again=contact.said_again,
            previous=previous,
            days_after=None if gap is None else round(gap / timedelta(days=1), 2),
        )


def _promises(
    rows: Sequence[tuple[ContactRow, CallRow, StandingRow]],
    promises: dict[int, list[PromiseRow]],
) -> Iterable[PromiseLine]:
    """Those whose time has passed first, by when they were due; then by when they were made."""
    theirs = sorted(
        (call.started_at_utc, call.id, found_call(call, standing))
        for _, call, standing in rows
        if call.started_at_utc is not None and call.direction != "outbound"
    )
    now = utc_now()
    found = []
    for _, call, standing in rows:
        for promise in promises[call.id]:
            due = promise.due
            later = [(at, line) for at, number, line in theirs if at > standing.at] if due else []
            found.append(
                PromiseLine(
                    call=call.id,
                    call_id=call.call_id,
                    at=standing.at,
                    quote=promise.quote,
                    said=promise.said,
                    start_s=promise.start_s,
                    told=promise.told,
                    due=due,
                    overdue=due is not None and due < now,
                    early=next((line for at, line in later if due and at <= due), None),
                    after=next((line for at, line in later if due and at > due), None),
                )
            )
    return sorted(found, key=lambda line: (not line.overdue, -(line.due or line.at).timestamp()))

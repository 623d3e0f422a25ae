"""Recurring causes as pages show them: of the calls that the person who looks may see.

A cause has no name of its own: it is shown by its most central statement and its telling words,
taken from those calls.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from fastapi import HTTPException
from sqlalchemy import Select, case, distinct, func, select
from sqlalchemy.orm import Session

from pipeline.day_sums import answers_of
from pipeline.review.access import LARGEST_NUMBER, sees_all, visible
from pipeline.review.people import Person
from pipeline.review_tables import (
    CauseMemberRow,
    CauseRunRow,
    StandingRow,
    StatementRow,
)
from pipeline.tables import CallRow, ResultRow

PAGE = 20
QUOTES = 50
SOLUTIONS = 6
SHOWN_WORDS = 4
SOLVED_BY = ("solution", "answer")
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Quote:
    """What was said in a call, and when."""

    call: int
    call_id: str
    at: datetime
    role: str
    text: str
    start_s: float | None


@dataclass(frozen=True, slots=True)
class Week:
    """The calls of a week, named by its Monday."""

    week: date
    calls: int


@dataclass(frozen=True, slots=True)
class CauseLine:
    """A cause. ``solve`` and ``follow_up`` count the answers that stand, by answer."""

    number: int
    quote: Quote
    words: tuple[str, ...]
    calls: int
    complained: int
    weeks: tuple[Week, ...]
    solve: dict[str, int]
    follow_up: dict[str, int]


@dataclass(frozen=True, slots=True)
class Looked:
    """When causes were looked for last, over what, and how much of it belongs to one.

    The counts are for those who see all calls: they tell of everybody's.
    """

    at: datetime
    since: datetime
    until: datetime
    calls: int | None
    statements: int | None
    grouped: int | None


@dataclass(frozen=True, slots=True)
class CausePage:
    """Causes, those of the most complaints first; ``looked`` is None where nobody looked yet."""

    causes: tuple[CauseLine, ...]
    total: int
    page: int
    pages: int
    looked: Looked | None


@dataclass(frozen=True, slots=True)
class WholeCause:
    """A cause with a page of its statements, the most central first, and how it was solved."""

    cause: CauseLine
    quotes: tuple[Quote, ...]
    total: int
    page: int
    pages: int
    solutions: tuple[Quote, ...]
    looked: Looked | None


def list_causes(session: Session, person: Person, page: int = 1) -> CausePage:
    """A page of causes of which the person may see a call."""
    calls = func.count(distinct(StatementRow.call))
    complained = func.count(distinct(case((StatementRow.kind == "complaint", StatementRow.call))))
    counted = (
        _members(CauseMemberRow.cause, calls.label("calls"), complained.label("complained"))
        .add_columns(func.count().over().label("total"))
        .where(visible(person))
        .group_by(CauseMemberRow.cause)
        .order_by(complained.desc(), calls.desc(), CauseMemberRow.cause)
    )
    rows = session.execute(counted.limit(PAGE).offset((page - 1) * PAGE)).all()
    looked = _looked(session, person)
    total = rows[0].total if rows else 0
    numbers = [row.cause for row in rows]
    return CausePage(
        causes=tuple(_lines(session, numbers, person, looked)),
        total=total,
        page=page,
        pages=max(1, -(-total // PAGE)),
        looked=looked,
    )


def find_cause(session: Session, number: int, person: Person, page: int = 1) -> WholeCause:
    """Raises 404 where there is no such cause of calls that the person may see."""
    looked = _looked(session, person)
    known = 0 < number <= LARGEST_NUMBER
    line = next(iter(_lines(session, [number], person, looked)), None) if known else None
    if line is None:
        raise HTTPException(404, "There is no such cause, or its calls are not yours to see.")
    of_cause = (CauseMemberRow.cause == number, visible(person))
    total = session.scalar(_members(func.count()).where(*of_cause)) or 0
    return WholeCause(
        cause=line,
        quotes=tuple(_quotes(session, number, person, QUOTES, (page - 1) * QUOTES)),
        total=total,
        page=page,
        pages=max(1, -(-total // QUOTES)),
        solutions=tuple(_solutions(session, number, person)),
        looked=looked,
    )


def _members(*columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .select_from(CauseMemberRow)
        .join(StatementRow, StatementRow.id == CauseMemberRow.statement)
        .join(CallRow, CallRow.id == StatementRow.call)
    )


def _looked(session: Session, person: Person) -> Looked | None:
    row = session.scalar(select(CauseRunRow).order_by(CauseRunRow.id.desc()).limit(1))
    if row is None:
        return None
    if not sees_all(person):
        return Looked(row.at, row.since, row.until, None, None, None)
    return Looked(row.at, row.since, row.until, row.calls, row.statements, row.grouped)


def _lines(
    session: Session, numbers: Sequence[int], person: Person, looked: Looked | None
) -> Iterable[CauseLine]:
    members = (
        _members(CauseMemberRow.cause, CauseMemberRow.words, StatementRow.kind)
        .add_columns(StandingRow.call, StandingRow.at, StandingRow.answers)
        .join(StandingRow, StandingRow.call == StatementRow.call)
        .where(CauseMemberRow.cause.in_(numbers), visible(person))
    )
    rows: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(members):
        rows[row.cause].append(row)
    for number in numbers:
        if rows[number]:
            yield _line(session, number, rows[number], person, looked)


def _line(
    session: Session, number: int, rows: Sequence[Any], person: Person, looked: Looked | None
) -> CauseLine:
    calls = {row.call: row for row in rows}
    answers = [answers_of(row) for row in calls.values()]
    words = Counter(word for row in rows for word in row.words.split())
    return CauseLine(
        number=number,
        quote=_quotes(session, number, person, 1)[0],
        words=tuple(word for word, _ in words.most_common(SHOWN_WORDS)),
        calls=len(calls),
        complained=len({row.call for row in rows if row.kind == "complaint"}),
        weeks=_weeks([row.at for row in calls.values()], looked),
        solve=_counted(answers, "solve"),
        follow_up=_counted(answers, "follow_up"),
    )


def _counted(answers: Sequence[dict[str, str]], criterion: str) -> dict[str, int]:
    return dict(Counter(found[criterion] for found in answers if criterion in found))


def _weeks(times: Sequence[datetime], looked: Looked | None) -> tuple[Week, ...]:
    """Every week of the period, those without a call too."""
    counts = Counter(_monday(at) for at in times)
    first = min([*counts, *([_monday(looked.since)] if looked else [])])
    last = max([*counts, *([_monday(looked.until)] if looked else [])])
    weeks = (first + number * WEEK for number in range((last - first) // WEEK + 1))
    return tuple(Week(week, counts[week]) for week in weeks)


def _monday(at: datetime) -> date:
    return at.date() - timedelta(days=at.weekday())


def _quotes(
    session: Session, number: int, person: Person, limit: int, offset: int = 0
) -> list[Quote]:
    """Statements of a cause, the most central first."""
    rows = session.execute(
        _members(StatementRow, CallRow.id, CallRow.call_id, StandingRow.at)
        .join(StandingRow, StandingRow.call == StatementRow.call)
        .where(CauseMemberRow.cause == number, visible(person))
        .order_by(CauseMemberRow.closeness.desc(), StatementRow.id)
        .limit(limit)
        .offset(offset)
    ).tuples()
    return [
        Quote(call, call_id, at, "customer", statement.text, statement.start_s)
        for statement, call, call_id, at in rows
    ]


def _solutions(session: Session, number: int, person: Person) -> Iterable[Quote]:
    """What agents did where it was solved, of the most central calls."""
    nearest = func.max(CauseMemberRow.closeness)
    solved = (
        _members(CallRow.id, CallRow.call_id, StandingRow.at, StandingRow.result)
        .join(StandingRow, StandingRow.call == StatementRow.call)
        .where(
            CauseMemberRow.cause == number,
            visible(person),
            StandingRow.answers.contains(" solve=met ", autoescape=True),
        )
        .group_by(CallRow.id, CallRow.call_id, StandingRow.at, StandingRow.result)
        .order_by(nearest.desc(), CallRow.id)
        .limit(SOLUTIONS)
    )
    for call, call_id, at, result in session.execute(solved).tuples().all():
        text = session.get_one(ResultRow, result).result_json
        for criterion in json.loads(text)["criteria"]:
            evidence = criterion["evidence"] if criterion["id"] == "solve" else []
            for part in evidence:
                if part["what"] in SOLVED_BY and part["role"] == "agent":
                    yield Quote(call, call_id, at, "agent", part["quote"], part["start_s"])

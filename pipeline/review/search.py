"""Which calls somebody looks for, and what a list of them shows and exports."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from pipeline.day_sums import answers_of
from pipeline.flags import FROM_WORDS
from pipeline.fulltext import matches, terms
from pipeline.records import AnswerValue
from pipeline.review.access import visible
from pipeline.review.people import Person
from pipeline.review_tables import AgentDayRow, CriterionDayRow, StandingRow
from pipeline.store import Store
from pipeline.tables import CallRow, ResultRow

PAGE = 50
COUNTED_TO = 1000
"""Matches are counted no further: a page shows "more than 1,000"."""
LAST_PAGE = 2000
SNIPPET_WORDS = 12
EXPORTED_AT_ONCE = 500

FLAGS = (
    *FROM_WORDS,
    *("agent_raised_voice", "customer_raised_voice", "long_hold", "low_score"),
    "second_opinion_differs",
)

Sort = Literal["newest", "oldest", "lowest", "highest"]
State = Literal["", "flagged", "disputed", "corrected", "failed"]


class Filter(BaseModel):
    """What a search asks for. Fields left empty ask for nothing."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    q: str = Field("", max_length=200)
    """Words and "quoted phrases" that were all said in the call."""
    call_id: str = Field("", max_length=200)
    agent: str = Field("", max_length=200)
    team: str = Field("", max_length=200)
    queue: str = Field("", max_length=200)
    customer: str = Field("", max_length=200)
    since: date | None = None
    until: date | None = None
    flag: str = Field("", max_length=100)
    criterion: str = Field("", max_length=100)
    answer: AnswerValue | Literal[""] = ""
    score_from: float | None = Field(None, ge=0, le=100)
    score_to: float | None = Field(None, ge=0, le=100)
    state: State = ""
    sort: Sort = "newest"
    page: int = Field(1, ge=1, le=LAST_PAGE)

    @field_validator("since", "until", "score_from", "score_to", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    def query(self, **changes: object) -> dict[str, object]:
        """As parameters of an address, without what asks for nothing."""
        asked = self.model_dump(mode="json", exclude_defaults=True) | changes
        return {key: value for key, value in asked.items() if value not in ("", None)}


@dataclass(frozen=True, slots=True)
class Snippet:
    """Words around a match, and when they were said."""

    role: str
    start_s: float | None
    before: str
    match: str
    after: str


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A line of a list of calls."""

    number: int
    call_id: str
    agent_id: str
    agent_name: str | None
    team: str | None
    queue: str | None
    customer_id: str | None
    at: datetime
    duration_s: float | None
    score: float | None
    coverage: float
    failed_by: str | None
    flags: tuple[str, ...]
    corrected: int
    disputed: int
    snippet: Snippet | None = None


@dataclass(frozen=True, slots=True)
class FoundCalls:
    """A page of matches. ``more`` than ``total`` match where counting stopped."""

    calls: tuple[FoundCall, ...]
    total: int
    more: bool
    page: int
    pages: int


def find_calls(store: Store, wanted: Filter, person: Person) -> FoundCalls:
    """A page of the calls that match and that the person may see."""
    with store.read() as session:
        # The numbers first: they come from an index, and what a page shows from few rows.
        matching = _matching(session, wanted, person).order_by(*_order(wanted.sort))
        numbers = session.scalars(matching.limit(COUNTED_TO + 1)).all()
        count, start = len(numbers), (wanted.page - 1) * PAGE
        if count > COUNTED_TO and start + PAGE > COUNTED_TO:
            numbers, start = session.scalars(matching.offset(start).limit(PAGE)).all(), 0
        rows = _rows(session, numbers[start : start + PAGE])
        snippets: dict[int, Snippet | None] = {}
        if terms(wanted.q):
            snippets = _snippets(session, [standing.result for _, standing in rows], wanted.q)
    total = min(count, COUNTED_TO)
    return FoundCalls(
        calls=tuple(found_call(*row, snippets.get(row[1].result)) for row in rows),
        total=total,
        more=count > COUNTED_TO,
        page=wanted.page,
        pages=LAST_PAGE if count > COUNTED_TO else max(1, -(-total // PAGE)),
    )


def export_calls(store: Store, wanted: Filter, person: Person) -> Iterator[dict[str, Any]]:
    """Every match with its standing answers (``answer_CRITERION``), a chunk in memory at a time."""
    start = 0
    while True:
        with store.read() as session:
            matching = _matching(session, wanted, person).order_by(*_order(wanted.sort))
            numbers = session.scalars(matching.offset(start).limit(EXPORTED_AT_ONCE)).all()
            rows = _rows(session, numbers)
        for call, standing in rows:
            yield _exported(call, standing)
        start += len(rows)
        if len(rows) < EXPORTED_AT_ONCE:
            return


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from in the search form."""

    teams: tuple[str, ...]
    queues: tuple[str, ...]
    agents: tuple[str, ...]
    criteria: tuple[str, ...]
    flags: tuple[str, ...] = FLAGS


def choices(store: Store, person: Person) -> Choices:
    """Of the calls that the person may see."""
    with store.read() as session:

        def distinct(column: Any, of: type[Any]) -> tuple[str, ...]:
            there = select(column).where(visible(person, of), column.is_not(None), column != "")
            return tuple(sorted(session.scalars(there.distinct())))

        return Choices(
            teams=distinct(AgentDayRow.team, AgentDayRow),
            queues=distinct(CallRow.queue, CallRow),
            agents=distinct(AgentDayRow.agent_id, AgentDayRow),
            criteria=distinct(CriterionDayRow.criterion, CriterionDayRow),
        )


def _matching(session: Session, wanted: Filter, person: Person) -> Select[tuple[int]]:
    """The numbers of the calls that match."""
    matching = select(StandingRow.call).where(visible(person, StandingRow))
    if any((wanted.call_id, wanted.queue, wanted.customer)):
        matching = matching.join(CallRow, CallRow.id == StandingRow.call)
    return matching.where(*_conditions(session, wanted))


def _rows(session: Session, numbers: Sequence[int]) -> list[tuple[CallRow, StandingRow]]:
    """In the order of the numbers."""
    found = session.execute(
        select(CallRow, StandingRow)
        .join(StandingRow, StandingRow.call == CallRow.id)
        .where(CallRow.id.in_(numbers))
    ).tuples()
    by_number = {call.id: (call, standing) for call, standing in found}
    return [by_number[number] for number in numbers]


def _conditions(session: Session, wanted: Filter) -> Iterator[ColumnElement[bool]]:
    equal = (
        (CallRow.call_id, wanted.call_id),
        (StandingRow.agent_id, wanted.agent),
        (StandingRow.team, wanted.team),
        (CallRow.queue, wanted.queue),
        (CallRow.customer_id, wanted.customer),
    )
    for column, value in equal:
        if value:
            yield column == value
    if wanted.since is not None:
        yield StandingRow.at >= datetime.combine(wanted.since, time.min)
    if wanted.until is not None and wanted.until < date.max:
        yield StandingRow.at < datetime.combine(wanted.until + timedelta(days=1), time.min)
    if wanted.flag:
        yield StandingRow.flags.contains(f" {wanted.flag} ", autoescape=True)
    if wanted.score_from is not None:
        yield StandingRow.score >= wanted.score_from
    if wanted.score_to is not None:
        yield StandingRow.score <= wanted.score_to
    if wanted.criterion or wanted.answer:
        yield _answered(wanted.criterion, wanted.answer)
    if terms(wanted.q):
        yield matches(session, wanted.q)
    match wanted.state:
        case "flagged":
            yield or_(StandingRow.flags != "", StandingRow.failed_by.is_not(None))
        case "disputed":
            yield StandingRow.disputed > 0
        case "corrected":
            yield StandingRow.corrected > 0
        case "failed":
            yield StandingRow.failed_by.is_not(None)


def _answered(criterion: str, answer: str) -> ColumnElement[bool]:
    if criterion and answer:
        return StandingRow.answers.contains(f" {criterion}={answer} ", autoescape=True)
    part = f" {criterion}=" if criterion else f"={answer} "
    return StandingRow.answers.contains(part, autoescape=True)


def _order(sort: Sort) -> tuple[Any, ...]:
    match sort:
        case "oldest":
            return StandingRow.at.asc(), StandingRow.call.asc()
        case "lowest":
            return StandingRow.score.asc().nulls_last(), StandingRow.call.asc()
        case "highest":
            return StandingRow.score.desc().nulls_last(), StandingRow.call.desc()
    return StandingRow.at.desc(), StandingRow.call.desc()


def found_call(call: CallRow, standing: StandingRow, snippet: Snippet | None = None) -> FoundCall:
    return FoundCall(
        number=call.id,
        call_id=call.call_id,
        agent_id=call.agent_id,
        agent_name=call.agent_name,
        team=call.team,
        queue=call.queue,
        customer_id=call.customer_id,
        at=standing.at,
        duration_s=call.duration_s,
        score=standing.score,
        coverage=standing.coverage,
        failed_by=standing.failed_by,
        flags=tuple(standing.flags.split()),
        corrected=standing.corrected,
        disputed=standing.disputed,
        snippet=snippet,
    )


def _exported(call: CallRow, standing: StandingRow) -> dict[str, Any]:
    found = found_call(call, standing)
    row = {name: getattr(found, name) for name in FoundCall.__slots__ if name != "snippet"}
    row |= {"at": found.at.isoformat(timespec="seconds") + "Z", "flags": " ".join(found.flags)}
    return row | {
        f"answer_{criterion}": answer for criterion, answer in answers_of(standing).items()
    }


def _snippets(session: Session, results: list[int], query: str) -> dict[int, Snippet | None]:
    found = session.execute(
        select(ResultRow.id, ResultRow.result_json).where(ResultRow.id.in_(results))
    ).tuples()
    return {number: _snippet(json.loads(text)["turns"], query) for number, text in found}


def _snippet(turns: list[dict[str, Any]], query: str) -> Snippet | None:
    """Around the first word of the query that is there as written, or begins so.

    A stand-in such as ``[birth date]`` is one word.
    """
    word = rf"\b(?:{'|'.join(re.escape(term) for term in terms(query))})\w*"
    pattern = re.compile(rf"\[[a-z ]*{word}[a-z ]*\]|{word}", re.IGNORECASE)
    for turn in turns:
        match = pattern.search(turn["text"])
        if match is None:
            continue
        before = turn["text"][: match.start()].split()
        after = turn["text"][match.end() :].split()
        return Snippet(
            role=turn["role"],
            start_s=_start_of(turn, match.start()),
            before=_cut(before[-SNIPPET_WORDS:], len(before) > SNIPPET_WORDS, at_start=True),
            match=match[0],
            after=_cut(after[:SNIPPET_WORDS], len(after) > SNIPPET_WORDS, at_start=False),
        )
    return None


def _start_of(turn: dict[str, Any], offset: int) -> float | None:
    """When the word at that offset of the turn's text is said."""
    number = len(turn["text"][:offset].split())
    words = turn.get("words") or []
    start: float | None = words[number]["start_s"] if number < len(words) else turn.get("start_s")
    return start


def _cut(words: list[str], cut: bool, *, at_start: bool) -> str:
    text = " ".join(words)
    if not cut:
        return text
    return f"… {text}" if at_start else f"{text} …"

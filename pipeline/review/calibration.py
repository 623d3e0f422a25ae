"""Readings of drawn calls: two people each answer every criterion without the machine's answers.

A reading is given once and not changed: who has given it may see what the others answered.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from pipeline.errors import PermanentError
from pipeline.report import label
from pipeline.review.access import find_call, visible
from pipeline.review.agreement import ORDER
from pipeline.review.people import Person
from pipeline.review.trust import rubric_name
from pipeline.review_tables import AuditRow, PersonRow, ReadingRow, SampleRow, StandingRow
from pipeline.rubric_file import Criterion
from pipeline.standing import stored_rubric
from pipeline.store import Store
from pipeline.tables import AnswerRow, CallRow, ResultRow, utc_now

READERS = 2
LISTED = 100  # calls in a list; the rest come up as these are read
WHOLE_JUDGES = frozenset({"empathize", "composure", "positive_language"})
"""Judges that know no "partly": the guide (``rubrics/guide.md``) describes none for them."""
NOTED_AS = "calibration"
"""What those entries of the audit log begin with that show nobody's answers."""


class CalibrationError(PermanentError):
    """A reading that cannot be taken or shown; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A drawn call in a list. How it was drawn is not told: that would say what to look for.

    ``seen``: who asks has opened its score card, and cannot read it blind any more.
    """

    number: int
    call: int
    call_id: str
    queue: str | None
    at: datetime
    duration_s: float | None
    readings: int
    mine: bool
    seen: bool


@dataclass(frozen=True, slots=True)
class Samples:
    """The first of the drawn calls that were asked for, and how many there are."""

    calls: tuple[Sample, ...]
    total: int


def list_samples(session: Session, person: Person, state: Literal["open", "read"]) -> Samples:
    """Drawn calls that the person may see: ``open`` to their reading, or ``read``.

    Read are those that the person has read and those with both readings. Of the open ones those
    with one reading come first, and last those that this person has seen unblinded.
    """
    readings = (
        select(
            ReadingRow.sample,
            func.count(ReadingRow.person.distinct()).label("readings"),
            func.max(case((ReadingRow.person == person.id, 1), else_=0)).label("mine"),
        )
        .group_by(ReadingRow.sample)
        .subquery()
    )
    count, mine = func.coalesce(readings.c.readings, 0), func.coalesce(readings.c.mine, 0)
    seen = _seen(person).correlate(CallRow).exists()
    found = (
        select(SampleRow.id, CallRow, StandingRow.at, count, mine, seen)
        .join(CallRow, SampleRow.call == CallRow.id)
        .join(StandingRow, StandingRow.call == CallRow.id)
        .outerjoin(readings, readings.c.sample == SampleRow.id)
        .where(visible(person))
    )
    if state == "open":
        found = found.where(count < READERS, mine == 0).order_by(seen, count.desc(), SampleRow.id)
    else:
        found = found.where((count >= READERS) | (mine == 1)).order_by(SampleRow.id.desc())
    numbers = found.with_only_columns(SampleRow.id).order_by(None).subquery()
    total = session.scalar(select(func.count()).select_from(numbers)) or 0
    rows = session.execute(found.limit(LISTED)).tuples()
    return Samples(tuple(_sample(*row) for row in rows), total)


@dataclass(frozen=True, slots=True)
class Question:
    """A criterion as its rubric words it, and the answers it can get."""

    criterion: str
    title: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a reader gets: the call as it was heard, and the questions. No answer of anybody.

    ``turns`` are as in the documented form of a result.
    """

    number: int
    call: int
    call_id: str
    queue: str | None
    at: datetime
    duration_s: float | None
    rubric: str
    questions: tuple[Question, ...]
    turns: list[dict[str, Any]]


def load_sheet(session: Session, number: int, person: Person) -> Sheet:
    """A drawn call to read.

    Raises
    ------
    HTTPException
        404: no such call, or not theirs to see.
    CalibrationError
        It is not open to this person.
    """
    sample, call = _find(session, number, person)
    _check_open(session, sample, call, person)
    standing = session.get_one(StandingRow, call.id)
    result = session.get_one(ResultRow, standing.result)
    criteria = _criteria(session, result.rubric_hash)
    return Sheet(
        number=sample.id,
        call=call.id,
        call_id=call.call_id,
        queue=call.queue,
        at=standing.at,
        duration_s=call.duration_s,
        rubric=rubric_name(result.rubric_id, result.rubric_version),
        questions=tuple(
            _question(criterion, criteria.get(criterion))
            for criterion in _machine(session, result.id)
        ),
        turns=json.loads(result.result_json)["turns"],
    )


def keep_reading(store: Store, number: int, answers: Mapping[str, str], person: Person) -> int:
    """Stores a person's answers to every criterion of a drawn call, once; gives the call's number.

    Raises 404 and CalibrationError as :func:`load_sheet`, and where answers lack or do not fit.
    """
    with store.write() as session:
        sample, call = _find(session, number, person, lock=True)
        sheet = load_sheet(session, number, person)
        allowed = {question.criterion: question.answers for question in sheet.questions}
        if set(answers) != set(allowed):
            raise CalibrationError("answer every criterion of this call, and no other; reload")
        for criterion, answer in answers.items():
            if answer not in allowed[criterion]:
                raise CalibrationError(
                    f"{criterion}: choose one of {', '.join(allowed[criterion])}"
                )
        machine = _machine(session, session.get_one(StandingRow, call.id).result)
        session.add_all(
            ReadingRow(
                sample=sample.id,
                person=person.id,
                criterion=criterion,
                answer=answers[criterion],
                machine=machine[criterion],
                rubric=sheet.rubric,
                at=utc_now(),
            )
            for criterion in allowed
        )
        return call.id


@dataclass(frozen=True, slots=True)
class Comparison:
    """The readings of a call side by side. ``answers[criterion]`` has one answer a reader.

    ``machine`` is what the machine had answered when the first of them read.
    """

    number: int
    call: int
    call_id: str
    complete: bool
    readers: tuple[str, ...]
    machine: Mapping[str, str]
    answers: Mapping[str, tuple[str | None, ...]]


def compare(session: Session, number: int, person: Person) -> Comparison:
    """For who has read the call, or when both readings are there: nobody reads it blind any more.

    Raises 404 as :func:`load_sheet`; CalibrationError: it is still to be read.
    """
    sample, call = _find(session, number, person)
    rows = session.execute(
        select(ReadingRow, PersonRow.name)
        .join(PersonRow, ReadingRow.person == PersonRow.id)
        .where(ReadingRow.sample == sample.id)
        .order_by(ReadingRow.id)
    ).tuples()
    machine: dict[str, str] = {}
    answers: dict[str, dict[str, str]] = {}
    readers: dict[int, str] = {}
    for row, name in rows:
        readers[row.person] = name
        machine.setdefault(row.criterion, row.machine)
        answers.setdefault(row.criterion, {})[name] = row.answer
    complete = len(readers) >= READERS
    if not complete and person.id not in readers:
        raise CalibrationError("read this call yourself first; then the answers are shown")
    names = tuple(readers.values())
    return Comparison(
        number=sample.id,
        call=call.id,
        call_id=call.call_id,
        complete=complete,
        readers=names,
        machine=machine,
        answers={
            criterion: tuple(given.get(name) for name in names)
            for criterion, given in answers.items()
        },
    )


def _find(
    session: Session, number: int, person: Person, *, lock: bool = False
) -> tuple[SampleRow, CallRow]:
    # Locked, so that a form sent twice finds its own first reading.
    sample = session.get(SampleRow, number, with_for_update=lock or None)
    call = find_call(session, 0 if sample is None else sample.call, person)
    assert sample is not None  # there is no call 0
    return sample, call


def _check_open(session: Session, sample: SampleRow, call: CallRow, person: Person) -> None:
    of_sample = select(ReadingRow.person).where(ReadingRow.sample == sample.id).distinct()
    readers = set(session.scalars(of_sample))
    if person.id in readers:
        raise CalibrationError("you have read this call already; a reading is not changed")
    if len(readers) >= READERS:
        raise CalibrationError("this call has both its readings; choose another")
    if session.scalar(_seen(person).where(CallRow.id == call.id).limit(1)) is not None:
        raise CalibrationError(
            "you have opened the score card of this call and cannot read it blind; leave it to "
            "somebody else"
        )


def _seen(person: Person) -> Select[tuple[int]]:
    """Entries of the audit log that a person saw what the machine said of a call."""
    return select(AuditRow.id).where(
        AuditRow.call_id == CallRow.call_id,
        AuditRow.person == person.id,
        AuditRow.action == "view",
        AuditRow.what.not_like(f"{NOTED_AS}%"),
    )


def _machine(session: Session, result: int) -> dict[str, str]:
    """The machine's answer to each criterion, in the rubric's order."""
    of_result = select(AnswerRow.criterion, AnswerRow.answer).where(AnswerRow.result == result)
    return dict(session.execute(of_result.order_by(AnswerRow.id)).tuples().all())


def _question(criterion: str, asked: Criterion | None) -> Question:
    if asked is None:
        return Question(criterion, label(criterion), ORDER)
    half = asked.rules.partial is not None if asked.rules else asked.judge not in WHOLE_JUDGES
    answers: Sequence[str] = ORDER if half else [a for a in ORDER if a != "partial"]
    return Question(criterion, asked.title, tuple(answers))


def _criteria(session: Session, rubric_hash: str) -> dict[str, Criterion]:
    """What a stored rubric asks, by criterion; empty where it was not stored."""
    rubric = stored_rubric(session, rubric_hash)
    return {criterion.id: criterion for criterion in rubric.criteria} if rubric else {}


def _sample(
    number: int, call: CallRow, at: datetime, readings: int, mine: int, seen: bool
) -> Sample:
    return Sample(
        number=number,
        call=call.id,
        call_id=call.call_id,
        queue=call.queue,
        at=at,
        duration_s=call.duration_s,
        readings=readings,
        mine=bool(mine),
        seen=bool(seen),
    )

"""How far the machine's answers can be relied on, by the readings of drawn calls.

A criterion is *suggest only* where machine and readers may agree too little: the lower bound of
their kappa on calls drawn at random lies below :data:`TARGET`. With fewer calls than
:data:`MIN_CALLS`, or one and the same answer in all, nothing is known, and the criterion is not
marked: a mark on everything would tell nobody anything.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Engine, func, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from pipeline.review.access import visible
from pipeline.review.agreement import Agreement, agreement
from pipeline.review.people import Person
from pipeline.review.sampling import How
from pipeline.review_tables import ReadingRow, SampleRow
from pipeline.tables import CallRow

TARGET = 0.61
"""Lower bound of kappa from which on the machine may stand by itself: where "substantial" begins
(Landis and Koch 1977). Our own readers reach 0.75 with each other before they settle: more cannot
be asked of a machine, and the bound of a criterion as good as that passes with 100 to 200 calls."""
MIN_CALLS = 30
"""With fewer even a machine that is always right may fall short: where one call in ten has the
rarer of two answers, the bound after 30 calls without any difference is 0.58."""

State = Literal["relied on", "suggest only", "unknown"]
_Reading = tuple[int, int, str, str, str]  # sample, person, criterion, answer, the machine's
_Stamp = tuple[int | None, ...]

# Of each open database what was worked out, and from which readings.
_known: WeakKeyDictionary[Engine, tuple[_Stamp, dict[str, frozenset[str]]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class CriterionFigures:
    """Agreement on a criterion: of the readers with the ``machine``, and of ``people`` in pairs."""

    criterion: str
    machine: Agreement
    people: Agreement
    state: State | None
    """None where calls were drawn by risk: they are no picture of all."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Agreement under one rubric, from calls drawn in one way that a person may see.

    ``rubrics`` are all that calls were read under, the newest first; ``rubric`` is None where
    nobody has read anything yet.
    """

    how: How
    rubric: str | None
    rubrics: tuple[str, ...]
    drawn: int
    read: int
    read_twice: int
    target: float
    min_calls: int
    criteria: tuple[CriterionFigures, ...]


def agreement_figures(
    session: Session, person: Person, how: How = "random", rubric: str | None = None
) -> Figures:
    """From the calls that the person may see; ``rubric`` None: the one read under last.

    A rubric that nobody read under gives figures of no calls.
    """
    mine, rubrics = visible(person), _rubrics(session)
    if rubric is None and rubrics:
        rubric = rubrics[0]
    readings = [] if rubric is None else _readings(session, how, rubric, mine)
    readers = Counter(sample for sample, _ in {(row[0], row[1]) for row in readings})
    drawn = (
        select(func.count())
        .select_from(SampleRow)
        .join(CallRow, SampleRow.call == CallRow.id)
        .where(_chance(how).is_not(None), mine)
    )
    return Figures(
        how=how,
        rubric=rubric,
        rubrics=rubrics,
        drawn=session.scalar(drawn) or 0,
        read=len(readers),
        read_twice=sum(count > 1 for count in readers.values()),
        target=TARGET,
        min_calls=MIN_CALLS,
        criteria=_by_criterion(readings, how),
    )


def suggest_only(session: Session, rubric: str | None = None) -> frozenset[str]:
    """The criteria whose answers are no more than suggestions, whoever asks and on whatever call.

    ``rubric`` by its :func:`rubric_name`; None: the one read under last. Costs three counts as long
    as nobody reads or draws anything.
    """
    stamp: _Stamp = (
        session.scalar(select(func.max(ReadingRow.id))),
        session.scalar(select(func.count(ReadingRow.id))),
        session.scalar(select(func.count(SampleRow.random_chance))),
    )
    engine = session.get_bind().engine
    known = _known.get(engine)
    if known is None or known[0] != stamp:
        rubrics = _rubrics(session)
        found = {name: _suggested(session, name) for name in rubrics}
        known = _known[engine] = (stamp, {"": found[rubrics[0]], **found} if rubrics else {})
    return known[1].get(rubric or "", frozenset())


def rubric_name(identifier: str, version: str) -> str:
    """As it is stored with readings: another version asks anew what the machine is worth."""
    return f"{identifier} {version}"


def state_of(machine: Agreement) -> State:
    """What the agreement of the machine with readers of calls drawn at random says of it."""
    if machine.calls < MIN_CALLS or machine.low is None:
        return "unknown"
    return "relied on" if machine.low >= TARGET else "suggest only"


def _suggested(session: Session, rubric: str) -> frozenset[str]:
    figures = _by_criterion(_readings(session, "random", rubric, true()), "random")
    return frozenset(found.criterion for found in figures if found.state == "suggest only")


def _rubrics(session: Session) -> tuple[str, ...]:
    last = func.max(ReadingRow.id)
    return tuple(
        session.scalars(select(ReadingRow.rubric).group_by(ReadingRow.rubric).order_by(last.desc()))
    )


def _chance(how: How) -> InstrumentedAttribute[float | None]:
    return SampleRow.random_chance if how == "random" else SampleRow.risk_chance


def _readings(
    session: Session, how: How, rubric: str, mine: ColumnElement[bool]
) -> Sequence[_Reading]:
    rows = session.execute(
        select(
            ReadingRow.sample,
            ReadingRow.person,
            ReadingRow.criterion,
            ReadingRow.answer,
            ReadingRow.machine,
        )
        .join(SampleRow, ReadingRow.sample == SampleRow.id)
        .join(CallRow, SampleRow.call == CallRow.id)
        .where(_chance(how).is_not(None), ReadingRow.rubric == rubric, mine)
        .order_by(ReadingRow.id)
    )
    return rows.tuples().all()


def _by_criterion(readings: Sequence[_Reading], how: How) -> tuple[CriterionFigures, ...]:
    """In the order of the rubric, as the first reading has it."""
    found: dict[str, dict[int, list[tuple[str, str]]]] = {}
    for sample, _, criterion, answer, machine in readings:
        found.setdefault(criterion, {}).setdefault(sample, []).append((answer, machine))
    return tuple(
        _figures(criterion, list(calls.values()), how) for criterion, calls in found.items()
    )


def _figures(criterion: str, calls: list[list[tuple[str, str]]], how: How) -> CriterionFigures:
    machine = agreement(calls)
    people = agreement(
        (list(combinations((answer for answer, _ in pairs), 2)) for pairs in calls), alike=True
    )
    return CriterionFigures(
        criterion, machine, people, state_of(machine) if how == "random" else None
    )

"""The scored calls of an agent, with the answers that stand, and the figures of their criteria."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.coaching.records import Figure, Measuring
from pipeline.coaching.share import Counts, count, share_of
from pipeline.criteria import JUDGES
from pipeline.day_sums import answers_of, day_number
from pipeline.report import label
from pipeline.review_tables import CriterionDayRow, StandingRow
from pipeline.rubric_file import RubricFile
from pipeline.standing import stored_rubric
from pipeline.tables import AnswerRow, CallRow, ResultRow

ABUSIVE = "abusive_customer"
NOBODY = "unknown"
"""The agent of calls whose metadata name none."""
MIN_JUDGED = 10
"""With fewer judged answers a share says too little: as in the averages of the site."""
MIN_COLLEAGUES = 5
"""With fewer, their better quarter is one person."""
BETTER_QUARTER = 0.75
CHUNK = 200
"""Results read at a time: each holds all words of a call."""


@dataclass(frozen=True, slots=True)
class ScoredCall:
    """What stands of a call. ``number`` is its row, ``result`` that of its result."""

    number: int
    call_id: str
    agent_id: str
    queue: str | None
    at: datetime
    result: int
    score: float | None
    answers: Mapping[str, str]
    flags: frozenset[str]
    disputed: bool

    @property
    def abusive(self) -> bool:
        return ABUSIVE in self.flags

    @property
    def counts(self) -> bool:
        """Whether it is in the figures: nothing is held against an agent that is disputed, or that
        was said to an abusive customer.
        """
        return not self.disputed and not self.abusive


@dataclass(frozen=True, slots=True)
class Asked:
    """What a rubric asks: of each criterion its title and its points."""

    rubric: str
    """Id and version, such as ``leap 1``."""
    titles: Mapping[str, str]
    weights: Mapping[str, float]


def scored_calls(
    session: Session, agent_id: str, since: datetime | None, until: datetime | None
) -> list[ScoredCall]:
    """An agent's calls from ``since`` up to and with ``until`` (None: no bound), oldest first."""
    rows = (
        select(StandingRow, CallRow.call_id, CallRow.queue)
        .join(CallRow, StandingRow.call == CallRow.id)
        .where(StandingRow.agent_id == agent_id)
        .order_by(StandingRow.at, StandingRow.call)
    )
    if since is not None:
        rows = rows.where(StandingRow.at >= since)
    if until is not None:
        rows = rows.where(StandingRow.at <= until)
    return [scored_call(*row) for row in session.execute(rows).tuples()]


def scored_call(standing: StandingRow, call_id: str, queue: str | None) -> ScoredCall:
    return ScoredCall(
        number=standing.call,
        call_id=call_id,
        agent_id=standing.agent_id,
        queue=queue,
        at=standing.at,
        result=standing.result,
        score=standing.score,
        answers=answers_of(standing),
        flags=frozenset(standing.flags.split()),
        disputed=standing.disputed > 0,
    )


def results_of(
    session: Session, calls: Sequence[ScoredCall]
) -> Iterator[tuple[ScoredCall, dict[str, Any]]]:
    """Each call with its result in the documented form; some at a time, they hold all words."""
    for start in range(0, len(calls), CHUNK):
        by_result = {call.result: call for call in calls[start : start + CHUNK]}
        rows = select(ResultRow.id, ResultRow.result_json).where(ResultRow.id.in_(by_result))
        texts = dict(session.execute(rows).tuples().all())
        for number, call in by_result.items():
            if number in texts:
                yield call, json.loads(texts[number])


def asked_of(session: Session, calls: Sequence[ScoredCall]) -> Asked:
    """What the rubric of the newest call asks, and what else the other calls were asked."""
    newest = session.get_one(ResultRow, calls[-1].result)
    rubric = stored_rubric(session, newest.rubric_hash)
    points = (
        select(AnswerRow.criterion, func.avg(AnswerRow.max_points))
        .where(AnswerRow.result.in_([call.result for call in calls[-CHUNK:]]))
        .group_by(AnswerRow.criterion)
    )
    weights = {name: float(mean) for name, mean in session.execute(points).tuples()}
    titles = {} if rubric is None else {found.id: found.title for found in rubric.criteria}
    for name in _bonus(rubric):  # to miss it costs nothing
        weights.pop(name, None)
    ours = {name: place for place, name in enumerate(titles or JUDGES)}
    in_order = sorted(weights, key=lambda name: (ours.get(name, len(ours)), name))
    return Asked(
        rubric=f"{newest.rubric_id} {newest.rubric_version}",
        titles={name: titles.get(name) or label(name) for name in in_order},
        weights={name: weights[name] for name in in_order},
    )


def counts_of(calls: Iterable[ScoredCall], criterion: str) -> Counts:
    """The answers to a criterion in the calls that count."""
    return count(call.answers.get(criterion, "") for call in calls if call.counts)


def figures_of(
    session: Session,
    calls: Sequence[ScoredCall],
    earlier: Sequence[ScoredCall],
    asked: Asked,
    suggest_only: frozenset[str],
) -> tuple[Figure, ...]:
    """Of each criterion what is earned, what is lost, and what could be gained.

    Points lost are those of the weight times how often the criterion was called for. What could be
    reached is what the better quarter of the colleagues reach over the same time, an achievable
    benchmark: feedback against one helped physicians where feedback alone did not (Kiefe and
    others, JAMA 2001). With too few colleagues it is all of the points: an agent's own best weeks
    are mostly weeks of luck, with a few calls each.
    """
    counted = sum(call.counts for call in calls)
    found = []
    for criterion, weight in asked.weights.items():
        now = share_of(counts_of(calls, criterion))
        if now.share is None:
            continue
        others = colleagues(session, calls[0], calls[-1].at, criterion)
        reachable, against = _reachable(list(others.values()))
        a_call = weight * now.judged / counted
        found.append(
            Figure(
                criterion=criterion,
                title=asked.titles[criterion],
                weight=weight,
                now=now,
                before=share_of(counts_of(earlier, criterion)),
                lost=a_call * (1 - now.share),
                reachable=reachable,
                against=against,
                to_gain=a_call * max(0.0, reachable - now.share),
                suggest_only=criterion in suggest_only,
            )
        )
    return tuple(found)


def colleagues(
    session: Session, first: ScoredCall, until: datetime, criterion: str
) -> dict[str, tuple[int, float]]:
    """Of every other agent with enough judged answers from the first call on: how many, and the
    points they earned, in answers.
    """
    judged, halves = func.sum(CriterionDayRow.judged), func.sum(CriterionDayRow.halves)
    rows = (
        select(CriterionDayRow.agent_id, judged, halves)
        .where(
            CriterionDayRow.criterion == criterion,
            CriterionDayRow.agent_id.not_in((first.agent_id, NOBODY)),
            CriterionDayRow.day.between(day_number(first.at), day_number(until)),
        )
        .group_by(CriterionDayRow.agent_id)
        .having(judged >= MIN_JUDGED)
    )
    return {name: (int(n), int(half) / 2) for name, n, half in session.execute(rows).tuples()}


def _reachable(others: Sequence[tuple[int, float]]) -> tuple[float, Measuring]:
    if len(others) < MIN_COLLEAGUES:
        return 1.0, "full"
    # Drawn a little to the middle, or a few lucky calls would make the benchmark (Kiefe 1998).
    shares = sorted((earned + 1) / (judged + 2) for judged, earned in others)
    place = BETTER_QUARTER * (len(shares) - 1)
    below, part = int(place), place - int(place)
    above = min(below + 1, len(shares) - 1)
    return shares[below] + part * (shares[above] - shares[below]), "colleagues"


def _bonus(rubric: RubricFile | None) -> list[str]:
    return [] if rubric is None else [found.id for found in rubric.criteria if found.bonus]


def earlier_than(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """The time of the same length just before."""
    return since - (until - since), since - timedelta(microseconds=1)

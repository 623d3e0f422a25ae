"""Figures of agents and teams over a period: means with intervals, answers, trends.

Averages count a call when its agent can no longer dispute it and no dispute of it is open; until
then its figures are provisional.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import sqrt
from typing import Any

from scipy.stats import t as student_t
from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from pipeline.review.access import visible
from pipeline.review.people import Person
from pipeline.review_tables import StandingRow
from pipeline.score import SHARE
from pipeline.tables import AnswerRow, CallRow, utc_now

MIN_CALLS = 10
"""Below this an agent's mean is not shown: an interval from fewer calls is too wide to act on."""
CONFIDENCE = 0.95
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean of ``count`` values with its confidence interval (Student's t, 95 %)."""

    count: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, count: int, total: float, squares: float, bounds: tuple[float, float]) -> "Mean":
        """From the number of values, their sum and the sum of their squares."""
        if count == 0:
            return cls(0)
        mean = total / count
        if count == 1:
            return cls(1, mean)
        variance = max(0.0, (squares - total * mean) / (count - 1))
        half = float(student_t.ppf((1 + CONFIDENCE) / 2, count - 1)) * sqrt(variance / count)
        return cls(count, mean, max(bounds[0], mean - half), min(bounds[1], mean + half))

    @property
    def enough(self) -> bool:
        return self.count >= MIN_CALLS


@dataclass(frozen=True, slots=True)
class Group:
    """An agent's or a team's calls of a period. ``trend`` is one mean a week, the oldest first.

    ``above`` and ``below`` count those of the same kind whose intervals lie wholly lower or higher:
    where intervals overlap nobody is ranked.
    """

    id: str
    name: str | None
    team: str | None
    calls: int
    score: Mean
    coverage: float
    flagged: int
    failed: int
    disputed: int
    trend: tuple[tuple[date, Mean], ...]
    answers: Mapping[str, "Share"]
    above: int = 0
    below: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """Of the judged answers to a criterion the share of the points they earned (0 to 1)."""

    judged: int
    share: float | None


@dataclass(frozen=True, slots=True)
class Overview:
    """A period at a glance. ``provisional``: so many calls can still be disputed."""

    since: datetime
    until: datetime
    calls: int
    counted: int
    provisional: int
    everything: Mean
    coverage: float
    criteria: tuple[str, ...]
    teams: tuple[Group, ...]
    agents: tuple[Group, ...]
    counts_provisional: bool


def overview(
    session: Session,
    person: Person,
    days: int,
    dispute_days: int,
    *,
    provisional: bool | None = None,
    agent: str | None = None,
) -> Overview:
    """The last ``days`` up to the newest call that the person may see.

    ``provisional`` says whether calls that can still be disputed count; None: only if all can.
    """
    mine = visible(person)
    if agent is not None:
        mine = and_(mine, CallRow.agent_id == agent)
    joined = select().select_from(StandingRow).join(CallRow, StandingRow.call == CallRow.id)
    newest = session.scalar(joined.with_only_columns(func.max(StandingRow.at)).where(mine))
    until = newest or utc_now()
    since = (until - timedelta(days=days - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    period = and_(mine, StandingRow.at >= since)
    settled = and_(
        StandingRow.scored_at <= utc_now() - timedelta(days=dispute_days),
        StandingRow.disputed == 0,
    )
    calls, counted = session.execute(
        joined.with_only_columns(func.count(), func.sum(case((settled, 1), else_=0))).where(period)
    ).one()
    counted = counted or 0
    if provisional is None:
        provisional = counted == 0
    counting = and_(period, StandingRow.disputed == 0 if provisional else settled)
    days_of = _by_day(session, joined, counting)
    answers = _answers(session, counting)
    criteria = tuple(dict.fromkeys(criterion for _, _, criterion, _, _ in answers))
    agents = _groups(days_of, answers, "agent_id")
    teams = _groups([row for row in days_of if row["team"]], answers, "team")
    everything = _mean(days_of)
    return Overview(
        since=since,
        until=until,
        calls=calls,
        counted=sum(row["calls"] for row in days_of),
        provisional=calls - counted,
        everything=everything,
        coverage=_coverage(days_of),
        criteria=criteria,
        teams=tuple(teams),
        agents=tuple(agents),
        counts_provisional=provisional,
    )


def _by_day(session: Session, joined: Any, counting: ColumnElement[bool]) -> list[dict[str, Any]]:
    """Counts and sums by agent, team and day: all that the figures are made of."""
    flagged = or_(StandingRow.flags != "", StandingRow.failed_by.is_not(None))
    day = func.date(StandingRow.at)
    rows = session.execute(
        joined.with_only_columns(
            CallRow.agent_id,
            CallRow.team,
            func.max(CallRow.agent_name).label("name"),
            day.label("day"),
            func.count().label("calls"),
            func.count(StandingRow.score).label("scored"),
            func.sum(StandingRow.score).label("total"),
            func.sum(StandingRow.score * StandingRow.score).label("squares"),
            func.sum(StandingRow.coverage).label("coverage"),
            func.sum(case((flagged, 1), else_=0)).label("flagged"),
            func.count(StandingRow.failed_by).label("failed"),
            func.sum(StandingRow.disputed).label("disputed"),
        )
        .where(counting)
        .group_by(CallRow.agent_id, CallRow.team, day)
    )
    found = [dict(row) for row in rows.mappings()]
    for row in found:
        if isinstance(row["day"], str):  # SQLite has no dates
            row["day"] = date.fromisoformat(row["day"])
    return found


_Answers = list[tuple[str, str | None, str, str, int]]


def _answers(session: Session, counting: ColumnElement[bool]) -> _Answers:
    """How often which answer stands: agent, team, criterion, answer, count."""
    answer = func.coalesce(AnswerRow.corrected, AnswerRow.answer)
    counted = (
        select(CallRow.agent_id, CallRow.team, AnswerRow.criterion, answer, func.count())
        .select_from(StandingRow)
        .join(CallRow, StandingRow.call == CallRow.id)
        .join(AnswerRow, AnswerRow.result == StandingRow.result)
        .where(counting)
        .group_by(CallRow.agent_id, CallRow.team, AnswerRow.criterion, answer)
        .order_by(func.min(AnswerRow.id))
    )
    return [tuple(row) for row in session.execute(counted)]


def _groups(days_of: Sequence[dict[str, Any]], answers: _Answers, key: str) -> list[Group]:
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in days_of:
        rows[row[key]].append(row)
    counts: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for agent_id, team, criterion, answer, count in answers:
        of_group = counts[agent_id if key == "agent_id" else team or ""][criterion]
        of_group[answer] = of_group.get(answer, 0) + count
    groups = [_group(name, found, counts[name]) for name, found in sorted(rows.items())]
    return _set_apart(groups)


def _group(
    name: str, rows: Sequence[dict[str, Any]], answers: Mapping[str, Mapping[str, int]]
) -> Group:
    weeks: dict[date, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        weeks[row["day"] - timedelta(days=row["day"].weekday())].append(row)
    return Group(
        id=name,
        name=next((row["name"] for row in rows if row["name"]), None),
        team=next((row["team"] for row in rows if row["team"]), None),
        calls=sum(row["calls"] for row in rows),
        score=_mean(rows),
        coverage=_coverage(rows),
        flagged=sum(row["flagged"] for row in rows),
        failed=sum(row["failed"] for row in rows),
        disputed=sum(row["disputed"] for row in rows),
        trend=tuple((week, _mean(found)) for week, found in sorted(weeks.items())),
        answers={criterion: _share(found) for criterion, found in answers.items()},
    )


def _share(counts: Mapping[str, int]) -> Share:
    judged = sum(counts.get(answer, 0) for answer in SHARE)
    earned = sum(share * counts.get(answer, 0) for answer, share in SHARE.items())
    return Share(judged, earned / judged if judged else None)


def _mean(rows: Iterable[dict[str, Any]]) -> Mean:
    rows = list(rows)
    sums = (sum(row[key] or 0 for row in rows) for key in ("scored", "total", "squares"))
    count, total, squares = sums
    return Mean.of(count, total, squares, (0.0, 100.0))


def _coverage(rows: Sequence[dict[str, Any]]) -> float:
    calls = sum(row["calls"] for row in rows)
    return sum(row["coverage"] for row in rows) / calls if calls else 0.0


def _set_apart(groups: Sequence[Group]) -> list[Group]:
    """Says of each how many are surely better or worse: their intervals do not touch."""
    told = [g for g in groups if g.score.enough and g.score.low is not None]
    lows = sorted(g.score.low for g in told if g.score.low is not None)
    highs = sorted(g.score.high for g in told if g.score.high is not None)
    return [
        replace(
            group,
            above=bisect_left(highs, group.score.low),
            below=len(lows) - bisect_right(lows, group.score.high),
        )
        if group in told and group.score.low is not None and group.score.high is not None
        else group
        for group in groups
    ]

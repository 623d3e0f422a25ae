"""Figures of agents and teams over a period: means with intervals, answers, trends.

Averages count a call when its agent can no longer dispute it and no dispute of it is open; until
then its figures are provisional.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from math import sqrt
from typing import Any

from scipy.stats import t as student_t
from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from pipeline.criteria import JUDGES
from pipeline.day_sums import day_number
from pipeline.review.access import sees_all, visible
from pipeline.review.people import Person
from pipeline.review_tables import AgentDayRow, CriterionDayRow, ReviewRow, StandingRow
from pipeline.tables import utc_now

MIN_CALLS = 10
"""Below this an agent's mean is not shown: an interval from fewer calls is too wide to act on."""
CONFIDENCE = 0.95
NOBODY = "unknown"
"""The agent of calls whose metadata name none: compared with nobody."""
EPOCH = date(1970, 1, 1).toordinal()
DAYS_BEFORE_MONDAY = 3  # 1970-01-01 was a Thursday
SUMS = (
    *("calls", "disputed", "scored", "score_sum", "score_squares", "coverage_sum", "flagged"),
    "failed",
)
ORDER = {name: place for place, name in enumerate(JUDGES)}


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
        half = _quantile(count - 1) * sqrt(variance / count)
        return cls(count, mean, max(bounds[0], mean - half), min(bounds[1], mean + half))

    @property
    def enough(self) -> bool:
        return self.count >= MIN_CALLS


@lru_cache(maxsize=4096)
def _quantile(degrees_of_freedom: int) -> float:
    return float(student_t.ppf((1 + CONFIDENCE) / 2, degrees_of_freedom))


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

    since: date
    until: date
    calls: int
    counted: int
    provisional: int
    everything: Mean
    trend: tuple[tuple[date, Mean], ...]
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
    mine, mine_too = visible(person, AgentDayRow), visible(person, CriterionDayRow)
    if agent is not None:
        mine = and_(mine, AgentDayRow.agent_id == agent)
        mine_too = and_(mine_too, CriterionDayRow.agent_id == agent)
    today = day_number(utc_now())
    last = session.scalar(select(func.max(AgentDayRow.day)).where(mine))
    until = today if last is None else min(last, today)  # a recorder's clock may be wrong
    since = until - days + 1
    # Scored on that day or before: the time for disputes is over for all of them.
    settled = today - dispute_days - 1 if dispute_days else today
    period = and_(mine, AgentDayRow.day.between(since, until))
    calls, disputed, counted = _counts(session, period, settled)
    if provisional is None:
        provisional = counted == 0
    if provisional:
        settled = today
    rows = _sums(session, and_(period, AgentDayRow.scored_day <= settled))
    points = _points(
        session,
        and_(
            mine_too,
            CriterionDayRow.day.between(since, until),
            CriterionDayRow.scored_day <= settled,
        ),
    )
    return Overview(
        since=date.fromordinal(max(1, EPOCH + since)),
        until=date.fromordinal(max(1, EPOCH + until)),
        calls=calls + disputed,
        counted=sum(row["calls"] for row in rows),
        provisional=calls + disputed - counted,
        everything=_mean(rows),
        trend=_trend(rows),
        coverage=_coverage(rows),
        criteria=_by_weight({row["criterion"] for row in points}),
        teams=tuple(_groups([row for row in rows if row["team"]], points, "team")),
        agents=tuple(_groups(rows, points, "agent_id")),
        counts_provisional=provisional,
    )


def fingerprint(session: Session, person: Person) -> tuple[Hashable, ...]:
    """The same as long as the figures of what the person sees are the same; quick to find."""
    sums = select(func.count(), *(func.sum(getattr(AgentDayRow, name)) for name in SUMS))
    changed = select(
        select(func.max(ReviewRow.id)).scalar_subquery(),
        select(func.max(StandingRow.scored_at)).scalar_subquery(),
    )
    of_whom = () if sees_all(person) else (person.role, person.teams, person.agent_id)
    return (
        of_whom,
        day_number(utc_now()),
        *session.execute(sums.where(visible(person, AgentDayRow))).one(),
        *session.execute(changed).one(),
    )


def _counts(session: Session, period: ColumnElement[bool], settled: int) -> tuple[int, int, int]:
    """Calls, disputed ones beside them, and how many of the calls can no longer be disputed."""
    over = case((AgentDayRow.scored_day <= settled, AgentDayRow.calls), else_=0)
    sums = select(func.sum(AgentDayRow.calls), func.sum(AgentDayRow.disputed), func.sum(over))
    calls, disputed, counted = session.execute(sums.where(period)).one()
    return calls or 0, disputed or 0, counted or 0


def _sums(session: Session, counting: ColumnElement[bool]) -> list[dict[str, Any]]:
    """By agent, team and week."""
    week = ((AgentDayRow.day + DAYS_BEFORE_MONDAY) // 7).label("week")
    rows = session.execute(
        select(
            AgentDayRow.agent_id,
            AgentDayRow.team,
            week,
            func.max(AgentDayRow.agent_name).label("agent_name"),
            *(func.sum(getattr(AgentDayRow, name)).label(name) for name in SUMS),
        )
        .where(counting)
        .group_by(AgentDayRow.agent_id, AgentDayRow.team, week)
    )
    return [{key: _whole(value) for key, value in row.items()} for row in rows.mappings()]


def _points(session: Session, counting: ColumnElement[bool]) -> list[dict[str, Any]]:
    """By agent, team and criterion: answers judged, and half points earned."""
    key = CriterionDayRow.agent_id, CriterionDayRow.team, CriterionDayRow.criterion
    rows = session.execute(
        select(
            *key,
            func.sum(CriterionDayRow.judged).label("judged"),
            func.sum(CriterionDayRow.halves).label("halves"),
        )
        .where(counting)
        .group_by(*key)
    )
    return [{key: _whole(value) for key, value in row.items()} for row in rows.mappings()]


def _whole(value: Any) -> Any:
    """PostgreSQL sums whole numbers to decimals."""
    return int(value) if isinstance(value, Decimal) else value


def _by_weight(criteria: set[str]) -> tuple[str, ...]:
    """Ours in the order of the rubric, then those of a team's own."""
    return tuple(sorted(criteria, key=lambda name: (ORDER.get(name, len(ORDER)), name)))


def _groups(
    rows: Sequence[dict[str, Any]], points: Sequence[dict[str, Any]], key: str
) -> list[Group]:
    sums: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        sums[row[key]].append(row)
    earned: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for row in points:
        of_criterion = earned[row[key]][row["criterion"]]
        of_criterion[0] += row["judged"]
        of_criterion[1] += row["halves"]
    groups = [
        _group(name, found, earned[name], with_team=key == "agent_id")
        for name, found in sorted(sums.items())
    ]
    return _set_apart(groups)


def _group(
    name: str,
    rows: Sequence[dict[str, Any]],
    earned: Mapping[str, Sequence[int]],
    *,
    with_team: bool,
) -> Group:
    return Group(
        id=name,
        name=next((row["agent_name"] for row in rows if row["agent_name"]), None)
        if with_team
        else None,
        team=next((row["team"] for row in rows if row["team"]), None),
        calls=sum(row["calls"] for row in rows),
        score=_mean(rows),
        coverage=_coverage(rows),
        flagged=sum(row["flagged"] for row in rows),
        failed=sum(row["failed"] for row in rows),
        disputed=sum(row["disputed"] for row in rows),
        trend=_trend(rows),
        answers={
            criterion: Share(judged, halves / 2 / judged if judged else None)
            for criterion, (judged, halves) in earned.items()
        },
    )


def _trend(rows: Iterable[dict[str, Any]]) -> tuple[tuple[date, Mean], ...]:
    weeks: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        weeks[row["week"]].append(row)
    return tuple((_monday(week), _mean(found)) for week, found in sorted(weeks.items()))


def _monday(week: int) -> date:
    return date.fromordinal(max(1, EPOCH + week * 7 - DAYS_BEFORE_MONDAY))


def _mean(rows: Iterable[dict[str, Any]]) -> Mean:
    rows = list(rows)
    count, total, squares = (
        sum(row[name] for row in rows) for name in ("scored", "score_sum", "score_squares")
    )
    return Mean.of(count, total / 10, squares / 100, (0.0, 100.0))


def _coverage(rows: Sequence[dict[str, Any]]) -> float:
    calls = sum(row["calls"] for row in rows)
    return sum(row["coverage_sum"] for row in rows) / 1000 / calls if calls else 0.0


def _set_apart(groups: Sequence[Group]) -> list[Group]:
    """Says of each how many are surely better or worse: their intervals do not touch."""
    known = [group for group in groups if group.id != NOBODY]
    bounds = [(g.score.low, g.score.high) for g in known if g.score.enough]
    lows = sorted(low for low, _ in bounds if low is not None)
    highs = sorted(high for _, high in bounds if high is not None)

    def placed(group: Group) -> Group:
        low, high = group.score.low, group.score.high
        if group.id == NOBODY or not group.score.enough or low is None or high is None:
            return group
        below = len(lows) - bisect_right(lows, high)
        return replace(group, above=bisect_left(highs, low), below=below)

    return [placed(group) for group in groups]

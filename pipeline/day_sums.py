"""Sums by agent and day, kept as calls are scored and reviewed: averages are made of them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pipeline.review_tables import AgentDayRow, CriterionDayRow, StandingRow
from pipeline.score import SHARE


def day_number(at: datetime) -> int:
    """Days since 1970-01-01 of a time in UTC without a zone."""
    return int(at.replace(tzinfo=UTC).timestamp() // 86_400)


def count_in(session: Session, standing: StandingRow, agent_name: str | None) -> None:
    """Adds what stands of a call to the sums."""
    _add(session, standing, 1, agent_name)


def count_out(session: Session, standing: StandingRow) -> None:
    """Takes it away again, before it changes."""
    _add(session, standing, -1, None)
    emptied = (AgentDayRow.calls == 0) & (AgentDayRow.disputed == 0)
    of_day = (AgentDayRow.agent_id == standing.agent_id) & (
        AgentDayRow.day == day_number(standing.at)
    )
    session.execute(delete(AgentDayRow).where(of_day, emptied))


def count_out_all(session: Session, standings: Iterable[StandingRow]) -> None:
    """Takes many calls away for good, whose sums were counted in."""
    days, criterion_days = AgentDayRow.__table__, CriterionDayRow.__table__
    taken: dict[Any, list[dict[str, Any]]] = {days: [], criterion_days: []}
    for standing in standings:
        key, sums, earned = _sums(standing)
        taken[days].append(key | sums)
        taken[criterion_days] += [
            key | {"criterion": criterion} | points for criterion, points in earned.items()
        ]
    for table, rows in taken.items():
        if rows:
            keys = [column.name for column in table.primary_key]
            changes = {
                name: table.c[name] - bindparam(f"of_{name}")
                for name in rows[0]
                if name not in keys
            }
            same = [table.c[name] == bindparam(f"of_{name}") for name in keys]
            values = [{f"of_{name}": value for name, value in row.items()} for row in rows]
            session.connection().execute(update(table).where(*same).values(changes), values)
    session.execute(delete(AgentDayRow).where(AgentDayRow.calls == 0, AgentDayRow.disputed == 0))
    session.execute(delete(CriterionDayRow).where(CriterionDayRow.judged == 0))


def answers_of(standing: StandingRow) -> dict[str, str]:
    """The answers that stand, by criterion."""
    pairs = (pair.partition("=") for pair in standing.answers.split())
    return {criterion: answer for criterion, _, answer in pairs}


def _add(session: Session, standing: StandingRow, sign: int, agent_name: str | None) -> None:
    key, sums, earned = _sums(standing)
    _upsert(session, AgentDayRow.__table__, key, sums, sign, agent_name)
    for criterion, points in earned.items():
        row = key | {"criterion": criterion}
        _upsert(session, CriterionDayRow.__table__, row, points, sign)


def _sums(
    standing: StandingRow,
) -> tuple[dict[str, Any], dict[str, int], dict[str, dict[str, int]]]:
    """What a call adds: to which day of which agent, how much, and by criterion."""
    key: dict[str, Any] = {
        "agent_id": standing.agent_id,
        "team": standing.team or "",
        "day": day_number(standing.at),
        "scored_day": day_number(standing.scored_at),
    }
    counts = not standing.disputed
    score = None if standing.score is None or not counts else round(standing.score * 10)
    sums = {
        "calls": int(counts),
        "disputed": int(not counts),
        "scored": int(score is not None),
        "score_sum": score or 0,
        "score_squares": (score or 0) ** 2,
        "coverage_sum": round(standing.coverage * 1000) if counts else 0,
        "flagged": int(counts and (bool(standing.flags) or standing.failed_by is not None)),
        "failed": int(counts and standing.failed_by is not None),
    }
    earned = {
        criterion: {"judged": 1, "halves": round(2 * SHARE[answer])}
        for criterion, answer in sorted(answers_of(standing).items())
        if counts and answer in SHARE
    }
    return key, sums, earned


def _upsert(
    session: Session,
    table: Any,
    key: dict[str, Any],
    sums: dict[str, int],
    sign: int,
    agent_name: str | None = None,
) -> None:
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    values: dict[str, Any] = {name: sign * value for name, value in sums.items()}
    changes: dict[str, Any] = {name: table.c[name] + value for name, value in values.items()}
    if agent_name is not None:
        values["agent_name"] = changes["agent_name"] = agent_name
    statement = dialect.insert(table).values(**key, **values)
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changes))

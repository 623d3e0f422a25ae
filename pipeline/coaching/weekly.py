"""Who gets a session this week: agents with enough calls and something to talk about."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.coaching.calls import MIN_JUDGED, NOBODY, results_of, scored_calls
from pipeline.coaching.flagged import flag_calls
from pipeline.coaching.rules import load_rules
from pipeline.coaching.session import FOUR_WEEKS
from pipeline.coaching_tables import CoachingSessionRow
from pipeline.review_tables import StandingRow
from pipeline.settings import Settings
from pipeline.store import Store

A_WEEK = timedelta(days=7)


def agents_to_coach(store: Store, settings: Settings, now: datetime) -> list[str]:
    """Agents with ten calls or more in the last four weeks and a flagged one in the last.

    Not those who have a session of these four weeks that was not held yet, nor one that was made or
    held within the last week: so a flow that runs twice makes nothing twice. ``now`` is UTC without
    a zone. Raises RubricError.
    """
    rules = load_rules(settings.coaching_rules)
    found = []
    with store.read() as session:
        for agent in _busy(session, now - FOUR_WEEKS, now):
            if _has_session(session, agent, now):
                continue
            calls = scored_calls(session, agent, now - FOUR_WEEKS, now)
            flagged = flag_calls(rules, results_of(session, calls))
            if any(flag.call.at > now - A_WEEK for flag in flagged):
                found.append(agent)
    return found


def _busy(session: Session, since: datetime, until: datetime) -> list[str]:
    enough = (
        select(StandingRow.agent_id)
        .where(StandingRow.at.between(since, until), StandingRow.agent_id != NOBODY)
        .group_by(StandingRow.agent_id)
        .having(func.count() >= MIN_JUDGED)
        .order_by(StandingRow.agent_id)
    )
    return list(session.scalars(enough))


def _has_session(session: Session, agent: str, now: datetime) -> bool:
    latest = select(CoachingSessionRow).where(
        CoachingSessionRow.agent_id == agent, CoachingSessionRow.created_at > now - FOUR_WEEKS
    )
    return any(
        row.status == "planned" or max(row.created_at, row.held_at or row.created_at) > now - A_WEEK
        for row in session.scalars(latest)
    )

"""Did a session help? The share of the focus criterion before it was held, and after."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, pvariance
from typing import Literal

from sqlalchemy import and_
from sqlalchemy.orm import Session

from pipeline.coaching.calls import (
    MIN_COLLEAGUES,
    MIN_JUDGED,
    ScoredCall,
    colleagues,
    counts_of,
    scored_calls,
)
from pipeline.coaching.records import CoachingSession, Share
from pipeline.coaching.sessions import list_sessions
from pipeline.coaching.share import change_of, share_of
from pipeline.coaching_tables import CoachingSessionRow

LEAST_TIME = timedelta(days=28)
"""So long before and after is looked at, where the session was over a shorter time."""

Verdict = Literal["too few", "better", "perhaps chance", "unclear", "worse"]


@dataclass(frozen=True, slots=True)
class Effect:
    """A focus criterion before and after a session was held.

    ``change`` is after less before, surely (95 %) between ``low`` and ``high``. ``expected`` is the
    share that would follow without any coaching; None: too few ``colleagues`` to tell.
    """

    criterion: str
    title: str
    before: Share
    after: Share
    change: float | None
    low: float | None
    high: float | None
    expected: float | None
    colleagues: int
    since: datetime
    until: datetime
    verdict: Verdict


def effects_of(session: Session, held: CoachingSession) -> tuple[Effect, ...]:
    """One for each focus point; none where the session was not held yet.

    Both times are of the same length: that of the session, four weeks at least. Calls that are
    disputed, or had an abusive customer, do not count.

    Agents are coached when they are low, and who was low by bad luck rises by itself: regression to
    the mean. How far is told by how much the colleagues truly differ beyond the chance of few calls
    (the empirical Bayes estimate of Efron and Morris 1975). A rise is called better only where what
    followed lies above that too.
    """
    if held.held_at is None:
        return ()
    length = max(LEAST_TIME, held.until - held.since)
    moment = timedelta(microseconds=1)
    until = held.held_at + length
    before = scored_calls(session, held.agent_id, held.held_at - length, held.held_at - moment)
    after = scored_calls(session, held.agent_id, held.held_at, until)
    return tuple(
        _effect(session, held, criterion, before, after, until) for criterion in held.plan.focus
    )


def last_effects(session: Session, agent_id: str) -> tuple[Effect, ...]:
    """Of the agent's last session that was held."""
    held = list_sessions(
        session,
        and_(CoachingSessionRow.agent_id == agent_id, CoachingSessionRow.held_at.is_not(None)),
    )
    return effects_of(session, held[0]) if held else ()


def _effect(
    session: Session,
    held: CoachingSession,
    criterion: str,
    before: list[ScoredCall],
    after: list[ScoredCall],
    until: datetime,
) -> Effect:
    counts = counts_of(before, criterion), counts_of(after, criterion)
    was, now = map(share_of, counts)
    others = {} if not before else colleagues(session, before[0], before[-1].at, criterion)
    expected = _without_coaching(was, list(others.values()))
    change = low = high = None
    if was.share is not None and now.share is not None:
        change = now.share - was.share
        low, high = change_of(*counts)
        low, high = min(low, change), max(high, change)
    return Effect(
        criterion=criterion,
        title=held.plan.figure(criterion).title,
        before=was,
        after=now,
        change=change,
        low=low,
        high=high,
        expected=expected,
        colleagues=len(others),
        since=held.held_at or held.created_at,
        until=until,
        verdict=_verdict(was, now, low, high, expected),
    )


def _without_coaching(was: Share, others: list[tuple[int, float]]) -> float | None:
    """What the agent's share would be by itself: drawn to the colleagues' mean, the more the fewer
    calls it is from.
    """
    if was.share is None or len(others) < MIN_COLLEAGUES:
        return None
    shares = [earned / judged for judged, earned in others]
    mean = fmean(shares)
    # Of values between 0 and 1 with this mean none vary more: half points vary less.
    chance = fmean(
        share * (1 - share) / judged for share, (judged, _) in zip(shares, others, strict=True)
    )
    true_spread = max(0.0, pvariance(shares) - chance)
    own_chance = mean * (1 - mean) / was.judged
    if true_spread + own_chance == 0.0:
        return mean
    return mean + (was.share - mean) * true_spread / (true_spread + own_chance)


def _verdict(
    was: Share, now: Share, low: float | None, high: float | None, expected: float | None
) -> Verdict:
    if min(was.judged, now.judged) < MIN_JUDGED or low is None or high is None:
        return "too few"
    if high < 0:
        return "worse"
    if low <= 0:
        return "unclear"
    if expected is not None and now.low is not None and now.low > expected:
        return "better"
    return "perhaps chance"

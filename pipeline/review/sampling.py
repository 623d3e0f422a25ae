"""Drawing calls for double review: at random, or by how much there is to find in them.

Only what is drawn at random is a picture of all calls. Every call's chance to be drawn is kept, and
figures keep the two kinds apart (:mod:`pipeline.review.trust`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.errors import PermanentError
from pipeline.review.access import visible
from pipeline.review.people import Person
from pipeline.review_tables import SampleRow, StandingRow
from pipeline.store import Store
from pipeline.tables import AnswerRow, utc_now

How = Literal["random", "risk"]
"""Who may draw: they see all calls. What others drew would be at random from a part of them."""
MOST_AT_ONCE = 200  # calls: a week of one reader's work, at 10 minutes each
LONGEST_DAYS = 365

UNSURE_BELOW = 0.7
"""Confidence. Of the answers with 0.7 to 0.85, 83 % were right on the development transcripts;
below it fewer (README, "The answers")."""
NOT_JUDGED = 0.25  # of the points: so much less coverage is one more point of risk
NEAR_SCORE, NEAR_BY = 60.0, 5.0
"""Where the rubric that we ship flags a low score: there one answer decides about the flag. One
conduct criterion moves a score by about 5."""


class DrawError(PermanentError):
    """Nothing can be drawn; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What was drawn: ``calls`` of the ``population`` that could be."""

    how: How
    calls: int
    population: int
    since: datetime


def draw_calls(
    store: Store, how: How, count: int, days: int, person: Person, seed: int | None = None
) -> Draw:
    """Draws calls of the last ``days`` up to the newest that the person may see.

    At random each has the same chance; by risk it is proportional to :func:`risk`. No draw of the
    same kind takes a call twice. ``seed`` makes a draw that can be repeated.

    Raises
    ------
    DrawError
        Nothing is left to draw.
    """

    def write(session: Session) -> Draw:
        rng = np.random.default_rng(seed)
        calls, risks, since = _population(session, how, days, person)
        if not calls:
            raise DrawError("every call of these days is drawn already; choose more days")
        weights = np.ones(len(calls)) if how == "random" else np.array(risks)
        picked, chances = draw(weights, count, rng)
        drawn = {calls[index]: float(chances[index]) for index in picked}
        _keep(session, how, drawn)
        return Draw(how, len(drawn), len(calls), since)

    return store.write_once(write)


def draw(weights: np.ndarray, count: int, rng: np.random.Generator) -> tuple[list[int], np.ndarray]:
    """Draws ``count`` without replacement, each with a chance proportional to its weight (> 0).

    Systematic sampling from a shuffled list (Madow 1949): the chances are exact. Whose chance
    would be above 1 is drawn for certain. Returns the indices drawn and the chance of each weight.
    """
    chances = _chances(weights, count)
    order = rng.permutation(len(weights))
    ends = np.cumsum(chances[order])
    marks = rng.random() + np.arange(min(count, len(weights)))
    # Rounding must not put the last mark behind the end.
    places = np.minimum(np.searchsorted(ends, marks, side="right"), len(weights) - 1)
    return [int(index) for index in order[np.unique(places)]], chances


def risk(coverage: float, flags: int, failed: bool, score: float | None, unsure: int) -> float:
    """How much there is to find in a call, in points: 1 for any, so that each can be drawn.

    One more for each flag, a rule that failed it, each answer that is ``unsure``, each quarter of
    the points that could not be judged, and a score next to where it is flagged as low.
    """
    near = score is not None and abs(score - NEAR_SCORE) <= NEAR_BY
    return 1.0 + flags + failed + unsure + near + (1.0 - coverage) / NOT_JUDGED


def _chances(weights: np.ndarray, count: int) -> np.ndarray:
    if count >= len(weights):
        return np.ones(len(weights))
    certain = np.zeros(len(weights), bool)
    while True:
        left = count - int(certain.sum())
        chances = np.where(certain, 1.0, left * weights / weights[~certain].sum())
        above = ~certain & (chances > 1.0)
        if not above.any():
            return chances
        certain |= above


def _population(
    session: Session, how: How, days: int, person: Person
) -> tuple[list[int], list[float], datetime]:
    mine = visible(person, StandingRow)
    now = utc_now()
    newest = min(session.scalar(select(func.max(StandingRow.at)).where(mine)) or now, now)
    since = (newest - timedelta(days=days - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    # Each in a statement of its own: joined they are slow where thousands of calls are asked for.
    taken = select(SampleRow.call)
    if how == "random":
        taken = taken.where(SampleRow.random_chance.is_not(None))
    period = (mine, StandingRow.at >= since, StandingRow.call.not_in(taken))
    if how == "random":
        calls = session.scalars(select(StandingRow.call).where(*period).order_by(StandingRow.call))
        return list(calls), [], since
    unsure = (
        select(AnswerRow.result, func.count().label("unsure"))
        .join(StandingRow, StandingRow.result == AnswerRow.result)
        .where(*period, AnswerRow.answer != "cannot_tell", AnswerRow.confidence < UNSURE_BELOW)
        .group_by(AnswerRow.result)
        .subquery()
    )
    columns = (
        StandingRow.call,
        StandingRow.coverage,
        StandingRow.flags,
        StandingRow.failed_by,
        StandingRow.score,
        func.coalesce(unsure.c.unsure, 0),
    )
    rows = session.execute(
        select(*columns)
        .outerjoin(unsure, unsure.c.result == StandingRow.result)
        .where(*period)
        .order_by(StandingRow.call)
    ).tuples()
    calls_of, risks = [], []
    for call, coverage, flags, failed_by, score, doubtful in rows:
        calls_of.append(call)
        risks.append(risk(coverage, len(flags.split()), failed_by is not None, score, doubtful))
    return calls_of, risks, since


def _keep(session: Session, how: How, drawn: Mapping[int, float]) -> None:
    known = {
        row.call: row for row in session.scalars(select(SampleRow).where(SampleRow.call.in_(drawn)))
    }
    for call, chance in drawn.items():
        row = known.get(call)
        if row is None:
            row = SampleRow(call=call, drawn_at=utc_now())
            session.add(row)
        if how == "random":
            row.random_chance = chance
        else:
            row.risk_chance = chance
    session.flush()

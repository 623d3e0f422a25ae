"""How a batch stands, at a glance: for the morning, and for a monitoring system."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from pipeline.signs_of_life import DEAD_AFTER_S, is_gone
from pipeline.store import NOT_SCORED, Store
from pipeline.tables import BatchRow, CallRow, OutcomeRow, ResultRow, WorkerRow, utc_now
from pipeline.worklist import WAITING, count_by_status


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """A batch now, or at its end. Times are UTC, durations in seconds.

    ``can_go_on``: started again, it is taken up where it was cut off. ``reasons`` counts why
    recordings failed or are quarantined, without the file names.
    """

    id: int
    origin: str
    started_at: datetime
    finished_at: datetime | None
    can_go_on: bool
    counts: Mapping[str, int]
    audio_s: float
    scoring_s: float
    workers: int
    reasons: Mapping[str, int]

    @property
    def took_s(self) -> float:
        end = self.finished_at or utc_now()
        return (end - self.started_at).total_seconds()

    @property
    def is_fine(self) -> bool:
        """Whether nobody need look: all is scored or skipped, or somebody is at it."""
        at_work = self.finished_at is not None or self.workers > 0
        return at_work and not any(self.counts.get(status) for status in NOT_SCORED)


@dataclass(frozen=True, slots=True)
class Totals:
    """Over all batches. ``oldest_waiting_at``: since when the longest waiting one waits, UTC."""

    counts: Mapping[str, int]
    audio_s: float
    scoring_s: float
    oldest_waiting_at: datetime | None
    workers: int


def batch_status(store: Store, batch: int) -> BatchStatus | None:
    """How a batch stands; None where there is no such batch."""
    with store.read() as session:
        row = session.get(BatchRow, batch)
        if row is None:
            return None
        mine = OutcomeRow.batch == batch
        counts = count_by_status(session, mine)
        audio_s, scoring_s = _seconds(session, mine)
        failures = session.execute(
            select(OutcomeRow.path, OutcomeRow.reason).where(
                mine, OutcomeRow.status.in_(NOT_SCORED)
            )
        )
        reasons = Counter(
            (reason or "no reason stored").removeprefix(f"{path}: ") for path, reason in failures
        )
        return BatchStatus(
            id=row.id,
            origin=row.origin,
            started_at=row.started_at,
            finished_at=row.finished_at,
            can_go_on=row.open_scope is not None,
            counts=counts,
            audio_s=audio_s,
            scoring_s=scoring_s,
            workers=_workers(session, WorkerRow.batch == batch),
            reasons=reasons,
        )


def totals(store: Store) -> Totals:
    """What a monitoring system counts."""
    with store.read() as session:
        audio_s, scoring_s = _seconds(session)
        oldest = select(func.min(OutcomeRow.at)).where(OutcomeRow.status == WAITING)
        return Totals(
            counts=count_by_status(session),
            audio_s=audio_s,
            scoring_s=scoring_s,
            oldest_waiting_at=session.scalar(oldest),
            workers=_workers(session),
        )


def _seconds(session: Session, *where: ColumnElement[bool]) -> tuple[float, float]:
    """Length of the scored calls, and how long scoring them took."""
    summed = (
        select(func.sum(CallRow.duration_s), func.sum(OutcomeRow.took_s))
        .select_from(OutcomeRow)
        .join(ResultRow, OutcomeRow.result == ResultRow.id)
        .join(CallRow, ResultRow.call == CallRow.id)
        .where(OutcomeRow.status == "scored", OutcomeRow.took_s.is_not(None))
    )
    audio_s, scoring_s = session.execute(summed.where(*where)).one()
    return audio_s or 0.0, scoring_s or 0.0


def _workers(session: Session, *where: ColumnElement[bool]) -> int:
    """Those that gave a sign of life lately, as far as the clocks of the hosts agree."""
    lately = utc_now() - timedelta(seconds=DEAD_AFTER_S)
    alive = select(WorkerRow).where(WorkerRow.beat_at > lately, *where)
    return sum(not is_gone(worker) for worker in session.scalars(alive))

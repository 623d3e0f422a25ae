"""What the last batch left for somebody to look at."""

from dataclasses import dataclass

from sqlalchemy import func, select

from pipeline.review.access import sees_all, visible
from pipeline.review.people import Person
from pipeline.review.search import FoundCall, found_call
from pipeline.review_tables import StandingRow
from pipeline.status import BatchStatus, batch_status
from pipeline.store import Store
from pipeline.tables import BatchRow, CallRow, OutcomeRow

SHOWN = 12


@dataclass(frozen=True, slots=True)
class Night:
    """The newest batch of the nightly flow (without any: the newest of all), and the calls of it
    that need attention, the worst first.

    ``status`` is for those who see all calls: its counts tell of everybody's.
    """

    batch: int
    nightly: bool
    status: BatchStatus | None
    calls: int
    flagged: int
    worst: tuple[FoundCall, ...]


def last_night(store: Store, person: Person) -> Night | None:
    """None where nothing was scored yet."""
    newest = select(BatchRow.id, BatchRow.scope.is_not(None))
    nightly_first = BatchRow.scope.is_(None), BatchRow.id.desc()
    with store.read() as session:
        found = session.execute(newest.order_by(*nightly_first).limit(1)).first()
    if found is None:
        return None
    batch, nightly = found
    mine = (
        select(CallRow, StandingRow)
        .join(StandingRow, StandingRow.call == CallRow.id)
        .join(OutcomeRow, OutcomeRow.result == StandingRow.result)
        .where(OutcomeRow.batch == batch, OutcomeRow.status == "scored", visible(person))
    )
    wanting = mine.where((StandingRow.flags != "") | StandingRow.failed_by.is_not(None))
    worst_first = StandingRow.failed_by.is_(None), StandingRow.score.nulls_last(), CallRow.id
    with store.read() as session:
        rows = session.execute(wanting.order_by(*worst_first).limit(SHOWN)).tuples().all()
        return Night(
            batch=batch,
            nightly=nightly,
            status=batch_status(store, batch) if sees_all(person) else None,
            calls=session.scalar(select(func.count()).select_from(mine.subquery())) or 0,
            flagged=session.scalar(select(func.count()).select_from(wanting.subquery())) or 0,
            worst=tuple(found_call(*row) for row in rows),
        )

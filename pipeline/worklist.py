"""The work list of a batch: which recordings wait, and who works on which.

It lies in the database: outcomes that are ``waiting`` or ``working``. So any number of processes on
any number of hosts can draw from it, none takes what another has, and nothing is lost when one
dies (:mod:`pipeline.signs_of_life` tells).
"""

import os
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from sqlalchemy import ColumnElement, and_, func, or_, select, text, update
from sqlalchemy.orm import Session, aliased

from pipeline.codeversion import code_version
from pipeline.find import Found
from pipeline.signs_of_life import BEAT_EVERY_S, Watch, process_start, this_host
from pipeline.store import Outcome, Status, Store
from pipeline.tables import BatchRow, OutcomeRow, WorkerRow, utc_now

MOST_ATTEMPTS = 10
"""So often a recording is taken up anew after its worker died or could not store, last in line."""
WAITING, WORKING = "waiting", "working"
ABANDONED_AFTER = timedelta(days=1)
ABANDONED = "its batch was cut off; the next over the same recordings takes it"

# Claims are taken one at a time (PostgreSQL; SQLite has one writer anyhow).
_CLAIM_LOCK = 0x636C6D73


@dataclass(frozen=True, slots=True)
class Lined:
    """A recording on its way into the work list: what became of it already, or how risky it is.

    ``unnamed``: its line bears this in place of where the recording is and what is in it.
    """

    found: Found
    recording_sha256: str | None = None
    risk: float = 0.0
    status: Status | None = None
    reason: str | None = None
    result_id: int | None = None
    unnamed: str | None = None

    @property
    def path(self) -> str:
        return self.unnamed or self.found.name


@dataclass(frozen=True, slots=True)
class Claim:
    """A recording that is this worker's to score."""

    id: int
    found: Found


@dataclass(frozen=True, slots=True)
class Relieved:
    """A dead worker: its flow run, if any, and how many recordings it had in hand."""

    run: str | None
    recordings: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of a batch's recordings are where."""

    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def left(self) -> int:
        return self.counts.get(WAITING, 0) + self.counts.get(WORKING, 0)

    @property
    def worked(self) -> int:
        """Those that were not skipped."""
        return self.total - self.left - self.counts.get("skipped", 0)


def open_batch(store: Store, origin: str, scope: str) -> int:
    """The unfinished batch over the same scope, or a new one.

    Who starts a batch twice, or anew after it was cut off, works along in it.
    """

    def write(session: Session) -> int:
        found = session.scalar(select(BatchRow.id).where(BatchRow.open_scope == scope))
        if found is not None:
            return found
        row = BatchRow(origin=origin, started_at=utc_now(), scope=scope, open_scope=scope)
        session.add(row)
        session.flush()
        return row.id

    return store.write_once(write)


class Worklist:
    """A batch's work list in the hands of one worker: this process.

    Use it as a context: from its start to its end the worker is alive to the others, and what it
    has not finished by then waits again. ``run`` names the flow run that it is, if any.
    """

    def __init__(self, store: Store, batch: int, run: str | None = None) -> None:
        self.batch = batch
        self._run = run
        self._store = store
        self._beating = threading.Event()
        self._watch = Watch()

    def __enter__(self) -> Self:
        with self._store.write() as session:
            row = self._row_of_mine()
            session.add(row)
            session.flush()
            self._worker = row.id
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._beating.set()
        self._thread.join()
        with self._store.write() as session:
            _one_at_a_time(session)
            _give_back(session, self._worker)

    def add(self, lined: Iterable[Lined]) -> None:
        """Puts recordings into the list; what is in it already stays as it is."""
        new = {item.path: item for item in lined}

        def write(session: Session) -> None:
            batch = session.get_one(BatchRow, self.batch)
            of_batch = OutcomeRow.batch == self.batch, OutcomeRow.path.in_(list(new))
            known = set(session.scalars(select(OutcomeRow.path).where(*of_batch)))
            missing = [item for path, item in new.items() if path not in known]
            if batch.finished_at is not None and any(item.status is None for item in missing):
                # Another worker was through before us.
                same = select(BatchRow.id).where(BatchRow.open_scope == batch.scope)
                batch.finished_at = None
                batch.open_scope = batch.scope if session.scalar(same) is None else None
            session.add_all(self._row(item) for item in missing)

        self._store.write_once(write)

    def claim(self) -> Claim | None:
        """Takes the riskiest recording that waits; None where none is free.

        One content is never in two hands, under whatever names and in whatever batches. What a
        worker died over comes last.
        """
        other = aliased(OutcomeRow)
        in_hand = select(other.id).where(
            other.status == WORKING, other.recording_sha256 == OutcomeRow.recording_sha256
        )
        free = (
            select(OutcomeRow)
            .where(OutcomeRow.batch == self.batch, OutcomeRow.status == WAITING, ~in_hand.exists())
            .order_by(OutcomeRow.attempts, OutcomeRow.risk.desc(), OutcomeRow.id)
            .limit(1)
        )
        with self._store.write() as session:
            _one_at_a_time(session)
            row = session.scalar(free)
            if row is None:
                return None
            row.status, row.worker, row.attempts = WORKING, self._worker, row.attempts + 1
            return Claim(row.id, Found.at(row.source or ""))

    def crashed(self, claim: Claim, reason: str, most: int) -> Outcome | None:
        """Notes that the process that scored a recording died.

        After ``most`` times it is quarantined (the outcome says so); until then it waits again.
        """
        with self._store.write() as session:
            row = session.get_one(OutcomeRow, claim.id)
            if row.worker != self._worker:
                return None
            row.crashes += 1
            row.worker = None
            if row.crashes < most:
                row.status = WAITING
                return None
            _quarantine(row, f"{reason} {row.crashes} times")
            return Outcome(row.path, "quarantined", row.reason, number=row.id)

    def leave(self, reason: str) -> int:
        """Skips all that waits; says how many."""
        waiting = OutcomeRow.batch == self.batch, OutcomeRow.status == WAITING
        with self._store.write() as session:
            skipped = update(OutcomeRow).where(*waiting).values(status="skipped", reason=reason)
            return int(getattr(session.execute(skipped), "rowcount", 0))

    def rescue(self, in_hand: Collection[int] = ()) -> list[Relieved]:
        """Lets wait again what dead workers had; says who they were.

        The same with what is ours by the list but not ``in_hand`` (ids of claims), because its
        outcome could not be stored, and with what belongs to nobody.
        """
        with self._store.write() as session:
            _one_at_a_time(session)
            workers = session.scalars(select(WorkerRow)).all()
            dead = self._watch.dead([w for w in workers if w.id != self._worker])
            relieved = [Relieved(worker.run, _give_back(session, worker.id)) for worker in dead]
            known = [worker.id for worker in workers]
            lost = select(OutcomeRow).where(
                OutcomeRow.status == WORKING,
                or_(
                    OutcomeRow.worker.is_(None),
                    OutcomeRow.worker.not_in(known),
                    and_(OutcomeRow.worker == self._worker, OutcomeRow.id.not_in(list(in_hand))),
                ),
            )
            _wait_again(session.scalars(lost).all())
            return relieved

    def progress(self) -> Progress:
        """Counts by status."""
        with self._store.read() as session:
            return Progress(count_by_status(session, OutcomeRow.batch == self.batch))

    def close(self) -> bool:
        """Ends the batch if nothing waits or is in work; False if something is."""
        unfinished = select(OutcomeRow.id).where(
            OutcomeRow.batch == self.batch, OutcomeRow.status.in_((WAITING, WORKING))
        )
        with self._store.write() as session:
            _one_at_a_time(session)
            if session.scalar(unfinished.limit(1)) is not None:
                return False
            batch = session.get_one(BatchRow, self.batch)
            batch.finished_at, batch.open_scope = batch.finished_at or utc_now(), None
            _close_abandoned(session)
            return True

    def _row(self, item: Lined) -> OutcomeRow:
        return OutcomeRow(
            batch=self.batch,
            path=item.path,
            status=item.status or WAITING,
            reason=item.reason,
            result=item.result_id,
            at=utc_now(),
            source=None if item.unnamed else item.found.source,
            recording_sha256=None if item.unnamed else item.recording_sha256,
            risk=item.risk,
        )

    def _row_of_mine(self) -> WorkerRow:
        boot, now = process_start(os.getpid()) or "", utc_now()
        return WorkerRow(
            batch=self.batch,
            host=this_host(),
            pid=os.getpid(),
            boot=boot,
            started_at=now,
            beat_at=now,
            run=self._run,
        )

    def _beat(self) -> None:
        while not self._beating.wait(BEAT_EVERY_S):
            try:
                with self._store.write() as session:
                    row = session.get(WorkerRow, self._worker)
                    if row is None:  # taken for dead: this host slept, say
                        row = self._row_of_mine()
                        row.id = self._worker
                        session.add(row)
                    row.beats, row.beat_at = row.beats + 1, utc_now()
            except Exception:
                continue  # the database is away (the others cannot look either); the next beat


def count_by_status(session: Session, *where: ColumnElement[bool]) -> dict[str, int]:
    """How many recordings are where."""
    counted = select(OutcomeRow.status, func.count()).where(*where).group_by(OutcomeRow.status)
    return dict(session.execute(counted).tuples().all())


def _give_back(session: Session, worker: int) -> int:
    """Strikes a worker off; what it had waits again, or is quarantined."""
    rows = session.scalars(
        select(OutcomeRow).where(OutcomeRow.worker == worker, OutcomeRow.status == WORKING)
    ).all()
    _wait_again(rows)
    gone = session.get(WorkerRow, worker)
    if gone is not None:
        session.delete(gone)
    return len(rows)


def _wait_again(rows: Iterable[OutcomeRow]) -> None:
    for row in rows:
        row.worker = None
        if row.attempts >= MOST_ATTEMPTS:
            _quarantine(row, f"taken up without an outcome {row.attempts} times")
        else:
            row.status = WAITING


def _close_abandoned(session: Session) -> None:
    """Ends batches that were cut off and that nobody works on: a new one finds what they left."""
    worked_on = select(WorkerRow.id).where(WorkerRow.batch == BatchRow.id)
    abandoned = session.scalars(
        select(BatchRow).where(
            BatchRow.open_scope.is_not(None),
            BatchRow.started_at < utc_now() - ABANDONED_AFTER,
            ~worked_on.exists(),
        )
    ).all()
    for batch in abandoned:
        left = OutcomeRow.batch == batch.id, OutcomeRow.status.in_((WAITING, WORKING))
        values = {"status": "skipped", "reason": ABANDONED, "worker": None}
        session.execute(update(OutcomeRow).where(*left).values(**values))
        batch.finished_at, batch.open_scope = utc_now(), None


def _quarantine(row: OutcomeRow, reason: str) -> None:
    row.status, row.hopeless_for = "quarantined", code_version()
    row.reason = f"{row.path}: {reason}; look at it, then score it by hand: callscore score"
    row.at = utc_now()


def _one_at_a_time(session: Session) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _CLAIM_LOCK})

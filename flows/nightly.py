"""The nightly flow: one flow run a worker, one task a call.

One run for all calls, because every run of a deployment is a new process; one task a call, because
the stages between are kept in our own database. Any number of runs over the same recordings, on any
number of hosts, work on the same batch and draw from its one work list.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any

from prefect import Task, flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from flows.announce import ProgressReport, end_dead_run, publish
from flows.tasks import score_call_task
from pipeline.batch import Batch
from pipeline.call import listen
from pipeline.crew import Crew, Order
from pipeline.engines import SpeechEngines
from pipeline.errors import TransientError
from pipeline.find import Found, find_recordings, stamp_of
from pipeline.paths import full_path
from pipeline.report import write_report
from pipeline.rubric import load_rubrics
from pipeline.settings import Settings, load_settings
from pipeline.store import Outcome, Store
from pipeline.triage import triage
from pipeline.worklist import Lined, Progress, Worklist, open_batch

NO_TIME_LEFT = "no time left; the next batch takes it"
STILL_WRITTEN = "still being written; the next batch takes it"
# How often the work list is looked at where there is nothing to do but wait for others.
LOOK_EVERY_S = 1.0
# How often dead workers are looked for and progress is shown.
ROUND_EVERY_S = 10.0
# Recordings go into the work list in lots of so many, so that scoring starts early.
LOT = 50


@flow(name="nightly", persist_result=False)
def nightly(
    paths: list[str], rubric: str | None = None, hours: float | None = None
) -> State[dict[str, Any]]:
    """Scores all recordings under ``paths`` that are not scored yet, and writes the report.

    After ``hours`` no further call is begun. Ends as Completed when every recording is scored or
    skipped with a reason, else as Failed, after everything was stored. The data of the state are
    the batch's number and the report.
    """
    settings = load_settings(rubric=rubric)
    rubrics = load_rubrics(settings.rubric, settings.queue_rubrics)
    with Store(settings.database_url, settings.patience_s) as store:
        batch = open_batch(store, "nightly flow", scope_of(paths, settings))
        order = Order(batch, settings, rubrics, listen)
        run = flow_run.get_id()
        with Worklist(store, batch, run) as worklist, Crew(order) as crew:
            known = Batch(batch, settings, rubrics, SpeechEngines(settings), store, listen)
            score_call = score_call_task(crew, worklist, store, settings.quarantine_after)
            _Night(worklist, known, paths, score_call, hours).work()
        outcomes = store.outcomes(batch)
        report = write_report(batch, store, settings)
    publish(batch, outcomes, report)
    failed = sum(outcome.status in ("failed", "quarantined") for outcome in outcomes)
    message = f"{failed} of {len(outcomes)} recordings failed; batch {batch}"
    data = {"batch": batch, "report": str(report)}
    return Failed(message=message, data=data) if failed else Completed(message=message, data=data)


def scope_of(paths: list[str], settings: Settings) -> str:
    """What a batch is over: who works on the same works together."""
    return json.dumps([sorted(map(full_path, paths)), settings.rubric, settings.queue_rubrics])


@dataclass
class _Night:
    """One worker's part in a batch: finds recordings, claims them, hands them to the crew."""

    worklist: Worklist
    batch: Batch
    paths: list[str]
    score_call: Task[..., Any]
    hours: float | None
    done: SimpleQueue[PrefectFuture[Any]] = field(default_factory=SimpleQueue)

    def __post_init__(self) -> None:
        self.logger = get_run_logger()
        self.patient = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_delay(self.batch.settings.patience_s),
            wait=wait_exponential(multiplier=0.1, max=5),
            reraise=True,
        )

    def work(self) -> None:
        """Until nothing waits and nobody works any more."""
        deadline = time.monotonic() + self.hours * 3600 if self.hours is not None else float("inf")
        finder = _Thread(self._find)
        progress = ProgressReport()
        size = self.batch.settings.parallel_calls
        runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(size)
        running, next_round = 0, 0.0
        with runner:
            while True:
                if time.monotonic() >= next_round:
                    next_round = time.monotonic() + ROUND_EVERY_S
                    for dead in self.patient(self.worklist.rescue):
                        end_dead_run(dead)
                    progress.show(self.patient(self.worklist.progress))
                if time.monotonic() >= deadline:
                    self.patient(self.worklist.leave, NO_TIME_LEFT)
                claim = self.patient(self.worklist.claim) if running < size else None
                if claim is not None:
                    task_run = {"number": claim.id, "claim": claim}
                    runner.submit(self.score_call, task_run).add_done_callback(self.done.put)
                    running += 1
                    continue
                if running == 0 and finder.is_done() and self.patient(self.worklist.close):
                    progress.show(self.patient(self.worklist.progress))
                    return
                try:
                    future = self.done.get(timeout=LOOK_EVERY_S)
                except Empty:
                    continue
                running -= 1
                self._log(future, self.patient(self.worklist.progress), progress)

    def _log(self, future: PrefectFuture[Any], now: Progress, progress: ProgressReport) -> None:
        outcome = future.result(raise_on_failure=False)
        status = outcome.status if isinstance(outcome, Outcome) else "not scored"
        eta = progress.eta(now)
        self.logger.info("%d of %d: %s%s", now.total - now.left, now.total, status, eta)

    def _find(self) -> None:
        """Fills the work list: what is found, the newest files after a second look."""
        settle_s = self.batch.settings.settle_s
        young: list[tuple[Found, tuple[int, int] | None]] = []

        def settled() -> Iterator[Found]:
            for found in find_recordings(self.paths):
                if _is_young(found, settle_s):
                    young.append((found, _stamp(found)))
                else:
                    yield found

        self._line_up(self.patient(triage, found, self.batch) for found in settled())
        if young:
            time.sleep(settle_s)
            self._line_up(
                self.patient(triage, found, self.batch)
                if _stamp(found) == stamp
                else Lined(found.name, found, status="skipped", reason=STILL_WRITTEN)
                for found, stamp in young
            )

    def _line_up(self, lined: Iterator[Lined]) -> None:
        while lot := list(islice(lined, LOT)):
            self.patient(self.worklist.add, lot)


class _Thread(threading.Thread):
    """A thread whose error is raised where it is waited for."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self._error = error

    def is_done(self) -> bool:
        if self._error is not None:
            raise self._error
        return not self.is_alive()


def _is_young(found: Found, settle_s: float) -> bool:
    stamp = _stamp(found) if found.address is None else None  # objects appear there whole
    return stamp is not None and abs(time.time() - stamp[1] / 1e9) < settle_s


def _stamp(found: Found) -> tuple[int, int] | None:
    """Size and time of a file: whether it is still the one that was looked at."""
    try:
        return stamp_of(found)
    except (OSError, ValueError):
        return None

"""The nightly flow: one flow run a worker, one task a call.

One run for all calls, because every run of a deployment is a new process; one task a call, because
the stages between are kept in our own database. Any number of runs over the same recordings, on any
number of hosts, work on the same batch and draw from its one work list.
"""

import json
import time
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from prefect import Task, flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.announce import Announcer, publish
from flows.finder import Finder
from flows.tasks import score_call_task
from pipeline.batch import Batch
from pipeline.call import listen
from pipeline.crew import Crew, Order
from pipeline.database import patient
from pipeline.engines import SpeechEngines
from pipeline.errors import TransientError
from pipeline.paths import full_path
from pipeline.report import write_report
from pipeline.rubric import load_rubrics
from pipeline.settings import Settings, load_settings
from pipeline.store import NOT_SCORED, Outcome, Store
from pipeline.worklist import Progress, Worklist, open_batch

GO_ON = "what is done is kept; started again, it goes on where it was"
NO_TIME_LEFT = "no time left; the next batch takes it"
# How often the work list is looked at where there is nothing to do but wait for others.
LOOK_EVERY_S = 1.0
# How often dead workers are looked for and progress is shown.
ROUND_EVERY_S = 10.0


@flow(name="nightly", persist_result=False)
def nightly(
    paths: list[str], rubric: str | None = None, hours: float | None = None
) -> State[dict[str, Any]]:
    """Scores all recordings under ``paths`` that are not scored yet, and writes the report.

    After ``hours`` no further call is begun. Ends as Completed when every recording is scored or
    skipped with a reason, else as Failed, after everything was stored. The data of the state are
    the batch's number and the report.
    """
    try:
        return _nightly(paths, rubric, hours)
    except Exception as error:
        # Prefect would show the text of an error, in which names may be.
        get_run_logger().error("the batch was cut off: %s", type(error).__name__)
        return Failed(message=f"cut off ({type(error).__name__}); {GO_ON}", data=error)


def _nightly(paths: list[str], rubric: str | None, hours: float | None) -> State[dict[str, Any]]:
    settings = load_settings(rubric=rubric)
    rubrics = load_rubrics(settings.rubric, settings.queue_rubrics)
    with Store.of(settings, settings.patience_s) as store:
        batch = open_batch(store, "nightly flow", scope_of(paths, settings))
        order = Order(batch, settings, rubrics, listen)
        run = flow_run.get_id()
        with Worklist(store, batch, run) as worklist, Crew(order) as crew:
            known = Batch(batch, settings, rubrics, SpeechEngines(settings), store, listen)
            score_call = score_call_task(crew, worklist, store, settings.quarantine_after)
            _Night(worklist, known, crew, paths, score_call, hours).work()
        outcomes = store.outcomes(batch)
        report = write_report(batch, store, settings)
    publish(batch, outcomes, report)
    failed = sum(outcome.status in NOT_SCORED for outcome in outcomes)
    message = f"{failed} of {len(outcomes)} recordings failed; batch {batch}"
    data = {"batch": batch, "report": str(report)}
    return Failed(message=message, data=data) if failed else Completed(message=message, data=data)


def scope_of(paths: list[str], settings: Settings) -> str:
    """What a batch is over: who works on the same works together."""
    return json.dumps([sorted(map(full_path, paths)), settings.rubric, settings.queue_rubrics])


@dataclass
class _Night:
    """One worker's part in a batch: it claims recordings and has them scored."""

    worklist: Worklist
    batch: Batch
    crew: Crew
    paths: list[str]
    score_call: Task[..., Any]
    hours: float | None
    done: SimpleQueue[tuple[int, str]] = field(default_factory=SimpleQueue)

    def __post_init__(self) -> None:
        self.logger = get_run_logger()
        self.patient = patient(self.batch.settings.patience_s, TransientError)

    def work(self) -> None:
        """Until nothing waits and nobody works any more."""
        deadline = time.monotonic() + self.hours * 3600 if self.hours is not None else float("inf")
        finder = Finder(self.worklist, self.batch, self.crew, self.paths, self.patient)
        announcer = Announcer()
        size = self.batch.settings.parallel_calls
        runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(size)
        in_hand: set[int] = set()
        next_round = 0.0
        with runner:
            while True:
                if time.monotonic() >= next_round:
                    for dead in self.patient(self.worklist.rescue, in_hand):
                        announcer.end_run(dead)
                    announcer.show(self.patient(self.worklist.progress))
                    next_round = time.monotonic() + ROUND_EVERY_S
                if time.monotonic() >= deadline:
                    self.patient(self.worklist.leave, NO_TIME_LEFT)
                claim = self.patient(self.worklist.claim) if len(in_hand) < size else None
                if claim is not None:
                    in_hand.add(claim.id)
                    task_run = {"number": claim.id, "claim": claim}
                    done = partial(self._is_done, claim.id)
                    runner.submit(self.score_call, task_run).add_done_callback(done)
                    continue
                if not in_hand and finder.is_done() and self.patient(self.worklist.close):
                    announcer.finish(self.patient(self.worklist.progress))
                    return
                try:
                    number, status = self.done.get(timeout=LOOK_EVERY_S)
                except Empty:
                    continue
                in_hand.discard(number)
                self._log(number, status, self.patient(self.worklist.progress), announcer)

    def _is_done(self, number: int, future: PrefectFuture[Any]) -> None:
        outcome = future.result(raise_on_failure=False)
        status = outcome.status if isinstance(outcome, Outcome) else "not scored"
        self.done.put((number, status))

    def _log(self, number: int, status: str, now: Progress, announcer: Announcer) -> None:
        """One line a call: its number, never its name (as fields too, for JSON logs)."""
        done = now.total - now.left
        fields = {"batch": self.worklist.batch, "call": number, "outcome": status}
        fields |= {"done": done, "of": now.total}
        text = "%d of %d: call %d %s%s"
        self.logger.info(text, done, now.total, number, status, announcer.eta(now), extra=fields)

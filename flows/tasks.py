"""The tasks of a batch and their whole retry policy.

What may pass (TransientError: database away, memory short) is tried again; anything else is final.
A try that follows finds in our database what was heard before, so nothing is listened to twice.
Prefect's own caching is off: the database is the cache, and knows what a stage depends on.
"""

from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Failed

from pipeline.batch import Batch, give_up, score_one
from pipeline.errors import TransientError
from pipeline.find import Found
from pipeline.store import Outcome

RETRY_DELAYS_S: list[float] = [5, 30, 120]


def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Prefect asks this before it tries again."""
    return isinstance(state.data, TransientError)


def score_call_task(batch: Batch) -> Task[[int, Found], Outcome | State[Outcome]]:
    """The task that scores one recording of ``batch``.

    The batch is held by the task, not passed to it: Prefect walks through every parameter, and in
    this one are models and an open database. Runs are named by number: a file name may hold a
    customer's.
    """

    @task(
        name="score-call",
        task_run_name="call-{number}",
        retries=len(RETRY_DELAYS_S),
        retry_delay_seconds=RETRY_DELAYS_S,
        retry_condition_fn=is_transient,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    def score_call(number: int, found: Found) -> Outcome | State[Outcome]:  # noqa: ARG001 - number names the run
        try:
            outcome = score_one(found, batch)
        except TransientError as error:
            if tries_left():
                raise
            outcome = give_up(found, error, batch)
        if outcome.status == "failed":
            return Failed(data=outcome, message=outcome.reason)
        return outcome

    return score_call


def tries_left() -> bool:
    """Whether Prefect would try the task that is running once more."""
    from prefect.context import TaskRunContext

    context = TaskRunContext.get()
    return context is not None and context.task_run.run_count <= len(RETRY_DELAYS_S)

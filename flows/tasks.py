"""The task that scores a call, and its whole retry policy.

What may pass (TransientError: database away, memory short) is tried again; anything else is final.
A try that follows finds in our database what was heard before, so nothing is listened to twice.
Prefect's own caching is off: the database is the cache, and knows what a stage depends on.
"""

from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Failed

from pipeline.batch import give_up
from pipeline.crew import Crew, ProcessDied
from pipeline.errors import TransientError
from pipeline.store import Outcome, Store
from pipeline.worklist import Claim, Worklist

RETRY_DELAYS_S: list[float] = [5, 30, 120]


def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Prefect asks this before it tries again."""
    return isinstance(state.data, TransientError)


def score_call_task(
    crew: Crew, worklist: Worklist, store: Store, quarantine_after: int
) -> Task[[int, Claim], Outcome | State[Outcome | None]]:
    """The task that scores one recording of a work list.

    What it works with is held by the task, not passed to it: Prefect walks through every parameter.
    Runs are named by number: a file name may hold a customer's.
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
    def score_call(number: int, claim: Claim) -> Outcome | State[Outcome | None]:
        try:
            outcome = crew.score(claim.found)
        except ProcessDied as error:
            quarantined = worklist.crashed(claim, str(error), quarantine_after)
            return Failed(data=quarantined, message=str(error))
        except TransientError as error:
            if tries_left():
                raise
            outcome = give_up(claim.found, error, worklist.batch, store)
        except Exception as error:
            outcome = give_up(claim.found, error, worklist.batch, store)
        if outcome.status == "failed":
            return Failed(data=outcome, message=f"call {number} failed")
        return outcome

    return score_call


def tries_left() -> bool:
    """Whether Prefect would try the task that is running once more."""
    from prefect.context import TaskRunContext

    context = TaskRunContext.get()
    return context is not None and context.task_run.run_count <= len(RETRY_DELAYS_S)

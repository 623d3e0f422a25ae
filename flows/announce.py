"""What Prefect is told of a batch: numbers, figures and reasons.

Never words of calls, nor names: not even file names, which may hold a customer's. Which recording a
number means, ``callscore outcomes`` says on our side.

A Prefect server that is away costs the picture, not the batch.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.states import Crashed

from pipeline.report import AgentSummary, summarize_agents
from pipeline.spans import clock
from pipeline.store import NOT_SCORED, STATUSES, Outcome
from pipeline.worklist import Progress, Relieved


class Announcer:
    """Tells Prefect how far a batch is, in a thread of its own: a server may be away for a while.

    The progress is a progress artifact; in words it is :meth:`eta`.
    """

    def __init__(self) -> None:
        self._artifact: UUID | None = None
        self._began = time.monotonic()
        self._worked_before: int | None = None
        self._thread = ThreadPoolExecutor(1, "announcer")
        self._last: Future[None] | None = None

    def show(self, now: Progress) -> None:
        """Renews the artifact; not while the server still has to take the one before."""
        percent = 100.0 * (now.total - now.left) / now.total if now.total else 0.0
        if self._worked_before is None:
            self._worked_before = now.worked

        def tell() -> None:
            if self._artifact is None:
                self._artifact = cast(UUID, create_progress_artifact(percent, "progress"))
            else:
                update_progress_artifact(self._artifact, percent)

        if self._last is None or self._last.done():
            self._last = self._submit(tell)

    def end_run(self, worker: Relieved) -> None:
        """Says of a dead worker's flow run that it is over: its place is free for another."""
        if worker.run is None:
            return
        run = UUID(worker.run)

        def tell() -> None:
            with get_client(sync_client=True) as client:
                if client.read_flow_run(run).state_type == StateType.RUNNING:
                    message = f"its process died; calls that it had in hand: {worker.recordings}"
                    crashed: State[Any] = Crashed(message=message)
                    client.set_flow_run_state(run, crashed, force=True)

        self._submit(tell)

    def finish(self, now: Progress) -> None:
        """Shows the end, once all before it is told."""
        if self._last is not None:
            self._last.result()
        self.show(now)
        self._thread.shutdown()

    def _submit(self, tell: Callable[[], None]) -> "Future[None]":
        return self._thread.submit(copy_context().run, if_server_is_there, tell)

    def eta(self, now: Progress) -> str:
        """In words, to put behind others: about 12:00 left. Empty until there is a rate."""
        worked = now.worked - (self._worked_before or 0)
        if worked <= 0 or not now.left:
            return ""
        left_s = (time.monotonic() - self._began) / worked * now.left
        return f", about {clock(left_s)} left"


def publish(batch: int, outcomes: Sequence[Outcome], report: Path) -> None:
    """The table of calls and the summary of a batch."""
    rows = [
        {
            "number": outcome.number,
            "agent": outcome.agent_id,
            "outcome": outcome.status,
            "score": outcome.score,
            "coverage": outcome.coverage,
            "failed by": outcome.failed_by,
            "why": outcome.reason_without_path,
        }
        for outcome in outcomes
    ]
    page = summary(batch, outcomes, summarize_agents(outcomes), report)

    def tell() -> None:
        create_table_artifact(rows, "calls", f"Batch {batch}: calls")
        create_markdown_artifact(page, "batch", f"Batch {batch}: summary")

    if_server_is_there(tell)


def summary(
    batch: int, outcomes: Sequence[Outcome], agents: Sequence[AgentSummary], report: Path
) -> str:
    """The batch on one page of Markdown."""
    lines = [f"# Batch {batch}", ""]
    for status in STATUSES:
        lines.append(f"- {status}: {sum(outcome.status == status for outcome in outcomes)}")
    lines += ["", "| agent | calls | mean score | mean coverage |", "|---|--:|--:|--:|"]
    for agent in agents:
        mean = "–" if agent.mean_score is None else f"{agent.mean_score:.1f}"
        name = agent.agent_id.replace("|", "\\|")
        lines.append(f"| {name} | {agent.calls} | {mean} | {agent.mean_coverage:.0%} |")
    failed = [outcome for outcome in outcomes if outcome.status in NOT_SCORED]
    if failed:
        lines += ["", "## Failed", ""]
        lines += [f"- {o.number}: `` {o.reason_without_path} ``" for o in failed]
    lines += ["", f"Report on the machine that ran the batch: `` {report} ``"]
    return "\n".join(lines)


def if_server_is_there(tell: Callable[[], object]) -> None:
    """Tells Prefect something; a server that is away costs the picture alone."""
    try:
        tell()
    except Exception as error:  # whatever its client raises
        get_run_logger().warning("Prefect's pages are not up to date (%s)", type(error).__name__)

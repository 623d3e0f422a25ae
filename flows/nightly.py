"""The nightly flow: one flow run a batch, one task a call.

One run for all calls, because every run of a deployment is a new process that loads the models
anew; one task a call, because the stages between are kept in our own database.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture, as_completed
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.tasks import score_call_task
from pipeline.batch import Batch
from pipeline.engines import SpeechEngines
from pipeline.find import find_recordings
from pipeline.report import AgentSummary, summarize_agents, write_report
from pipeline.rubric import load_rubrics
from pipeline.settings import load_settings
from pipeline.store import Outcome, Store


@flow(name="nightly", persist_result=False)
def nightly(paths: list[str], rubric: str | None = None) -> State[dict[str, Any]]:
    """Scores all recordings under ``paths`` that are not scored yet, and writes the report.

    Ends as Completed when every recording is scored or skipped with a reason, else as Failed,
    after everything was stored. The data of the state are the batch's number and the report.
    """
    logger = get_run_logger()
    settings = load_settings(rubric=rubric)
    judge_by = load_rubrics(settings.rubric, settings.queue_rubrics)
    engines = SpeechEngines(settings)
    with Store(settings.database_url) as store:
        batch = Batch(store.start_batch("nightly flow"), settings, judge_by, engines, store)
        found = list(find_recordings(paths))
        logger.info("batch %d: %d recordings", batch.id, len(found))
        score_call = score_call_task(batch)
        runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(settings.parallel_calls)
        with runner:
            futures: list[PrefectFuture[Any]] = [
                runner.submit(score_call, {"number": number, "found": item})
                for number, item in enumerate(found, start=1)
            ]
            for done, future in enumerate(as_completed(futures), start=1):
                logger.info(
                    "%d of %d: %s", done, len(found), _status(future.result(raise_on_failure=False))
                )
        store.finish_batch(batch.id)
        outcomes = store.outcomes(batch.id)
        report = write_report(batch.id, store, settings)
    crashed = len(found) - len(outcomes)  # tasks that ended without an outcome
    publish(batch.id, outcomes, crashed, report)
    data = {"batch": batch.id, "report": str(report)}
    failed = crashed + sum(outcome.status == "failed" for outcome in outcomes)
    message = f"{failed} of {len(found)} recordings failed; batch {batch.id}"
    return Failed(message=message, data=data) if failed else Completed(message=message, data=data)


def publish(batch: int, outcomes: Sequence[Outcome], crashed: int, report: Path) -> None:
    """Artifacts for Prefect's pages: ids, figures and reasons, never words of calls or names."""
    create_table_artifact(
        key="calls",
        description=f"Batch {batch}: calls",
        table=[
            {
                "recording": outcome.path,
                "call": outcome.call_id,
                "agent": outcome.agent_id,
                "outcome": outcome.status,
                "score": outcome.score,
                "coverage": outcome.coverage,
                "failed by": outcome.failed_by,
                "why": outcome.reason,
            }
            for outcome in outcomes
        ],
    )
    create_markdown_artifact(
        key="batch",
        description=f"Batch {batch}: summary",
        markdown=summary(batch, outcomes, crashed, summarize_agents(outcomes), report),
    )


def summary(
    batch: int,
    outcomes: Sequence[Outcome],
    crashed: int,
    agents: Sequence[AgentSummary],
    report: Path,
) -> str:
    """The batch on one page of Markdown."""
    lines = [f"# Batch {batch}", ""]
    for status in ("scored", "skipped", "failed"):
        lines.append(f"- {status}: {sum(outcome.status == status for outcome in outcomes)}")
    if crashed:
        lines.append(f"- without an outcome (see the failed tasks): {crashed}")
    lines += ["", "| agent | calls | mean score | mean coverage |", "|---|--:|--:|--:|"]
    for agent in agents:
        mean = "–" if agent.mean_score is None else f"{agent.mean_score:.1f}"
        name = agent.agent_id.replace("|", "\\|")
        lines.append(f"| {name} | {agent.calls} | {mean} | {agent.mean_coverage:.0%} |")
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if failed:
        lines += ["", "## Failed", ""]
        # A code span: what is in a file name is not markup.
        lines += [f"- `` {outcome.reason} ``" for outcome in failed]
    lines += ["", f"Report on the machine that ran the batch: `` {report} ``"]
    return "\n".join(lines)


def _status(result: object) -> str:
    return result.status if isinstance(result, Outcome) else "crashed"

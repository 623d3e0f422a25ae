"""What people see of a batch: tables in the terminal and one HTML page with the evidence.

The page quotes calls: it is for the user's own eyes and only its owner may read the file.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from math import inf
from pathlib import Path
from secrets import token_hex
from statistics import fmean
from textwrap import shorten
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.table import Table
from rich.text import Text

from pipeline import __version__
from pipeline.errors import SettingsError
from pipeline.findings import WARNINGS
from pipeline.paths import REPORTS
from pipeline.settings import Settings
from pipeline.spans import clock
from pipeline.store import Outcome, Store

QUOTE_WIDTH = 100  # characters of a quote in the terminal; the page has all of it

ANSWERS = {
    "met": "met",
    "partial": "partly",
    "missed": "missed",
    "not_applicable": "no occasion",
    "cannot_tell": "cannot tell",
}


@dataclass(frozen=True, slots=True)
class AgentSummary:
    """An agent's calls in a batch. ``mean_score`` is None where no call could be scored."""

    agent_id: str
    calls: int
    judged: int
    mean_score: float | None
    mean_coverage: float
    failed_by_rule: int


def summarize_agents(outcomes: Sequence[Outcome]) -> list[AgentSummary]:
    """One line an agent, in the order of their ids; recordings without a result do not count.

    A call counts once, however many copies of its recording the batch met.
    """
    calls: dict[str, dict[int | str | None, Outcome]] = {}
    for outcome in outcomes:
        if outcome.agent_id is not None:
            # A transcript's result is not stored: its call id stands for it.
            same = outcome.result_id if outcome.result_id is not None else outcome.call_id
            calls.setdefault(outcome.agent_id, {})[same] = outcome
    return [_summarize(agent_id, list(calls[agent_id].values())) for agent_id in sorted(calls)]


def _summarize(agent_id: str, calls: Sequence[Outcome]) -> AgentSummary:
    scores = [call.score for call in calls if call.score is not None]
    return AgentSummary(
        agent_id=agent_id,
        calls=len(calls),
        judged=len(scores),
        mean_score=fmean(scores) if scores else None,
        mean_coverage=fmean(call.coverage or 0.0 for call in calls),
        failed_by_rule=sum(call.failed_by is not None for call in calls),
    )


def calls_table(outcomes: Sequence[Outcome]) -> Table:
    """One row a recording."""
    table = Table(title="Calls", title_justify="left")
    table.add_column("Call", overflow="fold")
    table.add_column("Agent", overflow="fold")
    for heading in ("Length", "Score", "Coverage"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Outcome", overflow="fold")
    for outcome in outcomes:
        # Text, not str: a name with [brackets] is a name, not markup.
        table.add_row(
            Text(outcome.call_id or Path(outcome.path).name),
            Text(outcome.agent_id or ""),
            clock(outcome.duration_s),
            _score(outcome.score),
            _percent(outcome.coverage),
            Text(_outcome_words(outcome)),
        )
    return table


def agents_table(agents: Sequence[AgentSummary]) -> Table:
    """One row an agent."""
    table = Table(title="Agents", title_justify="left")
    table.add_column("Agent", overflow="fold")
    for heading in ("Calls", "Mean score", "Mean coverage", "Failed by a rule"):
        table.add_column(heading, justify="right")
    for agent in agents:
        table.add_row(
            Text(agent.agent_id),
            str(agent.calls),
            _score(agent.mean_score),
            _percent(agent.mean_coverage),
            str(agent.failed_by_rule or ""),
        )
    return table


def outcomes_table(batch: int, outcomes: Sequence[Outcome]) -> Table:
    """One row a path, with the reason."""
    table = Table(title=f"Batch {batch}", title_justify="left")
    table.add_column("No.", justify="right")
    table.add_column("Outcome")
    table.add_column("Recording", overflow="fold")
    table.add_column("Score", justify="right")
    table.add_column("Why", overflow="fold")
    for outcome in outcomes:
        row = Text(outcome.path), _score(outcome.score), Text(outcome.reason or "")
        table.add_row(str(outcome.number or ""), outcome.status, *row)
    return table


def outcomes_lines(outcomes: Sequence[Outcome]) -> str:
    """One JSON object a path."""
    return "\n".join(json.dumps(asdict(outcome), ensure_ascii=False) for outcome in outcomes)


def answers_table(result: Mapping[str, Any]) -> Table:
    """The answers of one call with some evidence (``result``: the documented form)."""
    table = Table(title=Text(f"Call {result['call_id']}"), title_justify="left")
    table.add_column("Criterion")
    table.add_column("Answer", no_wrap=True)
    for heading in ("Points", "Sure"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Why", overflow="fold")
    for criterion in result["criteria"]:
        why = Text(criterion["reason"])
        # What the agent did says more than what called for it.
        by_agent = sorted(criterion["evidence"], key=lambda found: found["role"] != "agent")
        for evidence in by_agent[:1]:
            why.append(f"\n{clock(evidence['start_s'])} {evidence['role']}: ", style="dim")
            why.append(f"“{shorten(evidence['quote'], QUOTE_WIDTH)}”", style="italic")
        helped = criterion.get("would_have_helped")  # not in results of older versions
        if helped:
            why.append("\nWould have helped: ", style="bold")
            why.append(helped)
        answer = criterion["answer"]
        sure = "" if answer == "cannot_tell" else _percent(criterion["confidence"])
        table.add_row(label(criterion["id"]), ANSWERS[answer], points(criterion), sure, why)
    return table


def write_report(batch: int, store: Store, settings: Settings) -> Path:
    """Writes the HTML page of a batch and returns where it lies.

    Where stored words are encrypted it quotes none.
    """
    outcomes = store.outcomes(batch)
    made_at = datetime.now().astimezone()
    page = environment().get_template("report.html")
    folder = settings.data_dir.absolute() / REPORTS
    path = folder / f"{made_at:%Y-%m-%d-%H%M%S}-batch-{batch}.html"
    # Workers of one batch may write it at the same moment.
    unfinished = path.with_suffix(f".{token_hex(4)}.part")
    content = page.generate(
        batch=batch,
        made_at=made_at,
        version=__version__,
        outcomes=outcomes,
        agents=summarize_agents(outcomes),
        problems=[outcome for outcome in outcomes if outcome.result_id is None],
        results=_results(outcomes, store),
        quotes=not store.seals,
    )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(unfinished, "w", encoding="utf-8", opener=_owner_only) as file:
            file.writelines(content)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise SettingsError(
            f"report {path}: cannot be written ({error.strerror}); make room or change data_dir"
        ) from None
    return path


def delete_reports(settings: Settings) -> int:
    """Deletes all reports, because they quote calls as they were, and says how many."""
    reports = list((settings.data_dir.absolute() / REPORTS).glob("*.html"))
    for report in reports:
        report.unlink(missing_ok=True)
    return len(reports)


def label(identifier: str) -> str:
    """An id as words: ``listen_first`` becomes "Listen first"."""
    return identifier.replace("_", " ").capitalize()


def points(criterion: Mapping[str, Any]) -> str:
    """Points reached of those possible; a dash where the criterion does not count."""
    if criterion["points"] is None:
        return "–"
    return f"{criterion['points']:g} of {criterion['max_points']:g}"


def _results(outcomes: Sequence[Outcome], store: Store) -> Iterator[dict[str, Any]]:
    """Result after result, the lowest score first and each call once.

    One at a time: a night's worth need not fit in memory.
    """
    worst_first = sorted(outcomes, key=lambda o: inf if o.score is None else o.score)
    for result_id in dict.fromkeys(outcome.result_id for outcome in worst_first):
        if result_id is not None:
            yield store.result(result_id)


def environment() -> Environment:
    """The HTML templates, with our ways to write times, scores and answers as filters."""
    environment = Environment(
        loader=PackageLoader("pipeline"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    environment.filters |= {
        "clock": clock,
        "label": label,
        "points": points,
        "score": _score,
        "percent": _percent,
        "answer": ANSWERS.__getitem__,
        # A stored result may warn of what this version has no words for.
        "warning": lambda warning: WARNINGS.get(warning, label(warning)),
    }
    return environment


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, mode=0o600)


def _outcome_words(outcome: Outcome) -> str:
    words = outcome.status if outcome.status != "skipped" else outcome.reason or "skipped"
    if outcome.failed_by is not None:
        words += f"; failed by rule: {label(outcome.failed_by)}"
    return words


def _score(score: float | None) -> str:
    return "–" if score is None else f"{score:.1f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"

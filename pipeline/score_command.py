"""``callscore score``: works through the recordings or transcripts, shows and writes results.

Results go to stdout, everything else (progress, what went wrong) to stderr.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline.batch import Batch, give_up, score_one
from pipeline.call import judge, listen, read_moves
from pipeline.engines import SpeechEngines
from pipeline.errors import SettingsError, TranscriptError, TransientError
from pipeline.find import Found, find_recordings
from pipeline.paths import printable
from pipeline.records import CallFacts
from pipeline.redaction.facts import hide
from pipeline.report import agents_table, answers_table, calls_table, summarize_agents, write_report
from pipeline.result import to_json_line
from pipeline.rubric import load_rubrics
from pipeline.second_opinion import ask
from pipeline.settings import Settings
from pipeline.store import Outcome, Store
from pipeline.transcript import read_transcripts

# Up to this many calls, the terminal shows every answer and not only the scores.
SHOW_ANSWERS_UP_TO = 1

_T = TypeVar("_T")


def score_recordings(
    paths: Sequence[str], settings: Settings, out: Path | None, as_json: bool
) -> bool:
    """Scores and keeps; says whether any failed."""
    rubrics = load_rubrics(settings.rubric, settings.queue_rubrics)
    engines = SpeechEngines(settings)
    found = list(find_recordings(paths))
    files = _ResultFiles(out, [item.path for item in found])
    with Store.of(settings) as store:
        number = store.start_batch("callscore score")
        batch = Batch(number, settings, rubrics, engines, store, listen)
        outcomes: list[Outcome] = []
        for item, outcome in _with_progress(_outcomes(found, batch), len(found)):
            outcomes.append(outcome)
            if outcome.result_id is None:
                _say(outcome.reason or outcome.status)
            elif as_json or out is not None:
                line = store.result_json(outcome.result_id)
                files.write(item.path.stem, line)
                _print_result(line, as_json)
        store.finish_batch(batch.id)
        if not as_json:
            judged = [o.result_id for o in outcomes if o.result_id is not None]
            few = judged if len(judged) <= SHOW_ANSWERS_UP_TO else []
            _show_tables(outcomes, [store.result_json(result_id) for result_id in few])
            _print(f"Results: {store.name}")
            if judged:
                _print(f"Report:  {write_report(batch.id, store, settings)}")
    return _list_failed(outcomes)


def score_transcripts(
    paths: Sequence[str], settings: Settings, out: Path | None, as_json: bool
) -> bool:
    """Scores calls that are transcribed already; says whether any failed."""
    rubrics = load_rubrics(settings.rubric, settings.queue_rubrics)
    files = _ResultFiles(out, [Path(path) for path in paths])
    outcomes: list[Outcome] = []
    lines: list[str] = []
    for path, call in _transcripts(paths):
        if isinstance(call, TranscriptError):
            reason = printable(str(call))
            _say(reason)
            outcomes.append(Outcome(path, "failed", reason))
            continue
        rubric = rubrics.for_queue(call.metadata.queue)
        language = rubric.default_language
        moves = read_moves(call.turns, call.language or language)
        heard = replace(call, moves=moves)
        call = hide(heard, settings.redact, language, threads=settings.cpu_threads).facts
        opinion = ask(call, rubric, settings) if settings.second_opinion_url else None
        result = judge(call, rubric, opinion)
        card, metadata = result.scorecard, call.metadata
        outcomes.append(
            Outcome(
                path,
                "scored",
                call_id=metadata.call_id,
                agent_id=metadata.agent_id,
                duration_s=call.duration_s,
                score=card.score,
                uncapped_score=card.uncapped_score,
                coverage=card.coverage,
                failed_by=card.failed_by,
            )
        )
        line = to_json_line(result)
        files.write(metadata.call_id, line)
        _print_result(line, as_json)
        lines = [*lines, line][: SHOW_ANSWERS_UP_TO + 1]
    if not as_json:
        _show_tables(outcomes, lines if len(lines) <= SHOW_ANSWERS_UP_TO else [])
    return _list_failed(outcomes)


def _outcomes(found: Iterable[Found], batch: Batch) -> Iterator[tuple[Found, Outcome]]:
    for item in found:
        # What a library prints must not end up among the results.
        with redirect_stdout(sys.stderr):
            try:
                outcome = score_one(item, batch)
            except TransientError as error:
                outcome = give_up(item, error, batch.id, batch.store)
        yield item, outcome


def _transcripts(paths: Iterable[str]) -> Iterator[tuple[str, CallFacts | TranscriptError]]:
    for path in paths:
        for call in read_transcripts(Path(path)):
            yield printable(path), call


def _with_progress(items: Iterator[_T], total: int) -> Iterator[_T]:
    """Passes the items on, with a progress bar where a person watches."""
    console = Console(stderr=True)
    columns = TextColumn("Scoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    watched = console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not watched) as bar:
        task = bar.add_task("", total=total)
        for item in items:
            yield item
            bar.advance(task)


def _show_tables(outcomes: Sequence[Outcome], results: Sequence[str]) -> None:
    console = Console()
    for line in results:
        console.print(answers_table(json.loads(line)))
    console.print(calls_table(outcomes))
    agents = summarize_agents(outcomes)
    if agents:
        console.print(agents_table(agents))


def _list_failed(outcomes: Sequence[Outcome]) -> bool:
    failed = [outcome.path for outcome in outcomes if outcome.status == "failed"]
    if failed:
        _say(f"{len(failed)} of {len(outcomes)} failed:")
        for path in failed:
            _say(f"  {path}")
    return bool(failed)


class _ResultFiles:
    """The ``--out`` folder. Names are given once: the second ``call`` gets ``call-2``."""

    def __init__(self, folder: Path | None, inputs: Sequence[Path]) -> None:
        self._folder = folder
        self._given: set[str] = set()
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"--out {printable(folder)}: cannot be made ({error.strerror}); name another"
            ) from None
        if any(path.parent.resolve() == folder.resolve() for path in inputs):
            raise SettingsError(
                f"--out {printable(folder)}: recordings lie there, and results would replace their "
                "metadata or transcripts; name another folder"
            )

    def write(self, name: str, line: str) -> None:
        """Writes a result whole or not at all."""
        if self._folder is None:
            return
        stem = re.sub(r"[^\w.\-+@ ]", "_", printable(name)).lstrip(".") or "call"
        unique, count = stem, 1
        while unique.casefold() in self._given:
            count += 1
            unique = f"{stem}-{count}"
        self._given.add(unique.casefold())
        path = self._folder / f"{unique}.json"
        unfinished = path.with_suffix(".part")
        try:
            unfinished.write_text(line + "\n", encoding="utf-8")
            unfinished.replace(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise SettingsError(
                f"--out {printable(path)}: cannot be written ({error.strerror}); make room"
            ) from None


def _print_result(line: str, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _print(text: str) -> None:
    Console().print(text, markup=False, highlight=False, soft_wrap=True)


def _say(text: str) -> None:
    typer.echo(text, err=True)

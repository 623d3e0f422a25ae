"""``callscore verify``, ``rescore`` and ``rubric diff``: what is done with stored calls."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.archive import stored_calls
from pipeline.backtest import Answer, Compared, Summary, compare
from pipeline.call import judge
from pipeline.codeversion import code_version
from pipeline.errors import SettingsError
from pipeline.forgotten import Forgotten
from pipeline.report import ANSWERS, label
from pipeline.result import to_json_line
from pipeline.rubric import Rubric, load_rubric, load_rubrics
from pipeline.second_opinion import asked
from pipeline.settings import Settings
from pipeline.store import Judging, Store
from pipeline.verify import verify


def verify_results(call_ids: Sequence[str], settings: Settings) -> bool:
    """Prints a line for every stored result that does not verify; says whether there is any."""
    counts = {"same": 0, "differs": 0, "cannot_verify": 0}
    seen = set()
    with Store.of(settings) as store:
        for receipt in verify(store, call_ids):
            seen.add(receipt.call_id)
            counts[receipt.verdict] += 1
            if receipt.verdict != "same":
                verb = "differs" if receipt.verdict == "differs" else "cannot be verified"
                _print(f"{receipt.call_id} ({receipt.rubric}) {verb}: {'; '.join(receipt.detail)}")
    unknown = [call_id for call_id in call_ids if call_id not in seen]
    if unknown:
        raise SettingsError(
            f"{unknown[0]}: no result of this call is stored; see callscore outcomes"
        )
    _print(
        f"{counts['same']} of {sum(counts.values())} results are what their stored facts and "
        f"rubric give; {counts['differs']} differ, {counts['cannot_verify']} cannot be verified."
    )
    return counts["same"] != sum(counts.values())


def rescore_calls(settings: Settings) -> None:
    """Judges every stored call anew under the rubrics of the settings; no recording is touched."""
    rubrics = load_rubrics(settings.rubric, settings.queue_rubrics)
    judged: Counter[str] = Counter()
    changed = 0
    started = datetime.now(UTC)
    with Store.of(settings) as store:
        for rubric in (rubrics.default, *rubrics.by_queue.values()):
            store.keep_rubric(rubric.hash, rubric.files)
        for call in stored_calls(store):
            if call.facts is None:
                continue
            rubric = rubrics.for_queue(call.facts.metadata.queue)
            judging = Judging(
                rubric.hash, code_version(), call.listening_key, asked(rubric.hash, settings)
            )
            opinion = store.find_opinion(call.recording_sha256, judging)
            if opinion is None:  # nobody is asked anew here
                judging = replace(judging, asked=None)
            result = judge(call.facts, rubric, opinion)
            before = store.find_result(call.recording_sha256, call.facts.metadata, judging)
            differs = before is None or store.result_json(before) != to_json_line(result)
            with suppress(Forgotten):  # deleted meanwhile
                store.keep_result(
                    result,
                    call.recording_sha256,
                    call.path,
                    judging,
                    call_id_given=call.call_id_given,
                )
                changed += differs
                judged[f"{rubric.id} {rubric.version}"] += 1
    seconds = (datetime.now(UTC) - started).total_seconds()
    by_rubric = ", ".join(f"{count} by {name}" for name, count in judged.items()) or "none"
    _print(
        f"{judged.total()} calls judged again in {seconds:.1f} s ({by_rubric}); {changed} results "
        f"are new or changed. Results: {settings.database_url}"
    )


def diff_rubrics(old: str, new: str, settings: Settings) -> bool:
    """Prints every answer that NEW would flip on the stored calls; says whether any would."""
    before, after = load_rubric(old), load_rubric(new)
    summary = Summary()
    flips = Table(title="Answers that would flip", title_justify="left")
    for heading in ("Call", "Agent", "Criterion", "Old", "New", "Score"):
        flips.add_column(heading, overflow="fold")
    with Store.of(settings) as store:
        for compared in compare(stored_calls(store), before, after):
            summary.add(compared)
            _add_rows(flips, compared)
    if not summary.calls:
        raise SettingsError("no stored calls to compare on; score some recordings first")
    console = Console()
    for line in _weights(before, after):
        _print(line)
    if flips.row_count:
        console.print(flips)
    if summary.moves:
        console.print(_summary_table(summary))
    names = f"{before.id} {before.version} → {after.id} {after.version}"
    _print(f"{names}: {summary.changed} of {summary.calls} stored calls change.")
    return bool(summary.changed)


def _add_rows(table: Table, compared: Compared) -> None:
    moved = f"{_score(compared.old_score)} → {_score(compared.new_score)}"
    # A criterion that only one of them has says the same on every call: the counts tell.
    flips = [flip for flip in compared.flips if flip.old is not None and flip.new is not None]
    for flip in flips:
        table.add_row(
            Text(flip.call_id), Text(flip.agent_id), Text(flip.criterion),
            _answer(flip.old), _answer(flip.new), moved,
        )  # fmt: skip
        moved = ""
    if not flips and compared.old_score != compared.new_score:
        table.add_row(Text(compared.call_id), "", "only the score", "", "", moved)


def _weights(before: Rubric, after: Rubric) -> Iterator[str]:
    """One line a criterion that is worth something else, or that only one of the rubrics has."""
    old = {criterion.id: criterion.weight for criterion in before.criteria}
    new = {criterion.id: criterion.weight for criterion in after.criteria}
    for name in [*old, *(name for name in new if name not in old)]:
        if old.get(name) != new.get(name):
            yield f"{label(name)}: weight {_score(old.get(name))} → {_score(new.get(name))}"


def _summary_table(summary: Summary) -> Table:
    table = Table(title="How often", title_justify="left")
    for heading in ("Criterion", "Old", "New", "Calls"):
        table.add_column(heading)
    for criterion, moves in summary.moves.items():
        for (old, new), count in moves.most_common():
            table.add_row(Text(criterion), _answer(old), _answer(new), str(count))
    return table


def _answer(answer: Answer) -> str:
    return "–" if answer is None else ANSWERS[answer]


def _score(score: float | None) -> str:
    return "–" if score is None else f"{score:g}"


def _print(text: str) -> None:
    Console(file=sys.stdout).print(text, markup=False, highlight=False, soft_wrap=True)

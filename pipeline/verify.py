"""Receipts: is every stored result what its stored facts and its stored rubric give?"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.archive import StoredResult, stored_results
from pipeline.call import judge
from pipeline.codeversion import code_version
from pipeline.errors import RubricError
from pipeline.result import to_json_line
from pipeline.rubric import Rubric, restore_rubric
from pipeline.store import Store

# So many differences are named; more only repeat the point.
MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Receipt:
    """What verifying a stored result came to.

    ``detail`` names what differs by its place in the result (no words of the call), or why it
    cannot be recomputed.
    """

    call_id: str
    rubric: str
    verdict: Literal["same", "differs", "cannot_verify"]
    detail: tuple[str, ...] = ()


def verify(store: Store, call_ids: Sequence[str] = ()) -> Iterator[Receipt]:
    """Recomputes stored results, of these calls or of all, and compares them byte for byte."""
    rubrics: dict[str, Rubric | str] = {}
    for stored in stored_results(store, call_ids):
        wanted = stored.judging.rubric_hash
        if wanted not in rubrics:
            rubrics[wanted] = _restore(store, wanted)
        yield _receipt(stored, rubrics[wanted])


def _restore(store: Store, rubric_hash: str) -> Rubric | str:
    """The stored rubric, or why there is none to recompute with."""
    files = store.rubric_files(rubric_hash)
    if files is None:
        return "its rubric was not stored (scored before callscore kept rubrics)"
    try:
        rubric = restore_rubric(files)
    except RubricError as error:
        return f"its rubric cannot be read by this version ({str(error).rpartition(': ')[2]})"
    if rubric.hash != rubric_hash:
        return "its stored rubric was altered, or this version reads it differently"
    return rubric


def _receipt(stored: StoredResult, rubric: Rubric | str) -> Receipt:
    was = json.loads(stored.result_json)
    name = f"{was['rubric']['id']} {was['rubric']['version']}"
    call_id = stored.heard.call_id
    if isinstance(rubric, str):
        return Receipt(call_id, name, "cannot_verify", (rubric,))
    if stored.heard.facts is None:
        return Receipt(call_id, name, "cannot_verify", ("what was heard is no longer stored",))
    line = to_json_line(judge(stored.heard.facts, rubric, stored.opinion))
    if line == stored.result_json:
        return Receipt(call_id, name, "same")
    found = list(_differences(was, json.loads(line), ""))
    named = found[:MOST_NAMED]
    if len(found) > MOST_NAMED:
        named.append(f"and {len(found) - MOST_NAMED} more")
    if stored.judging.code_version != code_version():
        named.append(f"scored by {stored.judging.code_version}, this is {code_version()}")
    return Receipt(call_id, name, "differs", tuple(named or ["layout of the JSON"]))


# Values that hold no words of a call and may be shown.
_PLAIN = ("answer", "points", "score", "uncapped_score", "coverage", "confidence", "failed_by")


def _differences(was: Any, now: Any, place: str) -> Iterator[str]:
    """Where two results differ, by keys; criteria and flags are named by their id."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in [*was, *(k for k in now if k not in was)]:
            inner = f"{place}.{key}" if place else key
            yield from _differences(was.get(key), now.get(key), inner)
    elif isinstance(was, list) and isinstance(now, list):
        if len(was) != len(now):
            yield f"{place}: {len(was)} stored, {len(now)} recomputed"
            return
        for index, (old, new) in enumerate(zip(was, now, strict=True)):
            label = old.get("id", index) if isinstance(old, dict) else index
            yield from _differences(old, new, f"{place}.{label}")
    elif was != now:
        shown = place.rpartition(".")[2] in _PLAIN
        yield f"{place}: {was} stored, {now} recomputed" if shown else f"{place} differs"

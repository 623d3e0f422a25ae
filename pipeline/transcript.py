"""Calls that are transcribed already: one JSON object a file, or one a line (JSONL)."""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

from pipeline import __version__
from pipeline.errors import TranscriptError
from pipeline.records import CallFacts, Direction, Engines, Metadata, Role, Turn
from pipeline.turn_taking import goes_on

ROLES: tuple[Role, ...] = get_args(Role)
DIRECTIONS = get_args(Direction)
# Optional text fields of the object that are kept as the call's metadata.
TEXT_FIELDS = (
    "agent_id", "agent_name", "team", "customer_id", "queue", "started_at", "language",
)  # fmt: skip


def read_transcripts(path: Path) -> Iterator[CallFacts | TranscriptError]:
    """The calls of a file; in place of a call that cannot be used, the error that says why."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        yield TranscriptError(f"{path}: cannot be read ({error.strerror}); check the path")
        return
    except UnicodeDecodeError as error:
        yield TranscriptError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8")
        return
    if not text.strip():
        yield TranscriptError(f"{path}: is empty; expected a JSON object with call_id and turns")
        return
    seen: set[str] = set()
    for line, source in _objects(text):
        where = f"{path}, line {line}"
        try:
            facts = _facts(_parse(source, where), where)
            if facts.metadata.call_id in seen:
                raise TranscriptError(
                    f"{where}: a call_id is there twice in this file; give each call its own"
                )
            seen.add(facts.metadata.call_id)
            yield facts
        except TranscriptError as error:
            yield error


def _objects(text: str) -> Iterator[tuple[int, str]]:
    """The whole text where it is one JSON value, else each line that is not blank."""
    lines = [(n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]
    try:
        json.loads(text)
        whole = True
    except (ValueError, RecursionError):
        # A pretty-printed object with a mistake in it is one object too.
        whole = len(lines) > 1 and lines[0][1].strip() in ("{", "[")
    if whole:
        yield lines[0][0], text
    else:
        yield from lines


def _parse(source: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(source, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f" (line {error.lineno} of it)" if "\n" in source.strip() else ""
        raise TranscriptError(
            f"{where}: is not JSON{place}: {error.msg} at column {error.colno}; correct it"
        ) from None
    except (ValueError, RecursionError) as error:
        raise TranscriptError(f"{where}: {error}; correct it") from None
    if not isinstance(value, dict):
        raise TranscriptError(
            f"{where}: found a JSON {_kind(value)}, expected one object a call with call_id and "
            "turns; put each call on a line of its own"
        )
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number that JSON allows")


def _facts(value: dict[str, Any], where: str) -> CallFacts:
    call_id = value.get("call_id")
    if not isinstance(call_id, str) or not call_id.strip():
        raise TranscriptError(f"{where}: call_id is missing or not text; add it")
    raw = value.get("turns")
    if not isinstance(raw, list) or not raw:
        raise TranscriptError(f"{where}: turns is missing or empty; add a list of turns")
    given = [_turn(turn, f"{where}, turn {n}") for n, turn in enumerate(raw, start=1)]
    turns = merge_turns(given)
    ends = [turn.end_s for turn in turns if turn.end_s is not None]
    spans = [t.end_s - t.start_s for t in given if t.start_s is not None and t.end_s is not None]
    timed = len(spans) == len(given)
    metadata = _metadata(value, call_id, where)
    return CallFacts(
        metadata=metadata,
        turns=turns,
        engines=Engines(transcribe="given", diarize="given", code=__version__),
        language=metadata.language,
        duration_s=max(ends) if timed else None,
        speech_s=sum(spans) if timed else None,
    )


def merge_turns(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """Turns as we mean them: what one side says until another takes over, however it was split."""
    merged: list[Turn] = []
    for turn in turns:
        at = goes_on([(last.role, last.text) for last in merged[-2:]], turn.role)
        if at is None or turn.role == "unknown":
            merged.append(turn)
            continue
        last = merged[at]
        text = f"{last.text} {turn.text}".strip()
        timed = last.start_s is not None and turn.end_s is not None
        start_s = min(last.start_s or 0.0, turn.start_s or 0.0) if timed else None
        end_s = max(last.end_s or 0.0, turn.end_s or 0.0) if timed else None
        merged[at] = Turn(turn.role, text, start_s, end_s, (*last.words, *turn.words))
    return tuple(merged)


def _metadata(value: dict[str, Any], call_id: str, where: str) -> Metadata:
    found: dict[str, Any] = {}
    for name in TEXT_FIELDS:
        if value.get(name) is None:
            continue
        if not isinstance(value[name], str):
            raise TranscriptError(
                f"{where}: {name} is a {_kind(value[name])}, expected text; correct or remove it"
            )
        found[name] = value[name]
    direction = value.get("direction")
    if direction is not None and direction not in DIRECTIONS:
        raise TranscriptError(
            f"{where}: direction must be one of {', '.join(DIRECTIONS)}; correct or remove it"
        )
    return Metadata(call_id=call_id, direction=direction, **found)


def _role(value: Any) -> Role | None:
    return next((role for role in ROLES if role == value), None)


def _turn(value: Any, where: str) -> Turn:
    if not isinstance(value, dict):
        raise TranscriptError(f"{where}: is a {_kind(value)}, expected an object; correct it")
    role = _role(value.get("role"))
    if role is None:
        raise TranscriptError(
            f"{where}: role is missing or unknown; expected one of {', '.join(ROLES)}"
        )
    text = value.get("text")
    if not isinstance(text, str):
        raise TranscriptError(f"{where}: text is missing or not text; add the words said")
    start, end = _time(value, "start_s", where), _time(value, "end_s", where)
    if (start is None) != (end is None):
        raise TranscriptError(f"{where}: give both start_s and end_s, or neither")
    if start is not None and end is not None and end < start:
        raise TranscriptError(f"{where}: end_s {end} is before start_s {start}; correct the times")
    return Turn(role=role, text=text, start_s=start, end_s=end)


def _time(value: dict[str, Any], name: str, where: str) -> float | None:
    found = value.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise TranscriptError(f"{where}: {name} is not a number; give seconds or leave it out")
    if found < 0:
        raise TranscriptError(f"{where}: {name} is {found}; times start at 0")
    return float(found)


def _kind(value: Any) -> str:
    names = {dict: "object", list: "list", str: "text", bool: "true/false", type(None): "null"}
    return names.get(type(value), "number")

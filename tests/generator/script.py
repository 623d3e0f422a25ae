"""Reads call scripts (``calls/NAME.yaml``; the format is in README.md) and checks them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .records import (
    ROLES,
    Answer,
    CallScript,
    DeadAir,
    Hold,
    Recording,
    ScriptError,
    Step,
    Turn,
    Voice,
)

CALLS_DIR = Path(__file__).parent / "calls"
CONTENT_CRITERIA = ("listen_first", "empathize", "apologize", "solve", "follow_up")
CONDUCT_CRITERIA = ("no_talking_over", "hold_handling", "composure", "positive_language")
ANSWERS = ("met", "partial", "missed", "not_applicable", "cannot_tell")
FLAGS = (
    "abusive_customer",
    "repeat_contact",
    "asks_manager",
    "threatens_to_leave",
    "threatens_action",
    "customer_raised_voice",
    "agent_raised_voice",
)
METADATA = (
    "agent_id",
    "agent_name",
    "team",
    "customer_id",
    "queue",
    "direction",
    "started_at",
    "language",
)


def script_paths(names: Iterable[str] = ()) -> list[Path]:
    """Paths of the named scripts, or of all."""
    paths = [CALLS_DIR / f"{name}.yaml" for name in names] or sorted(CALLS_DIR.glob("*.yaml"))
    for path in paths:
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in CALLS_DIR.glob("*.yaml")))
            raise ScriptError(f"{path.stem}: no such call script; there are {known}")
    return paths


def load_script(path: Path) -> CallScript:
    """Reads one script; the file's stem is the call id."""
    import yaml

    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    return parse_script(path.stem, data)


def parse_script(call_id: str, data: Mapping[str, Any]) -> CallScript:
    """Builds the script of ``call_id`` from the YAML data; raises `ScriptError` with the place."""
    steps: list[Step] = []
    labels: dict[str, int] = {}
    turn_count = 0
    for number, item in enumerate(data["steps"], start=1):
        step = _step(item, f"{call_id}, step {number}")
        steps.append(step)
        if isinstance(step, Turn):
            if (label := item.get("label")) is not None:
                if label in labels:
                    raise ScriptError(f"{call_id}, step {number}: label {label!r} is used twice")
                labels[label] = turn_count
            turn_count += 1
    metadata = {key: data["metadata"][key] for key in METADATA}
    flags = dict.fromkeys(FLAGS, False) | dict.fromkeys(data.get("flags", ()), True)
    _same_keys(call_id, "flags", flags, FLAGS)
    return CallScript(
        call_id=call_id,
        story=data["story"],
        recording=Recording(**data["recording"]),
        metadata=metadata,
        voices={role: Voice(**data["voices"][role]) for role in ROLES},
        steps=tuple(steps),
        rubric=_answers(call_id, "rubric", data["rubric"], CONTENT_CRITERIA, labels),
        conduct=_answers(call_id, "conduct", data["conduct"], CONDUCT_CRITERIA, labels),
        flags=flags,
    )


def _step(item: Mapping[str, Any], where: str) -> Step:
    """One list item of ``steps``: a turn, a hold or dead air."""
    fields = {key: value for key, value in item.items() if key != "label"}
    for role in ROLES:
        if role in fields:
            return _turn(Turn(role=role, text=fields.pop(role).strip(), **fields), where)
    if "hold" in fields:
        music_on = tuple(fields.pop("music_on", ()))
        return Hold(duration_s=float(fields.pop("hold")), music_on=music_on, **fields)
    if "dead_air" in fields:
        return DeadAir(duration_s=float(fields["dead_air"]))
    raise ScriptError(f"{where}: expected agent, customer, hold or dead_air, found {sorted(item)}")


def _turn(turn: Turn, where: str) -> Turn:
    if not turn.text:
        raise ScriptError(f"{where}: the turn has no words")
    if turn.interrupts_s is not None and turn.backchannel_at is not None:
        raise ScriptError(f"{where}: a turn cannot be an interruption and a backchannel")
    return turn


def _answers(
    call_id: str,
    part: str,
    data: Mapping[str, Any],
    criteria: tuple[str, ...],
    labels: Mapping[str, int],
) -> dict[str, Answer]:
    """The answers of one part of the rubric, with evidence labels turned into turn indexes."""
    _same_keys(call_id, part, data, criteria)
    answers = {}
    for criterion in criteria:
        item = data[criterion]
        unknown = [label for label in item.get("evidence", ()) if label not in labels]
        if unknown:
            raise ScriptError(f"{call_id}, {part}.{criterion}: no turn is labelled {unknown}")
        if item["answer"] not in ANSWERS:
            raise ScriptError(
                f"{call_id}, {part}.{criterion}: answer {item['answer']!r}, expected {ANSWERS}"
            )
        answers[criterion] = Answer(
            answer=item["answer"],
            evidence_turns=tuple(sorted(labels[label] for label in item.get("evidence", ()))),
            note=item.get("note", ""),
        )
    return answers


def _same_keys(call_id: str, part: str, found: Iterable[str], expected: Iterable[str]) -> None:
    if set(found) != set(expected):
        odd = sorted(set(found) ^ set(expected))
        raise ScriptError(f"{call_id}, {part}: missing or unknown: {', '.join(odd)}")

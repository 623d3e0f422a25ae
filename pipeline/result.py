"""The call result as other programs read it, and facts as they are stored."""

import json
import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from pipeline.records import (
    PARTIES,
    CallFacts,
    CallResult,
    Interruption,
    Metadata,
    Role,
    SecondOpinion,
    Sound,
)

SCHEMA = 1
TIME_DECIMALS = 3

_FACTS = TypeAdapter(CallFacts)
_METADATA = TypeAdapter(Metadata)
_OPINION = TypeAdapter(SecondOpinion)


def to_dict(result: CallResult) -> dict[str, Any]:
    """The call result in the documented shape and key order; times have three decimals."""
    facts, card, sound = result.facts, result.scorecard, result.facts.sound
    return {
        "schema": SCHEMA,
        "call_id": facts.metadata.call_id,
        "agent_id": facts.metadata.agent_id,
        "started_at": facts.metadata.started_at,
        "recording_sha256": facts.recording_sha256,
        "duration_s": _plain(facts.duration_s),
        "channels": facts.channels,
        "language": facts.language,
        "rubric": _plain(card.rubric),
        "engines": _plain(facts.engines),
        "score": _plain(card.score),
        "uncapped_score": _plain(card.uncapped_score),
        "coverage": _plain(card.coverage),
        "failed_by": card.failed_by,
        "turns": _turns(facts),
        "interruptions": [
            {**_plain(found), "over": found.over}
            for found in (sound.interruptions if sound else ())
        ],
        "holds": _plain(sound.holds) if sound else [],
        "dead_air": _plain(sound.dead_air) if sound else [],
        "raised_voice": _plain(sound.raised_voice) if sound else [],
        "talk": _plain(sound.talk) if sound else None,
        "criteria": _plain(card.criteria),
        "flags": _plain(card.flags),
        "warnings": list(facts.warnings),
        "interruption_counts": _interruption_counts(sound) if sound else None,
        "escalation": _plain(sound.escalation) if sound else None,
        "second_opinion": _plain(result.second_opinion),
        "redactions": _plain(facts.redactions),
    }


def with_transcript(result: dict[str, Any], facts: CallFacts) -> dict[str, Any]:
    """A result in the documented form with other turns and redactions, all else as it was."""
    return result | {"turns": _turns(facts), "redactions": _plain(facts.redactions)}


def without_words(result: dict[str, Any], at: datetime) -> dict[str, Any]:
    """A result in the documented form without anything that was said; ``at``: since when (UTC).

    Answers, measures and the times of the evidence and of what was hidden stay.
    """
    stripped = _without_quotes(result)
    opinion = stripped.get("second_opinion")
    for answer in opinion["answers"] if opinion else ():
        answer["reason"] = ""
    since = f"{at.isoformat(timespec='seconds')}Z"
    return stripped | {"turns": [], "words_deleted_at": since}


def _without_quotes(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_quotes(item) for item in value]
    if isinstance(value, dict):
        return {key: "" if key == "quote" else _without_quotes(item) for key, item in value.items()}
    return value


def dump_line(result: dict[str, Any]) -> str:
    """A result in the documented form as one line of UTF-8 JSON."""
    line = json.dumps(result, ensure_ascii=False, allow_nan=False)
    # Valid in JSON, but some readers of lines take them for line ends.
    return line.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _turns(facts: CallFacts) -> list[dict[str, Any]]:
    return [
        {
            "role": turn.role,
            "start_s": _plain(turn.start_s),
            "end_s": _plain(turn.end_s),
            "text": turn.text,
            "words": _plain(turn.words),
        }
        for turn in facts.turns
    ]


def _interruption_counts(sound: Sound) -> dict[str, Any]:
    """Competitive interruptions by each side, with the range within the accuracy of borders."""

    def by(party: Role, events: Sequence[Interruption]) -> list[Interruption]:
        return [e for e in events if e.by == party and e.kind == "competitive"]

    counts: dict[str, Any] = {"border_accuracy_s": sound.border_accuracy_s}
    for party in PARTIES:
        counted = by(party, sound.interruptions)
        counts[party] = {
            "count": len(counted),
            "at_least": sum(event.certain for event in counted),
            "at_most": len(counted) + len(by(party, sound.possible_interruptions)),
        }
    return counts


def to_json_line(result: CallResult) -> str:
    """One line of UTF-8 JSON; the same result always gives the same line."""
    return dump_line(to_dict(result))


def facts_to_json(facts: CallFacts) -> str:
    """Facts for storage, without any loss."""
    return _FACTS.dump_json(facts).decode()


def facts_from_json(text: str) -> CallFacts:
    """What :func:`facts_to_json` stored."""
    return _FACTS.validate_json(text)


def metadata_to_json(metadata: Metadata) -> str:
    """Metadata for storage, without any loss."""
    return _METADATA.dump_json(metadata).decode()


def metadata_from_json(text: str) -> Metadata:
    """What :func:`metadata_to_json` stored."""
    return _METADATA.validate_json(text)


def opinion_to_json(opinion: SecondOpinion) -> str:
    """A second opinion for storage, without any loss."""
    return _OPINION.dump_json(opinion).decode()


def opinion_from_json(text: str) -> SecondOpinion:
    """What :func:`opinion_to_json` stored."""
    return _OPINION.validate_json(text)


def _plain(value: Any) -> Any:
    """Records as dicts in the order of their fields, tuples as lists, numbers rounded."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return round(value, TIME_DECIMALS)
    return value

"""The words of a moment, and how a colleague's name is kept out of them."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pipeline.coaching.records import Excerpt
from pipeline.coaching.windows import Window, lines_within
from pipeline.records import Evidence, Kind, Span, Turn, Word
from pipeline.redaction.redact import redact

STAND_IN = "[name]"
NAMES: tuple[Kind, ...] = ("name",)
SHORTEST_NAME = 3
"""Letters: shorter parts of names are words too often."""


def excerpt_of(
    result: Mapping[str, Any],
    window: Window,
    silent: str | None,
    *,
    call_id: str | None,
    at: datetime | None,
    reason: str,
    answer: str = "",
    would_have_helped: str | None = None,
    confirmed: bool = False,
    confidence: float = 1.0,
) -> Excerpt:
    """What of a call (``result``: the documented form) lies in a window."""
    return Excerpt(
        call_id=call_id,
        at=at,
        answer=answer,
        reason=reason,
        would_have_helped=would_have_helped,
        lines=lines_within(result["turns"], window),
        # Its words are marked in the lines.
        evidence=tuple(
            Evidence(part.role, part.start_s, part.end_s, "", part.what) for part in window.evidence
        ),
        confirmed=confirmed,
        confidence=confidence,
        silent=silent,
    )


def anonymous(
    result: dict[str, Any], agent_name: str | None
) -> tuple[dict[str, Any], tuple[Span, ...]]:
    """The call without names in its turns, and when they are said.

    Those that are found, whatever else is hidden, and the agent's own as the metadata has it.
    """
    parts = {part for part in _letters(agent_name or "").split() if len(part) >= SHORTEST_NAME}
    named, said = _without_names(result)
    turns = []
    for turn in named:
        words = []
        for word in turn["words"]:
            spoken = set(_letters(word["text"]).split())
            if spoken & parts:
                said.append(Span(word["start_s"], word["end_s"]))
                word = word | {"text": STAND_IN}
            words.append(word)
        text = turn["text"]
        if words:
            text = " ".join(word["text"] for word in words)
        turns.append(turn | {"words": words, "text": text})
    return result | {"turns": turns}, tuple(said)


def _without_names(result: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[Span]]:
    given = [
        Turn(
            turn["role"],
            turn["text"],
            turn["start_s"],
            turn["end_s"],
            tuple(Word(**word) for word in turn["words"]),
        )
        for turn in result["turns"]
    ]
    found = redact(given, NAMES, result["language"])
    said = []
    for redaction in found.redactions:
        timed = redaction if redaction.start_s is not None else given[redaction.turn]
        if timed.start_s is not None and timed.end_s is not None:
            said.append(Span(timed.start_s, timed.end_s))
    return [asdict(turn) for turn in found.turns], said


def _letters(text: str) -> str:
    """Lower case, only letters: "Laura's" holds the name "laura"."""
    return re.sub(r"[^\w]+", " ", text.casefold().replace("’", "'")).strip()

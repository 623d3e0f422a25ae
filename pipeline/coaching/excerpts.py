"""The words of a moment, and how a colleague's name is kept out of them."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline.coaching.records import Excerpt
from pipeline.coaching.windows import Window, lines_within
from pipeline.records import Evidence, Span

STAND_IN = "[name]"
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
    """The call without the agent's own name in its turns, and when the name is said."""
    parts = {part for part in _letters(agent_name or "").split() if len(part) >= SHORTEST_NAME}
    if not parts:
        return result, ()
    turns, said = [], []
    for turn in result["turns"]:
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


def _letters(text: str) -> str:
    """Lower case, only letters: "Laura's" holds the name "laura"."""
    return re.sub(r"[^\w]+", " ", text.casefold().replace("’", "'")).strip()

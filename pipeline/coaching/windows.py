"""Which stretch of a call shows a moment, and what is said in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.coaching.records import Line
from pipeline.records import Evidence, Role, Span

LONGEST_S = 20.0
"""So long a moment may be: longer ones are not heard to the end. Evidence is never cut for it; one
that is longer by itself is not shown."""
SHORTEST_S = 8.0
"""A shorter one gets what was said before it too: an "okay" alone tells nothing."""
LONGEST_PAUSE_S = 8.0
"""What the other side said before such a pause is no longer what is answered."""
BEFORE_S, AFTER_S = 0.3, 0.6
"""So much more is heard: the recogniser's words begin and end too early (:mod:`pipeline.beep`)."""

Turn = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when a moment is heard, and the evidence that lies wholly inside.

    ``said`` is the time of its words, without what is heard beside them.
    """

    span: Span
    said: Span
    evidence: tuple[Evidence, ...]


def window_round(
    turns: Sequence[Turn],
    shown: Evidence,
    others: Sequence[Evidence] = (),
    *,
    with_reply: bool = False,
) -> Window | None:
    """The evidence ``shown`` with what the other side said before it, and what of the ``others``
    lies in the same stretch; ``with_reply``: and with what the other side says then.

    ``turns`` are those of a result in the documented form. None where the evidence has no times, or
    is too long to be shown.
    """
    if shown.start_s is None or shown.end_s is None or shown.end_s - shown.start_s > LONGEST_S:
        return None
    start, end = shown.start_s, shown.end_s
    timed = [turn for turn in turns if turn["start_s"] is not None and turn["text"].strip()]
    of_others = [turn for turn in timed if turn["role"] in _facing(shown.role)]
    if with_reply:
        reply = next((turn for turn in of_others if turn["start_s"] >= start), None)
        if reply is not None and reply["start_s"] - end <= LONGEST_PAUSE_S:
            end = max(end, _cut_after(reply, start + LONGEST_S))
    earlier = [turn for turn in of_others if turn["start_s"] < start]
    if earlier and start - earlier[-1]["end_s"] <= LONGEST_PAUSE_S:
        start = min(start, _cut_before(earlier[-1], end - LONGEST_S))
    # The whole of a sentence, not from its middle, where there is room.
    own = next((t for t in timed if t["role"] == shown.role and _holds(t, shown)), None)
    if own is not None:
        start = min(start, _cut_before(own, end - LONGEST_S))
        end = max(end, _cut_after(own, start + LONGEST_S))
    for turn in reversed([turn for turn in timed if turn["start_s"] < start]):
        if end - start >= SHORTEST_S or start - turn["end_s"] > LONGEST_PAUSE_S:
            break
        start = min(start, _cut_before(turn, end - LONGEST_S))
    inside = [part for part in (shown, *others) if _inside(part, start, end)]
    heard = Span(max(0.0, start - BEFORE_S), end + AFTER_S)
    return Window(heard, Span(start, end), tuple(dict.fromkeys(inside)))


def last_words(turns: Sequence[Turn]) -> Evidence | None:
    """How the agent ended the call."""
    said = [turn for turn in turns if turn["role"] == "agent" and turn["text"].strip()]
    if not said or said[-1]["start_s"] is None:
        return None
    last = said[-1]
    start = _cut_before(last, last["end_s"] - LONGEST_S)
    return Evidence("agent", start, last["end_s"], last["text"], "how the call ended")


def lines_within(turns: Sequence[Turn], window: Window) -> tuple[Line, ...]:
    """What is said in a window, the evidence marked; what is cut off is shown by an ellipsis."""
    found = [
        line for turn in turns if turn["start_s"] is not None and turn["role"] != "unknown"
        for line in [_line(turn, window)] if line is not None
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda line: line.start_s or 0.0))


def _line(turn: Turn, window: Window) -> Line | None:
    span = window.said
    evidence = [part for part in window.evidence if part.role == turn["role"]]
    words = [word for word in turn["words"] if _middle(word, span)]
    if not turn["words"]:
        if turn["end_s"] <= span.start_s or turn["start_s"] >= span.end_s:
            return None
        text = turn["text"]
        places = [(text.find(part.quote), len(part.quote)) for part in evidence if part.quote]
        marks = [(at, at + length) for at, length in places if at >= 0]
        return Line(turn["role"], turn["start_s"], text, _joined(marks))
    if not words:
        return None
    text = "" if words[0] is turn["words"][0] else "… "
    marks = []
    for word in words:
        at = len(text)
        text += word["text"] + " "
        if any(_middle(word, Span(part.start_s or 0.0, part.end_s or 0.0)) for part in evidence):
            marks.append((at, at + len(word["text"])))
    text = text.strip() if words[-1] is turn["words"][-1] else text + "…"
    return Line(turn["role"], words[0]["start_s"], text, _joined(marks))


def _joined(marks: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Marks of neighbouring words as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(marks):
        if joined and start - joined[-1][1] <= 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def _facing(role: Role) -> tuple[Role, ...]:
    return ("customer",) if role == "agent" else ("agent",)


def _holds(turn: Turn, evidence: Evidence) -> bool:
    start, end = evidence.start_s or 0.0, evidence.end_s or 0.0
    return bool(turn["start_s"] <= start + 0.01 and turn["end_s"] >= end - 0.01)


def _inside(part: Evidence, start: float, end: float) -> bool:
    if part.start_s is None or part.end_s is None:
        return False
    return start - 0.01 <= part.start_s and part.end_s <= end + 0.01


def _middle(word: Mapping[str, Any], span: Span) -> bool:
    return bool(span.start_s <= (word["start_s"] + word["end_s"]) / 2 <= span.end_s)


def _cut_before(turn: Turn, earliest: float) -> float:
    """Where a turn begins, or its first word that is not before ``earliest``."""
    if turn["start_s"] >= earliest:
        return float(turn["start_s"])
    later = [word["start_s"] for word in turn["words"] if word["start_s"] >= earliest]
    return float(min(later, default=turn["end_s"]))


def _cut_after(turn: Turn, latest: float) -> float:
    """Where a turn ends, or its last word that is not after ``latest``."""
    if turn["end_s"] <= latest:
        return float(turn["end_s"])
    sooner = [word["end_s"] for word in turn["words"] if word["end_s"] <= latest]
    return float(max(sooner, default=turn["start_s"]))

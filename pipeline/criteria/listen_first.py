"""Listen first: was the customer let speak, and understood, before a solution came?"""

from pipeline.criteria.empathize import standing_violation
from pipeline.criteria.occasion import Occasion, occasion
from pipeline.criteria.view import (
    GUESSED,
    INFERRED,
    Thresholds,
    Verdict,
    View,
    quote,
    quote_turn,
)  # fmt: skip
from pipeline.records import Cue, Interruption

THRESHOLDS = frozenset({"issue_end_tolerance_s"})
# Brushing aside counts as not listening in the first reply and in the one after it.
REPLY_TURNS = 2


def judge(seen: View, thresholds: Thresholds) -> Verdict:
    found = occasion(seen)
    if found.issue is None:
        return Verdict("not_applicable", "The customer stated no issue.", (), INFERRED)
    stated = quote_turn(seen, found.issue, "issue")

    cut = interruptions_in_issue(seen, found, thresholds["issue_end_tolerance_s"])
    if cut:
        turn = turn_at(seen, cut[0])
        return Verdict(
            "missed", "The agent cut the customer off while the issue was being stated.",
            (stated, quote_turn(seen, turn, "interruption")) if turn is not None else (stated,),
        )  # fmt: skip
    unheeded = _unheeded(seen, found)
    if unheeded:
        return unheeded

    understood = _understanding(seen, found)
    if understood:
        what = "clarifying question" if understood.id == "clarifying_question" else "restatement"
        return Verdict(
            "met", f"The agent showed understanding before the solution by a {what}.",
            (stated, quote(seen, understood, what)),
        )  # fmt: skip
    retention = seen.first("threatens_to_leave", start=found.issue, stop=found.response)
    if not seen.first("complaint") and not retention:
        return Verdict(
            "met", "The request was simple and complete as stated, and the agent let it be stated.",
            (stated,), INFERRED,
        )  # fmt: skip
    return Verdict(
        "partial", "The customer could speak, but no question or restatement came first.",
        (stated,), GUESSED,
    )  # fmt: skip


def interruptions_in_issue(seen: View, found: Occasion, tolerance_s: float) -> list[Interruption]:
    """The agent's competitive interruptions from the issue's first word to the first response.

    An interruption may itself be that response, so its start still counts as inside.
    """
    sound = seen.facts.sound
    if sound is None or not sound.overlap_measurable or found.issue is None:
        return []
    start = seen.turns[found.issue].start_s
    end = seen.turns[found.response].start_s if found.response is not None else None
    if start is None:
        return []
    return [
        i for i in sound.interruptions
        if i.by == "agent" and i.kind == "competitive" and i.at_s >= start
        and (end is None or i.at_s <= end + tolerance_s)
    ]  # fmt: skip


def turn_at(seen: View, cut: Interruption) -> int | None:
    """The agent's turn that interrupts; the interrupted turn where those words are not known."""
    return next(
        (
            i for i in (*seen.turns_of("agent"), *seen.turns_of("customer"))
            if (start := seen.turns[i].start_s) is not None
            and (end := seen.turns[i].end_s) is not None
            and start < cut.end_s and end > cut.start_s and seen.turns[i].text.strip()
        ),
        None,
    )  # fmt: skip


def _unheeded(seen: View, found: Occasion) -> Verdict | None:
    """Not heeding or doubting what was said, so that the customer must say it again."""
    assert found.issue is not None
    stated = quote_turn(seen, found.issue, "issue")
    doubted = seen.first("doubting", start=found.issue)
    if doubted:
        return Verdict(
            "missed", "The agent doubted what the customer said.",
            (stated, quote(seen, doubted, "doubt")),
        )  # fmt: skip
    reply = standing_violation(seen, ("agent_insult", "belittling"))
    again = seen.first("not_heard", start=found.issue + 1)
    if reply and found.response is not None and reply.turn <= found.response + REPLY_TURNS:
        return Verdict(
            "missed", "The agent brushed the issue aside instead of hearing it.",
            (stated, quote(seen, reply, "brushed aside")), INFERRED,
        )  # fmt: skip
    if again:
        return Verdict(
            "missed", "The customer had to say it again because it was not heeded.",
            (stated, quote(seen, again, "has to repeat")), INFERRED,
        )  # fmt: skip
    return None


def _understanding(seen: View, found: Occasion) -> Cue | None:
    """The first question about the issue or restatement up to the first solution."""
    assert found.issue is not None
    solved = seen.first("solution", start=(found.response or found.issue))
    stop = solved.turn + 1 if solved else None
    return seen.first("clarifying_question", "restatement", start=found.issue, stop=stop)

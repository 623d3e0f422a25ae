"""Listen first: was the customer let speak, and understood, before a solution came?"""

from pipeline.criteria.empathize import standing_violation
from pipeline.criteria.occasion import OPENING_TURNS, Occasion, occasion
from pipeline.criteria.overlaps import interruptions_in_issue, steady, turn_at
from pipeline.criteria.view import (
    GUESSED,
    HOSTILE,
    INFERRED,
    Thresholds,
    Verdict,
    View,
    place,
    place_of,
    quote,
    quote_turn,
)  # fmt: skip
from pipeline.records import Cue

THRESHOLDS = frozenset({"issue_end_tolerance_s"})
# Brushing aside counts as not listening in the first reply and in the one after it.
REPLY_TURNS = 2
INSISTS_WORDS = 3


def judge(seen: View, thresholds: Thresholds) -> Verdict:
    return steady(seen, lambda heard: _decide(heard, thresholds))


def _decide(seen: View, thresholds: Thresholds) -> Verdict:
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
            helped=f"Letting the customer finish {place(seen, found.issue)} before speaking.",
        )  # fmt: skip
    hasty = None if found.outbound else seen.first("solution", stop=min(found.issue, OPENING_TURNS))
    if hasty:
        return Verdict(
            "missed", "The agent proposed a solution before the customer had said what for.",
            (stated, quote(seen, hasty, "solution")),
            helped=f"Asking what the call is about {place(seen, hasty.turn)}.",
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
        helped=f"A question about the issue named {place(seen, found.issue)}, or saying it back, "
        "before offering anything.",
        absent=True,
    )  # fmt: skip


def _unheeded(seen: View, found: Occasion) -> Verdict | None:
    """Not heeding or doubting what was said, so that the customer must say it again."""
    assert found.issue is not None
    stated = quote_turn(seen, found.issue, "issue")
    doubted = seen.first("doubting", start=found.issue)
    if doubted and _said_again(seen, doubted.turn):
        return Verdict(
            "missed", "The agent doubted what the customer said.",
            (stated, quote(seen, doubted, "doubt")),
            helped=f"Taking the customer's word {place(seen, doubted.turn)}, and asking only what "
            "is needed to help.",
        )  # fmt: skip
    reply = standing_violation(seen, HOSTILE)
    again = seen.first("not_heard", start=found.issue + 1)
    if reply and found.response is not None and reply.turn <= found.response + REPLY_TURNS:
        return Verdict(
            "missed", "The agent brushed the issue aside instead of hearing it.",
            (stated, quote(seen, reply, "brushed aside")), INFERRED,
            helped=f"A question about the issue {place(seen, reply.turn)} instead of brushing it "
            "aside.",
        )  # fmt: skip
    if again:
        return Verdict(
            "missed", "The customer had to say it again because it was not heeded.",
            (stated, quote(seen, again, "has to repeat")), INFERRED,
            helped=f"Saying the issue back before {place(seen, again.turn)}, so that the customer "
            "need not repeat it.",
        )  # fmt: skip
    return None


def _said_again(seen: View, doubted: int) -> bool:
    """The customer's next turn after a doubt states it once more, or insists in a word or two."""
    return any(
        seen.has(turn, "not_heard", "complaint", "issue", "distress")
        or seen.word_count(turn) <= INSISTS_WORDS
        for turn in seen.turns_of("customer", doubted + 1)[:1]
    )


def _understanding(seen: View, found: Occasion) -> Cue | None:
    """The first question about the issue or restatement up to the first solution."""
    assert found.issue is not None
    solved = seen.first("solution", start=(found.response or found.issue))
    shown = seen.first("clarifying_question", "restatement", start=found.issue)
    return shown if shown and (not solved or place_of(shown) < place_of(solved)) else None

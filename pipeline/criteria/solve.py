"""Solve: did the customer get a solution, or a way towards one?"""

from dataclasses import replace

from pipeline.criteria.occasion import Occasion, occasion
from pipeline.criteria.view import (
    ABUSE,
    GUESSED,
    HOSTILE,
    INFERRED,
    Thresholds,
    Verdict,
    View,
    place,
    quote,
    quote_turn,
)  # fmt: skip
from pipeline.records import Cue, Evidence

THRESHOLDS: frozenset[str] = frozenset()


def judge(seen: View, _: Thresholds) -> Verdict:
    found = occasion(seen)
    if found.issue is None:
        return Verdict("not_applicable", "The customer stated no issue.", (), INFERRED)
    stated = quote_turn(seen, found.issue, "issue")
    return spare_abused(seen, _judge_issue(seen, found, found.issue, stated))


def _judge_issue(seen: View, found: Occasion, start: int, stated: Evidence) -> Verdict:
    if found.outbound and seen.first("wants_no_contact", start=start):
        return _judge_contact(seen, start, stated)
    offered = seen.all("solution", "alternative", "transfer", "contact_stopped", start=start)
    solutions = [c for c in offered if not seen.has(c.turn, *HOSTILE)]
    refusal = seen.last("refusal", start=start)
    hostile = seen.last(*HOSTILE, start=start)
    pleased = seen.last("satisfied", start=start + 1)
    hedged = seen.last("hedged", start=start)
    if solutions and not _refused_after(seen, refusal, solutions[-1]):
        shown = quote(seen, solutions[-1], "solution")
        grudging = hostile is not None and not pleased
        only_hedged = len(solutions) == 1 and seen.has(solutions[0].turn, "hedged") and not pleased
        if grudging or only_hedged:
            return Verdict(
                "partial", "A way out was only pointed at, hedged or grudging.",
                (stated, shown), INFERRED,
                helped=f"Starting it oneself {place(seen, solutions[-1].turn)}: a named action, "
                "done now.",
            )  # fmt: skip
        return Verdict(
            "met", "The agent settled the matter or set a concrete action in motion.",
            (stated, shown),
        )  # fmt: skip
    answer = seen.last("answer", start=start)
    weak = seen.last("vague_promise", start=start) or hedged
    if refusal and not weak:
        return Verdict(
            "missed", "The agent refused or did not know, and offered nothing instead.",
            (stated, quote(seen, refusal, "refusal")), INFERRED,
            helped=f"With the refusal {place(seen, refusal.turn)}, what is possible instead: "
            "another way, another person, another day.",
            absent=True,
        )  # fmt: skip
    if weak and not (answer and pleased):
        return Verdict(
            "partial", "The agent only promised in general terms; no action was named.",
            (stated, quote(seen, weak, "vague promise")), INFERRED,
            helped=f"A named action in place of the promise {place(seen, weak.turn)}: what is "
            "done, and by whom.",
            absent=True,
        )  # fmt: skip
    if hostile and not pleased:
        return Verdict(
            "missed", "The agent dismissed the issue and offered nothing.",
            (stated, quote(seen, hostile, "dismissal")), INFERRED,
            helped=f"An offer in place of the dismissal {place(seen, hostile.turn)}.",
        )  # fmt: skip
    content = answer or pleased
    if content:
        what = "answer" if answer else "customer is content"
        return Verdict(
            "met", "The agent answered the question.", (stated, quote(seen, content, what)), GUESSED
        )
    return Verdict(
        "missed", "Nothing was offered for the issue.", (stated,), GUESSED,
        helped=f"A fix, an answer or a named action for the issue {place(seen, start)}.",
        absent=True,
    )  # fmt: skip


def _judge_contact(seen: View, start: int, stated: Evidence) -> Verdict:
    """The issue of a person who does not want to be called is the calling itself."""
    stopped = seen.last("contact_stopped", start=start)
    if stopped:
        return Verdict(
            "met", "The agent honoured the wish not to be called.",
            (stated, quote(seen, stopped, "solution")),
        )  # fmt: skip
    return Verdict(
        "missed", "The customer wants no more calls, and the agent did nothing about it.",
        (stated,), INFERRED,
        helped=f"Taking the customer off the list, and saying so, after {place(seen, start)}.",
        absent=True,
    )  # fmt: skip


def spare_abused(seen: View, verdict: Verdict) -> Verdict:
    """Ending an abusive call after a warning is correct and never counts against the agent.

    A call in which the customer calms down after the warning has gone on.
    """
    abuse = seen.first(*ABUSE)
    warned = seen.last("abuse_warning", start=abuse.turn) if abuse else None
    ended = warned and all(seen.has(i, *ABUSE) for i in seen.turns_of("customer", warned.turn + 1))
    if ended and verdict.answer in ("missed", "partial"):
        return replace(
            verdict,
            answer="not_applicable",
            reason="The agent ended an abusive call after a warning.",
        )
    return verdict


def _refused_after(seen: View, refusal: Cue | None, solution: Cue) -> bool:
    """The last refusal stands: no solution and no alternative came with it or after it."""
    if refusal is None or solution.turn >= refusal.turn:
        return False
    if seen.first("alternative", "next_step", start=refusal.turn):
        return False
    # Something done before stays done, if the customer was content with it at the end.
    return seen.first("satisfied", start=refusal.turn + 1) is None

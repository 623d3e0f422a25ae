"""Positive language: no refusal without an alternative, no blame, no excuse."""

from pipeline.criteria.empathize import standing_violation
from pipeline.criteria.view import (
    INFERRED,
    PLAIN,
    Thresholds,
    Verdict,
    View,
    place,
    quote,
    quote_turn,
)  # fmt: skip
from pipeline.records import Cue

THRESHOLDS: frozenset[str] = frozenset()


def judge(seen: View, _: Thresholds) -> Verdict:
    said = standing_violation(seen, ("blame_customer", "blame_other", "excuse"))
    if said:
        kind = "excuse" if said.id == "excuse" else "blame"
        what = "made an excuse" if kind == "excuse" else "blamed somebody"
        return Verdict(
            "missed", f"The agent {what}.", (quote(seen, said, kind),),
            helped=f"What will be done, in place of the {kind} {place(seen, said.turn)}.",
        )  # fmt: skip
    wall = _wall(seen)
    if wall:
        return Verdict(
            "missed", "The agent refused and offered nothing instead.",
            (quote(seen, wall, "refusal without an alternative"),), INFERRED,
            helped=f"An alternative in the same breath as the refusal {place(seen, wall.turn)}.",
            absent=True,
        )  # fmt: skip
    agents = [i for i in seen.turns_of("agent") if not seen.is_token(i)]
    if not agents:
        return Verdict("cannot_tell", "The agent says nothing that could be judged.")
    return Verdict(
        "met", "No refusal without an alternative, no blame and no excuse.",
        (quote_turn(seen, max(agents, key=seen.word_count), "longest turn"),), PLAIN,
    )  # fmt: skip


def _wall(seen: View) -> Cue | None:
    """A refusal with no alternative in the same or the next agent turn."""
    for refusal in seen.all("refusal"):
        if seen.has(refusal.turn, "abuse_warning"):
            continue
        following = [i for i in seen.turns_of("agent", refusal.turn + 1) if not seen.is_token(i)]
        stop = following[0] + 1 if following else refusal.turn + 1
        if not seen.first("alternative", "solution", "transfer", start=refusal.turn, stop=stop):
            return refusal
    return None

"""Criteria that a rubric file declares itself, without any Python."""

from pydantic import BaseModel, ConfigDict, Field

from pipeline.criteria.conditions import Condition, Found, check
from pipeline.criteria.view import INFERRED, Verdict, View, quote, quote_turn
from pipeline.records import Evidence


class Rules(BaseModel):
    """When a declared criterion applies, and what meets it; what meets nothing is ``missed``.

    ``violated`` comes first, then ``met``, then ``partial``. ``helps`` is the sentence that tells
    the agent what would have met it.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    applies: Condition | None = None
    met: Condition
    partial: Condition | None = None
    violated: Condition | None = None
    helps: str = Field(min_length=1)


def judge(seen: View, rules: Rules) -> Verdict:
    """The answer by the rules of a declared criterion."""
    occasion = check(rules.applies, seen) if rules.applies else Found(True)
    if occasion.holds is None:
        return Verdict("cannot_tell", "Whether this was called for cannot be told.")
    if not occasion.holds:
        return Verdict("not_applicable", "The call gave no occasion for this.", (), INFERRED)
    shown = _shown(seen, occasion, "occasion")
    violated = check(rules.violated, seen) if rules.violated else Found(False)
    if violated.holds:
        return Verdict(
            "missed", "Something that this criterion forbids is there.",
            (*shown, *_shown(seen, violated, "violation")) or _somewhere(seen), helped=rules.helps,
        )  # fmt: skip
    met = check(rules.met, seen)
    if met.holds and violated.holds is not None:
        evidence = (*shown, *_shown(seen, met, "met here")) or _somewhere(seen)
        return Verdict("met", "What this criterion asks for is there.", evidence)
    partial = check(rules.partial, seen) if rules.partial else Found(False)
    if None in (violated.holds, met.holds) or (partial.holds is None and not met.holds):
        return Verdict("cannot_tell", "The recording does not give what this criterion measures.")
    if partial.holds:
        evidence = (*shown, *_shown(seen, partial, "half of it")) or _somewhere(seen)
        return Verdict(
            "partial", "Half of what this criterion asks for is there.", evidence, INFERRED,
            helped=rules.helps, absent=True,
        )  # fmt: skip
    return Verdict(
        "missed", "What this criterion asks for is not there.", shown or _somewhere(seen),
        INFERRED, helped=rules.helps, absent=True,
    )  # fmt: skip


def _shown(seen: View, found: Found, what: str) -> tuple[Evidence, ...]:
    return tuple(quote(seen, cue, what) for cue in found.cues[:2])


def _somewhere(seen: View) -> tuple[Evidence, ...]:
    """The agent's longest turn, for an answer that rests on no words in particular."""
    agents = [i for i in seen.turns_of("agent") if seen.turns[i].text.strip()]
    longest = max(agents, key=seen.word_count, default=None)
    return () if longest is None else (quote_turn(seen, longest, "in this call"),)

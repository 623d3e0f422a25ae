"""No talking over: the agent's competitive interruptions. Backchannels are never counted."""

from collections.abc import Sequence

from pipeline.criteria.occasion import occasion
from pipeline.criteria.overlaps import interruptions_in_issue, steady, turn_at
from pipeline.criteria.view import Thresholds, Verdict, View, quote_turn
from pipeline.records import Interruption
from pipeline.spans import clock

THRESHOLDS = frozenset({"issue_end_tolerance_s", "partial_up_to_count"})
# So many moments are named to the agent.
MOST_NAMED = 3


def judge(seen: View, thresholds: Thresholds) -> Verdict:
    return steady(seen, lambda heard: _decide(heard, thresholds))


def _decide(seen: View, thresholds: Thresholds) -> Verdict:
    sound = seen.facts.sound
    if sound is None:
        return Verdict("cannot_tell", "Interruptions cannot be heard in a transcript.")
    if not sound.overlap_measurable:
        return Verdict("cannot_tell", "Two voices at once cannot be told apart in this recording.")
    cuts = [i for i in sound.interruptions if i.by == "agent" and i.kind == "competitive"]
    if not cuts:
        customers = [i for i in seen.turns_of("customer") if not seen.is_token(i)]
        longest = max(customers, key=seen.word_count, default=None)
        if longest is None:
            return Verdict("cannot_tell", "The customer says nothing that could be talked over.")
        return Verdict(
            "met", "The agent never talked over the customer.",
            (quote_turn(seen, longest, "let speak"),),
        )  # fmt: skip
    at = [turn for cut in cuts if (turn := turn_at(seen, cut)) is not None]
    evidence = tuple(quote_turn(seen, turn, "competitive interruption") for turn in at)
    if not evidence:
        return Verdict("cannot_tell", "The words of the interruption are not in the transcript.")
    inside = interruptions_in_issue(seen, occasion(seen), thresholds["issue_end_tolerance_s"])
    if len(cuts) <= thresholds["partial_up_to_count"] and not inside:
        return Verdict(
            "partial", "The agent talked over the customer once.", evidence,
            helped=f"Waiting for the end of the customer's sentence {_when(cuts)}.",
        )  # fmt: skip
    count = f"{len(cuts)} times" if len(cuts) > 1 else "while the issue was being stated"
    return Verdict(
        "missed", f"The agent talked over the customer {count}.", evidence,
        helped=f"Waiting for the end of the customer's sentence {_when(cuts)}.",
    )  # fmt: skip


def _when(cuts: Sequence[Interruption]) -> str:
    """The moments of the first few interruptions."""
    times = [clock(cut.at_s) for cut in cuts[:MOST_NAMED]]
    return f"at {', '.join(times)}" + (" and later" if len(cuts) > MOST_NAMED else "")

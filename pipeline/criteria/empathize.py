"""Empathize: was the customer's feeling or situation acknowledged?"""

from pipeline.criteria.occasion import Occasion, occasion
from pipeline.criteria.view import (
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

THRESHOLDS: frozenset[str] = frozenset()

# "belittling", "doubting", … as the guide lists them.
VIOLATIONS = ("belittling", "doubting", "blame_customer", "calm_down", "agent_insult")
# An apology takes a violation back when it comes within so many turns.
FORGIVEN_WITHIN_TURNS = 4


def judge(seen: View, _: Thresholds) -> Verdict:
    found = occasion(seen)
    called_for = _cause(seen, found)
    cause = (quote_turn(seen, *called_for),) if called_for else ()
    # Some are, even where nothing else called for empathy.
    violation = standing_violation(seen, VIOLATIONS if called_for else HOSTILE)
    if violation:
        evidence = quote(seen, violation, violation.id.replace("_", " "))
        return Verdict(
            "missed", f"The agent's words made it worse ({violation.id.replace('_', ' ')}).",
            (*cause, evidence),
            helped=f"Other words {place(seen, violation.turn)}, such as one sentence that takes "
            "the customer's side, or an apology for them soon after.",
        )  # fmt: skip
    if called_for is None:
        return Verdict(
            "not_applicable", "There was no complaint and no sign of distress.", (), INFERRED
        )
    start = found.issue if found.issue is not None else 0
    said = seen.first("acknowledgement", "reassurance", start=start) or _answering(seen, found)
    if said:
        return Verdict(
            "met", "The agent acknowledged the customer's feeling or situation.",
            (*cause, quote(seen, said, "acknowledgement")),
        )  # fmt: skip
    turn, what = called_for
    return Verdict(
        "missed", "Nothing the agent said acknowledged the customer's feeling or situation.",
        cause, INFERRED,
        helped="One sentence that names what the customer feels or has been through, "
        f"after the {what} {place(seen, turn)}.",
        absent=True,
    )  # fmt: skip


def standing_violation(seen: View, kinds: tuple[str, ...] = VIOLATIONS) -> Cue | None:
    """The first violation that no apology took back in the same turn or soon after."""
    for cue in seen.all(*kinds):
        apologies = seen.all(
            "apology_for_issue", start=cue.turn, stop=cue.turn + 1 + FORGIVEN_WITHIN_TURNS
        )
        if not any(place_of(apology) > place_of(cue) for apology in apologies):
            return cue
    return None


def _cause(seen: View, found: Occasion) -> tuple[int, str] | None:
    """The turn that called for empathy, and why: complaint, words of distress, raised voice."""
    if found.complaints:
        return found.complaints[0].turn, "complaint"
    if found.distress:
        return found.distress[0].turn, "distress"
    for raised in seen.facts.sound.raised_voice if seen.facts.sound else ():
        if raised.role != "customer":
            continue
        for i in seen.turns_of("customer"):
            start, end = seen.turns[i].start_s, seen.turns[i].end_s
            if (
                start is not None
                and end is not None
                and start < raised.end_s
                and end > raised.start_s
            ):
                return i, "raised voice"
    return None


def _answering(seen: View, found: Occasion) -> Cue | None:
    """ "I understand" as the direct answer to a voiced problem or feeling."""
    voiced = {c.turn for c in (*found.complaints, *found.distress)}
    for cue in seen.all("understanding"):
        before = seen.turns_of("customer", stop=cue.turn)
        if before and before[-1] in voiced:
            return cue
    return None

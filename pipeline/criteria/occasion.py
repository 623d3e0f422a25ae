"""What a call gave occasion for: the issue, complaints, distress. Content judges start here."""

from dataclasses import dataclass

from pipeline.criteria.view import View
from pipeline.records import Cue

# A customer's turn of so many words that is not an answer to an identity check is taken as the
# issue where no cue names it; speech recognition garbles even the request itself.
ISSUE_WORDS = 4
# An outbound call says what it is for within the first turns.
OPENING_TURNS = 6
# Agent words without any cue count as a response to the substance from this length on.
SUBSTANCE_WORDS = 6

_SUBSTANCE = (
    "clarifying_question", "restatement", "acknowledgement", "reassurance", "apology_for_issue",
    "solution", "refusal", "blame_customer", "blame_other", "excuse", "belittling", "doubting",
    "calm_down", "agent_insult", "vague_promise", "answer",
)  # fmt: skip
_NOT_SUBSTANCE = ("greeting", "identity_check", "ask_repeat", "hold_announcement", "hold_thanks")


@dataclass(frozen=True, slots=True)
class Occasion:
    """``issue`` is the turn in which the customer first says what it is about; None without one.

    ``response`` is the agent's first turn about its substance, ``issue_turns`` are the customer's
    turns before that. ``complaints`` and ``distress`` are cues (raised voice is added by the
    judges that count it). ``outbound``: the agent rang the customer.
    """

    issue: int | None
    response: int | None
    issue_turns: tuple[int, ...]
    complaints: tuple[Cue, ...]
    distress: tuple[Cue, ...]
    outbound: bool


def occasion(seen: View) -> Occasion:
    """What this call gave occasion for."""
    outbound = is_outbound(seen)
    issue = _issue_turn(seen, outbound)
    response = None
    if issue is not None:
        response = next(
            (i for i in seen.turns_of("agent", issue + 1) if _is_substance(seen, i)), None
        )
    stop = len(seen.turns) if response is None else response
    issue_turns = tuple(seen.turns_of("customer", issue, stop)) if issue is not None else ()
    # To be called again against one's wish is one.
    kinds = ("complaint", "repeat_contact") if outbound else ("complaint",)
    complaints = [c for c in seen.all(*kinds) if not seen.has(c.turn, "third_party_harm")]
    distress = seen.all("distress", "third_party_harm", "abuse_insult", "abuse_profanity")
    return Occasion(issue, response, issue_turns, tuple(complaints), tuple(distress), outbound)


def is_outbound(seen: View) -> bool:
    """The agent rang: by the call's metadata, else by the agent's opening words."""
    if seen.facts.metadata.direction is not None:
        return seen.facts.metadata.direction == "outbound"
    opening = seen.first("outbound_opening", stop=OPENING_TURNS)
    if opening is None:
        return False
    customer_called = seen.first("inbound_opening", stop=opening.turn + 1)
    customer_began = seen.first("complaint", stop=opening.turn)
    taken_up = seen.first("restatement", stop=opening.turn)
    return not (customer_called or customer_began or taken_up)


def _issue_turn(seen: View, outbound: bool) -> int | None:
    if outbound:
        found = seen.first(
            "outbound_objection",
            "complaint",
            "repeat_contact",
            "third_party_harm",
            "abuse_insult",
            "abuse_profanity",
        )
        return found.turn if found else None
    named = seen.first("issue", "complaint", "third_party_harm")
    if named:
        return named.turn
    asked = False
    for i, turn in enumerate(seen.turns):
        if turn.role == "agent":
            asked = seen.has(i, "identity_check")
        elif turn.role == "customer" and not asked and seen.word_count(i) >= ISSUE_WORDS:
            return i
    return None


def _is_substance(seen: View, turn: int) -> bool:
    if seen.is_token(turn):
        return False
    if seen.has(turn, *_SUBSTANCE):
        return True
    return not seen.has(turn, *_NOT_SUBSTANCE) and seen.word_count(turn) >= SUBSTANCE_WORDS

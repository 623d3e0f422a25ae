"""Follow up: does the customer know what happens next, or that all is done?"""

from pipeline.criteria import solve
from pipeline.criteria.occasion import occasion
from pipeline.criteria.solve import spare_abused
from pipeline.criteria.view import (
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
# "Anything else?" leaves a step without time or manner open; one that was hardly named it does not.
SURELY_OPEN = 0.75


def judge(seen: View, _: Thresholds) -> Verdict:
    found = occasion(seen)
    if found.issue is None:
        return Verdict("not_applicable", "The customer stated no issue.", (), INFERRED)
    stated = quote_turn(seen, found.issue, "issue")
    unwanted = found.outbound and seen.first("wants_no_contact", start=found.issue)
    if unwanted and not seen.first("contact_stopped", start=found.issue):
        return Verdict(
            "missed", "Nothing says that the unwanted calls will end.", (stated,), INFERRED,
            helped="Saying that, and from when, no more calls will come.",
            absent=True,
        )  # fmt: skip
    # "Anything else?" confirms nothing where nothing was done.
    settled = solve.judge(seen, {}).answer != "missed"
    return spare_abused(seen, _judge_issue(seen, found.issue + 1, stated, settled))


def _judge_issue(seen: View, start: int, stated: Evidence, settled: bool) -> Verdict:
    steps = [
        c for c in seen.all("next_step", "transfer", start=start) if not seen.has(c.turn, *HOSTILE)
    ]
    for step in steps:
        when = _when(seen, step.turn)
        if when:
            return Verdict(
                "met", "The agent named the next step with a time or a manner.",
                (stated, quote(seen, step, "next step"), quote(seen, when, "time or manner")),
            )  # fmt: skip
    vague = seen.last("vague_promise", start=start)
    promised = steps[-1] if steps else vague
    asked = seen.first("asks_next", start=promised.turn) if promised else None
    if promised and asked:
        # One that the customer had to ask for is one too.
        reply = seen.turns_of("agent", asked.turn)[:1]
        told = _when(seen, reply[0]) if reply else None
        if told:
            return Verdict(
                "met", "The agent named the next step, and its time or manner when asked.",
                (stated, quote(seen, promised, "next step"), quote(seen, told, "time or manner")),
                INFERRED,
            )  # fmt: skip
        return Verdict(
            "missed", "The customer asked what happens next and got neither a time nor a manner.",
            (stated, quote(seen, promised, "next step")), INFERRED,
            helped=f"A time and a manner for the step named {place(seen, promised.turn)}, when the "
            "customer asked for it.",
            absent=True,
        )  # fmt: skip
    closing = seen.last("more_help", "recap", start=start)
    left_open = any(step.probability >= SURELY_OPEN for step in steps)
    if closing and settled and not left_open:
        return Verdict(
            "met", "The agent confirmed that the matter is finished or asked whether it is.",
            (stated, quote(seen, closing, "confirmation")), INFERRED,
        )  # fmt: skip
    waited = seen.last("just_wait", start=start)
    if waited and not steps:
        return Verdict(
            "missed", "The customer was only told to wait.",
            (stated, quote(seen, waited, "just wait")), INFERRED,
            helped=f"With the wait {place(seen, waited.turn)}, what will happen, by when, and how "
            "the customer will hear of it.",
            absent=True,
        )  # fmt: skip
    if promised:
        return Verdict(
            "partial", "The agent named a next step without a time or a manner.",
            (stated, quote(seen, promised, "next step")), INFERRED,
            helped=f"A time and a manner for the step named {place(seen, promised.turn)}: by when, "
            "and by call, email or text.",
            absent=True,
        )  # fmt: skip
    return Verdict(
        "missed", "The call ended without a next step or a confirmation that all is done.",
        (stated,), GUESSED,
        helped="Before the end, what happens next and when; or, if all is done, asking whether "
        "that settles it.",
        absent=True,
    )  # fmt: skip


def _when(seen: View, turn: int) -> Cue | None:
    """The time or the manner that a turn names for what comes next."""
    return seen.first(
        "time_named", "manner_named", "transfer_destination", start=turn, stop=turn + 1
    )

"""Hold handled well: announced, with a reason, and thanked for on return."""

from pipeline.criteria.view import Thresholds, Verdict, View, place, quote_turn
from pipeline.records import AnswerValue, Hold

THRESHOLDS = frozenset({"longest_hold_s", "most_holds_count"})


def judge(seen: View, thresholds: Thresholds) -> Verdict:
    sound = seen.facts.sound
    if sound is None:
        return Verdict(
            "cannot_tell", "Whether a hold happened, and how long, is not in a transcript."
        )
    if not sound.holds:
        return Verdict("not_applicable", "There was no hold.")
    holds = sound.holds
    turn = _turn_before(seen, holds[0])
    if turn is None:
        return Verdict("cannot_tell", "Nothing was said around the hold that could be judged.")

    def verdict(answer: AnswerValue, reason: str, hold: Hold, lacks: str = "") -> Verdict:
        near = _turn_before(seen, hold)
        at = turn if near is None else near
        helped = f"{lacks} {place(seen, at)}." if lacks else None
        return Verdict(answer, reason, (quote_turn(seen, at, "hold"),), helped=helped)

    for hold in holds:
        if not hold.announced:
            return verdict(
                "missed",
                "A hold came without announcement.",
                hold,
                "Asking before the hold, with the reason and how long it takes,",
            )
    for hold in holds:
        if hold.duration_s > thresholds["longest_hold_s"]:
            return verdict(
                "missed",
                f"A hold lasted {_length(hold)} without an update.",
                hold,
                "Coming back within two minutes with an update, or offering a callback,",
            )
    times = sum(not hold.continued for hold in holds)
    if times > thresholds["most_holds_count"]:
        return verdict(
            "missed",
            f"The customer was put on hold {times} times.",
            holds[-1],
            "One hold for everything, or a callback, instead of one more hold",
        )
    lacking = [h for h in holds if not (h.reason_given and h.thanked)]
    if not lacking:
        return verdict("met", "Every hold was announced, explained and thanked for.", holds[0])
    if any(not h.reason_given and not h.thanked for h in lacking):
        return verdict(
            "missed",
            "A hold was announced, but neither explained nor thanked for.",
            lacking[0],
            "Saying why, and thanking for the wait after the hold",
        )
    what = "thanked for" if lacking[0].reason_given else "explained"
    lacks = (
        "Thanking for the wait after the hold"
        if lacking[0].reason_given
        else ("Saying what the hold is for")
    )
    return verdict("partial", f"A hold was announced but not {what}.", lacking[0], lacks)


def _length(hold: Hold) -> str:
    """How long a hold took, and was said to take."""
    took = f"{hold.duration_s:.0f} s"
    return took if hold.promised_s is None else f"{took} ({hold.promised_s:.0f} s were promised)"


def _turn_before(seen: View, hold: Hold) -> int | None:
    """The agent's last turn that starts before the hold, else the first one after it."""
    turns = [
        i for i in seen.turns_of("agent")
        if seen.turns[i].start_s is not None and seen.turns[i].text.strip()
    ]  # fmt: skip
    before = [i for i in turns if (seen.turns[i].start_s or 0.0) <= hold.start_s]
    if before:
        return before[-1]
    return turns[0] if turns else None

"""Facts for the review queue. They never count against the agent."""

from pipeline.criteria.view import ABUSE, View, quote, quote_turn
from pipeline.records import Evidence, Flag, Role
from pipeline.rubric_file import Flags

# Which cues raise which flag, in the order reported.
FROM_WORDS = {
    "abusive_customer": ABUSE,
    "repeat_contact": ("repeat_contact",),
    "asks_manager": ("asks_manager",),
    "threatens_to_leave": ("threatens_to_leave",),
    "threatens_action": ("threatens_action",),
}


def find_flags(seen: View, limits: Flags, score: float | None) -> tuple[Flag, ...]:
    """Every flag of a call with its evidence."""
    flags = []
    for name, cues in FROM_WORDS.items():
        found = seen.all(*cues)
        if found:
            flags.append(Flag(name, tuple(quote(seen, cue, name) for cue in found)))
    sound = seen.facts.sound
    roles: tuple[Role, ...] = ("agent", "customer")
    for role in roles:
        raised = [r for r in sound.raised_voice if r.role == role] if sound else []
        if raised:
            spoken = tuple(
                e for r in raised for e in _spoken(seen, role, r.start_s, r.end_s, "raised voice")
            )
            flags.append(Flag(f"{role}_raised_voice", spoken))
    long_holds = [h for h in sound.holds if h.duration_s > limits.long_hold_s] if sound else []
    if long_holds:
        before = tuple(
            e
            for h in long_holds
            for e in _spoken(seen, "agent", h.start_s - 1.0, h.start_s, "hold")
        )
        flags.append(Flag("long_hold", before))
    if score is not None and score < limits.low_score_below:
        flags.append(Flag("low_score"))
    return tuple(flags)


def _spoken(seen: View, role: Role, start_s: float, end_s: float, what: str) -> list[Evidence]:
    """The turns of a role within a stretch of time."""
    return [
        quote_turn(seen, i, what)
        for i in seen.turns_of(role)
        if (start := seen.turns[i].start_s) is not None
        and (end := seen.turns[i].end_s) is not None
        and start < end_s and end > start_s and seen.turns[i].text.strip()
    ]  # fmt: skip

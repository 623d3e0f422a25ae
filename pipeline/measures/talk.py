"""How long and how fast each side talks."""

from pipeline.records import Role, Talk, Turn
from pipeline.spans import Spans, intersection, total_s, union


def measure(speech: dict[Role, Spans], turns: tuple[Turn, ...], duration_s: float) -> Talk:
    """Talk time of agent and customer, their overlap, the silence of both, words per minute.

    Pace counts a side's words over its own speech, pauses of :mod:`pipeline.activity` included.
    """
    agent, customer = speech.get("agent", ()), speech.get("customer", ())
    anybody = union(*speech.values())
    return Talk(
        agent_s=total_s(agent),
        customer_s=total_s(customer),
        overlap_s=total_s(intersection(agent, customer)),
        silence_s=max(0.0, duration_s - total_s(anybody)),
        agent_wpm=_pace(turns, "agent", total_s(agent)),
        customer_wpm=_pace(turns, "customer", total_s(customer)),
    )


def _pace(turns: tuple[Turn, ...], role: Role, speech_s: float) -> int | None:
    words = sum(len(turn.text.split()) for turn in turns if turn.role == role)
    return round(60 * words / speech_s) if speech_s else None

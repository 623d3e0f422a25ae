"""Stayed composed: the agent's voice is not raised, and the agent insults nobody."""

from pipeline.criteria.view import Thresholds, Verdict, View, place, quote, quote_turn

THRESHOLDS = frozenset({"raised_voice_s"})


def judge(seen: View, thresholds: Thresholds) -> Verdict:
    insult = seen.first("agent_insult")
    if insult:
        return Verdict(
            "missed", "The agent insulted or swore at the customer.",
            (quote(seen, insult, "insult"),),
            helped=f"Leaving out the insult {place(seen, insult.turn)}; an abusive call may be "
            "ended after a warning instead.",
        )  # fmt: skip
    sound = seen.facts.sound
    if sound is None or "agent" not in sound.effort_measurable:
        return Verdict("cannot_tell", "Whether the agent's voice was raised could not be measured.")
    raised = [
        r for r in sound.raised_voice
        if r.role == "agent" and r.end_s - r.start_s >= thresholds["raised_voice_s"]
    ]  # fmt: skip
    for stretch in raised:
        for i in seen.turns_of("agent"):
            start, end = seen.turns[i].start_s, seen.turns[i].end_s
            if start is None or end is None or not seen.turns[i].text.strip():
                continue
            if start < stretch.end_s and end > stretch.start_s:
                return Verdict(
                    "missed", "The agent's voice was raised.",
                    (quote_turn(seen, i, "raised voice"),),
                    helped=f"The same words in a calm voice {place(seen, i)}.",
                )  # fmt: skip
    if raised:
        return Verdict("cannot_tell", "The words of the raised voice are not in the transcript.")
    agents = [i for i in seen.turns_of("agent") if not seen.is_token(i)]
    if not agents:
        return Verdict("cannot_tell", "The agent says nothing that could be judged.")
    return Verdict(
        "met", "The agent's voice stayed calm and nobody was insulted.",
        (quote_turn(seen, max(agents, key=seen.word_count), "calm throughout"),),
    )  # fmt: skip

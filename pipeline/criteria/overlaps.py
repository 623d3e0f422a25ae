"""Interruptions as the judges see them: where they fall, and what hangs on their exact borders."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.criteria.occasion import Occasion
from pipeline.criteria.view import GUESSED, Verdict, View
from pipeline.records import Interruption


def steady(seen: View, decide: Callable[[View], Verdict]) -> Verdict:
    """A verdict that says so, and is less sure, where it hangs on the accuracy of speech borders.

    ``decide`` is asked again with the certain interruptions alone, and with the possible ones too.
    """
    verdict = decide(seen)
    sound = seen.facts.sound
    if sound is None or not sound.overlap_measurable:
        return verdict
    fewest = tuple(i for i in sound.interruptions if i.certain)
    most = (*sound.interruptions, *sound.possible_interruptions)
    unlike = {fewest, most} - {sound.interruptions}
    others = {decide(_with(seen, i)).answer for i in unlike} - {verdict.answer}
    if not others:
        return verdict
    reason = (
        f"{verdict.reason.rstrip('.')}; speech borders are exact to "
        f"{sound.border_accuracy_s:g} s, and within that it could be {' or '.join(sorted(others))}."
    )
    return replace(
        verdict, reason=reason, confidence=min(verdict.confidence, GUESSED), wavering=True
    )


def _with(seen: View, interruptions: Sequence[Interruption]) -> View:
    sound = seen.facts.sound
    assert sound is not None
    heard = replace(sound, interruptions=tuple(interruptions))
    return replace(seen, facts=replace(seen.facts, sound=heard))


def interruptions_in_issue(seen: View, found: Occasion, tolerance_s: float) -> list[Interruption]:
    """The agent's competitive interruptions from the issue's first word to the first response.

    An interruption may itself be that response, so its start still counts as inside.
    """
    sound = seen.facts.sound
    if sound is None or not sound.overlap_measurable or found.issue is None:
        return []
    start = seen.turns[found.issue].start_s
    end = seen.turns[found.response].start_s if found.response is not None else None
    if start is None:
        return []
    return [
        i for i in sound.interruptions
        if i.by == "agent" and i.kind == "competitive" and i.at_s >= start
        and (end is None or i.at_s <= end + tolerance_s)
    ]  # fmt: skip


def turn_at(seen: View, cut: Interruption) -> int | None:
    """The agent's turn that interrupts; the interrupted turn where those words are not known."""
    return next(
        (
            i for i in (*seen.turns_of("agent"), *seen.turns_of("customer"))
            if (start := seen.turns[i].start_s) is not None
            and (end := seen.turns[i].end_s) is not None
            and start < cut.end_s and end > cut.start_s and seen.turns[i].text.strip()
        ),
        None,
    )  # fmt: skip

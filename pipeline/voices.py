"""A call as voices: what each of them says and when, before anybody knows who is the agent."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.records import Span, Turn, Word
from pipeline.spans import Spans, close_gaps, overlap_s, touching
from pipeline.turn_taking import goes_on

PROMPT, COLLEAGUE = THIRD_PARTIES = ("prompt", "colleague")
"""Labels of machines and of a second agent: nobody's role but ``other``."""

UTTERANCE_PAUSE_S = 0.7
"""A pause this long ends an utterance. Pauses inside turns are mostly shorter, gaps between turns
have their median near 0.2 s (Heldner & Edlund 2010), but a new voice ends a turn anyhow."""

TURN_PAUSE_S = 3.0
"""After a silence this long the same voice starts a new turn: before and after a hold are two."""


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice of a call. ``speech`` may overlap other voices' speech."""

    label: str
    speech: Spans
    words: tuple[Word, ...]


def share_out(words: Sequence[Word], speech: dict[str, Spans]) -> list[Voice]:
    """Give each word to the voice that speaks most of it (the nearest where none does)."""
    taken: dict[str, list[Word]] = {label: [] for label in speech}
    for word in words:
        taken[max(speech, key=lambda label: _closeness(word, speech[label]))].append(word)
    return [Voice(label, spans, tuple(taken[label])) for label, spans in speech.items()]


def take_turns(voices: Sequence[Voice]) -> list[tuple[str, Turn]]:
    """The turns of a call with the voice that takes each, in order of their start.

    A voice's words become utterances at its pauses; utterances of one voice that nobody comes
    between become one turn. A backchannel inside an utterance stands after it and does not cut it.
    """
    spoken = sorted(
        ((voice.label, utterance) for voice in voices for utterance in utterances(voice)),
        key=lambda item: (item[1][0].start_s, item[1][-1].end_s),
    )
    merged: list[tuple[str, list[Word]]] = []
    for label, utterance in spoken:
        at = goes_on([(last, text_of(words)) for last, words in merged[-2:]], label)
        if at is not None and utterance[0].start_s - merged[at][1][-1].end_s < TURN_PAUSE_S:
            merged[at][1].extend(utterance)
        else:
            merged.append((label, list(utterance)))
    speech = {voice.label: close_gaps(voice.speech, UTTERANCE_PAUSE_S) for voice in voices}
    return [(label, _turn(words, speech[label])) for label, words in merged]


def text_of(words: Iterable[Word]) -> str:
    return " ".join(word.text for word in words)


def utterances(voice: Voice) -> list[list[Word]]:
    """A voice's words, cut at its pauses."""
    cut: list[list[Word]] = []
    for word in voice.words:
        if cut and word.start_s - cut[-1][-1].end_s < UTTERANCE_PAUSE_S:
            cut[-1].append(word)
        else:
            cut.append([word])
    return cut


def _turn(words: Sequence[Word], speech: Spans) -> Turn:
    """A turn from first to last sound: the speech under its edge words, not their stamps."""
    start_s, end_s = words[0].start_s, words[-1].end_s
    for span in touching(speech, Span(words[0].start_s, words[0].end_s)):
        start_s = min(start_s, max(span.start_s, start_s - UTTERANCE_PAUSE_S))
    for span in touching(speech, Span(words[-1].start_s, words[-1].end_s)):
        end_s = max(end_s, min(span.end_s, end_s + UTTERANCE_PAUSE_S))
    return Turn("unknown", text_of(words), start_s, end_s, tuple(words))


def _closeness(word: Word, speech: Spans) -> float:
    """Seconds of the word that the voice speaks; negative distance where it speaks none of it."""
    shared = overlap_s(Span(word.start_s, word.end_s), speech)
    if shared > 0 or not speech:
        return shared if speech else float("-inf")
    next_at = bisect_left(speech, word.start_s, key=lambda s: s.start_s)
    around = speech[max(0, next_at - 1) : next_at + 1]
    return -min(max(s.start_s - word.end_s, word.start_s - s.end_s) for s in around)

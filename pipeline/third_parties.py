"""Who else is on the line: a machine before the call, a second agent after a transfer.

Neither is the agent or the customer, and their words count for nobody. Both speak on the channel
(or, on mono, in the voice) of a party, so they are told by what is said: a machine by its menus and
queue formulas before two people have spoken, a colleague by introducing themselves after a
transfer was announced. Queue prompts inside hold music are found by their sound
(:mod:`pipeline.activity`).
"""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.cues import CueSet
from pipeline.records import Span, Turn, Word
from pipeline.spans import intersection, union
from pipeline.voices import COLLEAGUE, PROMPT, THIRD_PARTIES, Voice, utterances

MIN_HANDOVER_S = 1.5
"""A colleague picks up this long after the transfer was announced, at the earliest."""

REPLY_WORDS = 2
"""One word to a machine ("billing") is no conversation yet."""

Said = tuple[str, list[Word]]


def set_apart(voices: Sequence[Voice], cues: CueSet) -> list[Voice]:
    """The voices, with the words and speech of machines and colleagues as voices of their own."""
    end_s = max((span.end_s for voice in voices for span in voice.speech), default=0.0)
    found = list(voices)
    machine = _machine(_said(found), cues)
    if machine is not None:
        label, until_s = machine
        found = _move(found, label, Span(0.0, until_s), PROMPT)
    colleague = _colleague(_said(found), cues)
    if colleague is not None:
        label, from_s = colleague
        found = _move(found, label, Span(from_s, end_s), COLLEAGUE)
    return found


def _said(voices: Sequence[Voice]) -> list[Said]:
    """Every utterance of the parties with its voice, in order of time."""
    said = [
        (voice.label, words)
        for voice in voices
        if voice.label not in THIRD_PARTIES
        for words in utterances(voice)
    ]
    return sorted(said, key=lambda item: item[1][0].start_s)


def _machine(said: Sequence[Said], cues: CueSet) -> tuple[str, float] | None:
    """The voice that a machine opens the call in, and until when."""
    opening = []
    for label, words in said:
        if label != said[0][0] and len(words) >= REPLY_WORDS:
            break
        opening.append((label, words))
    own = [(words, _is_machine(words, cues)) for label, words in opening if label == said[0][0]]
    last = max((number for number, (_, is_machine) in enumerate(own) if is_machine), default=None)
    if last is None:
        return None
    ends_s = own[last][0][-1].end_s
    later = [words[0].start_s for label, words in said
             if label == said[0][0] and words[0].start_s > ends_s]  # fmt: skip
    return said[0][0], (ends_s + min(later)) / 2 if later else ends_s


def _colleague(said: Sequence[Said], cues: CueSet) -> tuple[str, float] | None:
    """The voice in which a second agent takes over, and from when."""
    announced: dict[str, float] = {}
    last_end_s: dict[str, float] = {}
    for label, words in said:
        start_s = words[0].start_s
        handed_over = start_s - announced.get(label, start_s) >= MIN_HANDOVER_S
        if handed_over and _has(cues, "introduction", words):
            return label, (last_end_s[label] + start_s) / 2
        if _has(cues, "transfer", words):
            announced[label] = words[-1].end_s
        last_end_s[label] = words[-1].end_s
    return None


def _is_machine(words: Sequence[Word], cues: CueSet) -> bool:
    """People say a queue's formulas too, but in one breath with who they are."""
    return _has(cues, "machine_talk", words) and not _has(cues, "introduction", words)


def _has(cues: CueSet, name: str, words: Sequence[Word]) -> bool:
    text = " ".join(word.text for word in words)
    return cues.count(name, [Turn("unknown", text)]) > 0


def _move(voices: Sequence[Voice], label: str, time: Span, to: str) -> list[Voice]:
    """Gives what a voice says in a stretch of time to another, which is made if it is missing."""
    source = next(voice for voice in voices if voice.label == label)
    target = next((voice for voice in voices if voice.label == to), Voice(to, (), ()))

    def inside(word: Word) -> bool:
        return time.start_s <= (word.start_s + word.end_s) / 2 <= time.end_s

    before, after = Span(0.0, time.start_s), Span(time.end_s, float("inf"))
    changed = {
        label: replace(
            source,
            speech=intersection(source.speech, (before, after)),
            words=tuple(word for word in source.words if not inside(word)),
        ),
        to: replace(
            target,
            speech=union(target.speech, intersection(source.speech, (time,))),
            words=tuple(
                sorted(
                    (*target.words, *filter(inside, source.words)), key=lambda word: word.start_s
                )
            ),
        ),
    }
    others = [voice for voice in voices if voice.label not in changed]
    return [*others, *changed.values()]

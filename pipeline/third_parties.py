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

GOODBYE_WORDS = 12
"""An agent who says more than this after announcing a transfer has not gone."""

MENU_SENTENCES = 2
"""An agent may greet with one formula of a queue ("your call is important"); a menu has more."""

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
    if not said:
        return None
    first = said[0][0]
    formulas: list[float] = []  # where each sentence of a machine ends
    for label, words in said:
        if label != first:
            if len(words) >= REPLY_WORDS:
                break
            continue
        sentences = _sentences(words)
        spoken = [s[-1].end_s for s in sentences if _has(cues, "machine_talk", s)]
        if not any(_is_person(s, cues) for s in sentences):
            formulas += spoken
            continue
        # The agent picks up in the same breath, or says a formula as people do, too.
        if len(formulas + spoken) >= MENU_SENTENCES:
            formulas += spoken
        break
    else:
        return None  # nobody answers: who speaks alone may be anybody
    if not formulas:
        return None
    ends_s = formulas[-1]
    words_of_voice = [word for label, words in said if label == first for word in words]
    later = [word.start_s for word in words_of_voice if word.start_s >= ends_s]
    return first, (ends_s + min(later)) / 2 if later else ends_s


def _sentences(words: Sequence[Word]) -> list[list[Word]]:
    """An utterance, cut after its full stops and question marks."""
    cut: list[list[Word]] = [[]]
    for word in words:
        cut[-1].append(word)
        if word.text.endswith((".", "?", "!")):
            cut.append([])
    return [sentence for sentence in cut if sentence]


def _colleague(said: Sequence[Said], cues: CueSet) -> tuple[str, float] | None:
    """The voice in which a second agent takes over, and from when."""
    announced: dict[str, tuple[float, int]] = {}  # when, and words said in the voice since
    last_end_s: dict[str, float] = {}
    for label, words in said:
        start_s, end_s = words[0].start_s, words[-1].end_s
        if label in announced:
            when_s, since = announced[label]
            if start_s - when_s >= MIN_HANDOVER_S and _has(cues, "introduction", words):
                return label, (last_end_s[label] + start_s) / 2
            if since + len(words) > GOODBYE_WORDS:
                del announced[label]  # the agent stayed
            else:
                announced[label] = when_s, since + len(words)
        if _has(cues, "transfer", words):
            announced[label] = end_s, 0
        last_end_s[label] = end_s
    return None


def _is_person(words: Sequence[Word], cues: CueSet) -> bool:
    """People say a queue's formulas too, but they say who they are, or ask what they can do."""
    return _has(cues, "introduction", words) or _has(cues, "service_question", words)


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

"""All measures of a call's sound, brought together."""

from collections.abc import Mapping, Sequence

from pipeline.audio import Recording
from pipeline.measures import holds, interruptions, raised_voice, talk
from pipeline.records import Cue, RaisedVoice, Role, Sound, Turn, Word
from pipeline.separate import SIDES
from pipeline.spans import Spans, total_s, union, without
from pipeline.voices import Voice

PARTIES: tuple[Role, Role] = ("agent", "customer")


def measure(
    recording: Recording,
    voices: Sequence[Voice],
    role_of: Mapping[str, Role],
    turns: tuple[Turn, ...],
    cues: Sequence[Cue],
    music: Spans,
) -> Sound:
    """Everything measured, by role."""
    speech: dict[Role, Spans] = {}
    words: dict[Role, list[Word]] = {}
    for voice in voices:
        role = role_of[voice.label]
        speech[role] = union(speech.get(role, ()), voice.speech)
        words.setdefault(role, []).extend(voice.words)
    on_hold, dead_air = holds.measure(_conversation(voices, role_of), music, cues, turns)
    raised, measurable = _raised(recording, voices, role_of)
    return Sound(
        interruptions=interruptions.measure(speech, words),
        holds=on_hold,
        dead_air=dead_air,
        raised_voice=raised,
        talk=talk.measure(speech, turns, recording.duration_s),
        effort_measurable=measurable,
    )


def speech_s(voices: Sequence[Voice], role_of: Mapping[str, Role]) -> float:
    """Seconds in which a person of the call speaks."""
    return total_s(_conversation(voices, role_of))


def _conversation(voices: Sequence[Voice], role_of: Mapping[str, Role]) -> Spans:
    return union(*(v.speech for v in voices if role_of[v.label] != "other"))


def _raised(
    recording: Recording, voices: Sequence[Voice], role_of: Mapping[str, Role]
) -> tuple[tuple[RaisedVoice, ...], tuple[Role, ...]]:
    """Raised voices, and the parties whose voice could be judged at all."""
    raised: list[RaisedVoice] = []
    measurable: list[Role] = []
    for voice in voices:
        role = role_of[voice.label]
        if role not in PARTIES or "clipped" in recording.warnings:
            continue  # clipping adds the high frequencies that effort is read from
        others = union(*(v.speech for v in voices if v is not voice))
        if voice.label in SIDES:
            signal, alone = recording.samples[SIDES.index(voice.label)], voice.speech
        else:
            signal, alone = recording.samples[0], without(voice.speech, others)
        found = raised_voice.measure(role, signal, alone)
        if found is not None:
            measurable.append(role)
            raised += found
    return tuple(sorted(raised, key=lambda r: (r.start_s, r.role))), tuple(measurable)

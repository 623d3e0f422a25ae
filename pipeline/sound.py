"""All measures of a call's sound, brought together."""

from collections.abc import Mapping, Sequence

from pipeline.audio import Recording
from pipeline.durations import Durations
from pipeline.measures import escalation, holds, interruptions, raised_voice, talk
from pipeline.records import PARTIES, Cue, RaisedVoice, Role, Sound, Span, Turn, Word
from pipeline.separate import SIDES
from pipeline.spans import Spans, total_s, union, without
from pipeline.voices import PROMPT, Voice

BORDER_ACCURACY_S = {2: 0.05, 1: 0.25}
"""How exact speech borders are, by the number of separate channels: five frames of the speech map
on stereo; on mono two thirds of published diarization borders lie within 0.25 s."""


def measure(
    recording: Recording,
    voices: Sequence[Voice],
    role_of: Mapping[str, Role],
    turns: tuple[Turn, ...],
    cues: Sequence[Cue],
    music: Spans,
    durations: Durations | None,
) -> Sound:
    """Everything measured, by role. ``durations`` reads how long a hold was said to take."""
    speech: dict[Role, Spans] = {}
    words: dict[Role, list[Word]] = {}
    for voice in voices:
        role = role_of[voice.label]
        speech[role] = union(speech.get(role, ()), voice.speech)
        words.setdefault(role, []).extend(voice.words)
    on_hold, dead_air = holds.measure(_conversation(voices), music, cues, turns, durations)
    raised, measurable = _raised(recording, voices, role_of)
    accuracy_s = BORDER_ACCURACY_S[len(recording.samples)]
    events, possible = interruptions.measure(
        speech, words, jitter_s=accuracy_s, moves=_moves(turns, cues)
    )
    return Sound(
        interruptions=events,
        possible_interruptions=possible,
        border_accuracy_s=accuracy_s,
        holds=on_hold,
        dead_air=dead_air,
        raised_voice=raised,
        talk=talk.measure(speech, turns, recording.duration_s),
        effort_measurable=measurable,
        escalation=escalation.measure(raised, measurable, speech),
    )


def _moves(turns: Sequence[Turn], cues: Sequence[Cue]) -> interruptions.Moves:
    """Where each side says what settles an overlap."""
    said: dict[tuple[str, Role], list[Span]] = {}
    for cue in cues:
        if cue.start_s is not None and cue.end_s is not None:
            spans = said.setdefault((cue.id, turns[cue.turn].role), [])
            spans.append(Span(cue.start_s, cue.end_s))

    def of(name: str) -> dict[Role, Spans]:
        return {party: tuple(said.get((name, party), ())) for party in PARTIES}

    return interruptions.Moves(gives_floor=of("gives_floor"), confirms=of("confirms"))


def speech_s(voices: Sequence[Voice]) -> float:
    """Seconds in which a person speaks, a second agent included."""
    return total_s(_conversation(voices))


def _conversation(voices: Sequence[Voice]) -> Spans:
    return union(*(voice.speech for voice in voices if voice.label != PROMPT))


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

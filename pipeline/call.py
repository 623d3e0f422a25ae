"""THE path of a call, top to bottom: recording -> facts -> scorecard."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline import activity, audio, findings, roles, separate, sound, third_parties
from pipeline.activity import SoundMap
from pipeline.cues import cues_folder, load_cues
from pipeline.engines import SpeechEngines
from pipeline.records import CallFacts, CallResult, Metadata, Move, SecondOpinion, Turn
from pipeline.rounding import rounded
from pipeline.rubric import Rubric
from pipeline.score import score
from pipeline.second_opinion import beside
from pipeline.separate import Separation
from pipeline.spans import union
from pipeline.tagger import load_tagger
from pipeline.transcribe import Transcript
from pipeline.voices import take_turns


def listen(path: Path, metadata: Metadata, engines: SpeechEngines) -> CallFacts:
    """Everything that can be heard in a recording: the words, who says them, how it sounds.

    Raises
    ------
    RecordingError
        The recording cannot be scored; the message names it and the remedy.
    ModelError
        A speech model is missing or cannot run here.
    """
    recording = audio.load(path, max_duration_s=engines.settings.max_duration_s)
    with ThreadPoolExecutor(engines.threads) as at_once:
        maps = list(at_once.map(activity.listen, recording.samples))
    parts, script = _take_apart(recording.samples, maps, engines, metadata.language)
    voices = parts.voices(script.channels)
    cue_set = load_cues(script.language) if script.language else None
    if cue_set is not None:
        voices = third_parties.set_apart(voices, cue_set)
    said = take_turns(voices)
    cast = roles.cast(voices, said, metadata, cue_set)
    turns = tuple(replace(turn, role=cast.role_of[voice]) for voice, turn in said)
    moves = read_moves(turns, script.language)
    cues = cue_set.find(turns) if cue_set else ()
    facts = CallFacts(
        metadata=metadata,
        turns=turns,
        engines=engines.names(len(maps)),
        language=script.language,
        recording_sha256=recording.sha256,
        duration_s=recording.duration_s,
        channels=recording.channels,
        sound=sound.measure(
            recording,
            voices,
            cast.role_of,
            turns,
            cues,
            parts.music,
            durations=cue_set.durations if cue_set else None,
        ),
        speech_s=sound.speech_s(voices),
        roles_confidence=cast.confidence,
        moves=moves,
        warnings=recording.warnings + parts.warnings,
    )
    doubts = findings.doubts(facts, voices, script, language_known=cue_set is not None)
    return rounded(replace(facts, warnings=facts.warnings + doubts))


def _take_apart(
    samples: np.ndarray, maps: Sequence[SoundMap], engines: SpeechEngines, language: str | None
) -> tuple[Separation, Transcript]:
    """The voices of a call, and the words of each channel [samples: shape=(channels, n)]."""
    recognise = engines.transcriber.transcribe
    if len(maps) == 2:
        parts = separate.by_channel(samples, maps)
        return parts, recognise(samples, parts.to_recognise(), language)
    with ThreadPoolExecutor(1) as meanwhile:
        # To load it takes as long as to recognise a call of five minutes.
        loading = meanwhile.submit(engines.diarizer.load) if maps[0].speech else None
        script = recognise(samples, [union(maps[0].speech, maps[0].prompts)], language)
        if loading is not None:
            loading.result()
    return separate.by_diarization(samples[0], maps[0], engines.diarizer), script


def read_moves(turns: Sequence[Turn], language: str | None) -> tuple[Move, ...] | None:
    """What the words of a call mean, by the tagger of its language; None where there is none."""
    tagger = load_tagger(cues_folder(language)) if language else None
    return tagger.find(turns) if tagger else None


def judge(
    facts: CallFacts, rubric: Rubric, second_opinion: SecondOpinion | None = None
) -> CallResult:
    """Score what was heard. No model: the same facts and rubric give the same result.

    A second opinion that differs only adds a flag: it never changes an answer.
    """
    card = score(facts, rubric)
    if second_opinion is not None:
        card = beside(card, second_opinion)
    return CallResult(facts, card, second_opinion)

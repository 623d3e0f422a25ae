"""The ways from a recording to words and speakers that are timed against each other.

Each loads its models and gives a function that takes a recording. Two channels are recognised one
after the other, as a user of the library would.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np

from pipeline import activity, audio, call, models, separate
from pipeline.batch import Batch, score_one
from pipeline.device import choose_device
from pipeline.engines import SpeechEngines
from pipeline.find import find_recordings
from pipeline.records import CallFacts, Metadata
from pipeline.rubric import load_rubrics
from pipeline.settings import Settings
from pipeline.store import Store
from tests.bench.speed.recordings import Spoken

if TYPE_CHECKING:
    from pyannote.audio.pipelines import SpeakerDiarization

MONO_SPEAKERS = 2
LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a recording: the words of each channel, and who speaks when on a mono one."""

    words: tuple[str, ...]
    spoken: tuple[Spoken, ...] = ()


Hear = Callable[[Path], Heard]


def faster_whisper(*, batched: bool) -> Hear:
    """The recogniser alone, with word times, on all that its own defaults let through."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    device = choose_device("auto").name
    precision = "float16" if device == "cuda" else "int8"
    model = WhisperModel(
        str(models.whisper_dir()),
        device=device,
        compute_type=precision,
        cpu_threads=os.cpu_count() or 1,
    )
    given: dict[str, Any] = {"word_timestamps": True, "language": LANGUAGE}
    if batched:
        pipeline = BatchedInferencePipeline(model)

        def transcribe(samples: np.ndarray) -> Iterable[Any]:
            return pipeline.transcribe(samples, **given, batch_size=8)[0]  # its default
    else:

        def transcribe(samples: np.ndarray) -> Iterable[Any]:
            return model.transcribe(samples, **given)[0]

    def hear(path: Path) -> Heard:
        texts = [
            " ".join(segment.text for segment in transcribe(samples)) for samples in _decode(path)
        ]
        return Heard(tuple(texts))

    return hear


def with_pyannote_defaults(*, batched: bool) -> Hear:
    """The recogniser, and pyannote as published: step 0.1, batches of 32, two speakers told.

    A word is the speaker's whose time overlaps it most.
    """
    recognise = faster_whisper(batched=batched)
    diarize = _pyannote_defaults()

    def hear(path: Path) -> Heard:
        import torch

        heard = recognise(path)
        samples = _decode(path)[0]
        found = diarize(
            {"waveform": torch.from_numpy(samples)[None], "sample_rate": audio.SAMPLE_RATE},
            num_speakers=MONO_SPEAKERS,
        )
        tracks = found.speaker_diarization.itertracks(yield_label=True)
        return Heard(heard.words, tuple((who, s.start, s.end) for s, _, who in tracks))

    return hear


def callscore() -> Hear:
    """This project, from the file to the stored result."""
    home = tempfile.TemporaryDirectory()
    settings = Settings(data_dir=Path(home.name), language=LANGUAGE)
    engines = SpeechEngines(settings)
    rubrics = load_rubrics(settings.rubric, settings.queue_rubrics)
    last: list[CallFacts] = []

    def listen(path: Path, metadata: Metadata, engines: SpeechEngines) -> CallFacts:
        last[:] = [call.listen(path, metadata, engines)]
        return last[0]

    def hear(path: Path) -> Heard:
        own = tempfile.TemporaryDirectory(dir=home.name)
        with own, Store(f"sqlite:///{own.name}/callscore.db") as store:
            batch = Batch(store.start_batch("bench"), settings, rubrics, engines, store, listen)
            (found,) = find_recordings([str(path)])
            outcome = score_one(found, batch)
        if outcome.status != "scored":
            raise SystemExit(f"{path}: {outcome.reason}")
        return _heard(last[0])

    return hear


def speakers_of(path: Path) -> tuple[Spoken, ...]:
    """Who speaks when on a mono recording, as callscore separates the voices."""
    samples = audio.load(path, max_duration_s=1e6).samples[0]
    engines = SpeechEngines(Settings())
    found = separate.by_diarization(samples, activity.listen(samples), engines.diarizer)
    return tuple((who, s.start_s, s.end_s) for who, spans in found.speech.items() for s in spans)


def _heard(facts: CallFacts) -> Heard:
    roles = ("agent", "customer") if facts.channels == 2 else None
    if roles is None:
        turns = sorted(facts.turns, key=lambda turn: turn.start_s or 0.0)
        return Heard((" ".join(turn.text for turn in turns),))
    return Heard(
        tuple(" ".join(turn.text for turn in facts.turns if turn.role == role) for role in roles)
    )


def _decode(path: Path) -> tuple[np.ndarray, ...]:
    import soundfile
    from faster_whisper.audio import decode_audio

    if soundfile.info(path).channels == 1:
        return (decode_audio(str(path)),)
    return tuple(decode_audio(str(path), split_stereo=True))


def _pyannote_defaults() -> SpeakerDiarization:
    """pyannote's own pipeline, with the bundled models in place of the gated ones."""
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    import torch
    from pyannote.audio import Audio
    from pyannote.audio.pipelines import speaker_diarization
    from pyannote.audio.pipelines.clustering import AgglomerativeClustering

    from tests.bench.speed.voice_prints import VoicePrints

    torch.set_num_threads(os.cpu_count() or 1)
    device = torch.device(choose_device("auto").name)
    with patch.object(speaker_diarization, "get_plda", return_value=None):  # gated; not needed
        pipeline = speaker_diarization.SpeakerDiarization(
            segmentation=str(models.segmentation_file()),
            clustering="OracleClustering",  # asks for no voice prints while it is made
            segmentation_batch_size=32,
            embedding_batch_size=32,
        )
    pipeline.klustering = "AgglomerativeClustering"
    pipeline._embedding = VoicePrints(models.embedding_file()).to(device)
    pipeline._audio = Audio(sample_rate=audio.SAMPLE_RATE, mono="downmix")
    pipeline.clustering = AgglomerativeClustering(metric="cosine")
    pipeline._expects_num_speakers = False
    # The parameters published with pyannote/speaker-diarization-3.1.
    return pipeline.instantiate({
        "segmentation": {"min_duration_off": 0.0},
        "clustering": {"method": "centroid", "min_cluster_size": 12, "threshold": 0.7045},
    }).to(device)  # fmt: skip


PATHS: Mapping[str, Callable[[], Hear]] = {
    "whisper": lambda: faster_whisper(batched=False),
    "whisper-batched": lambda: faster_whisper(batched=True),
    "callscore": callscore,
    "pyannote": lambda: with_pyannote_defaults(batched=True),
}

"""Who speaks when on a mono recording, with pyannote.audio.

Only mono needs this; a stereo call is separated by its channels and never imports pyannote.
"""

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline import models
from pipeline.audio import SAMPLE_RATE
from pipeline.records import Span
from pipeline.spans import Spans

if TYPE_CHECKING:
    from pyannote.audio.pipelines import SpeakerDiarization
    from pyannote.core import Annotation

BUNDLED = "bundled"

CLUSTERING = {"method": "average", "min_cluster_size": 12, "threshold": 0.7}
"""Average linkage confuses similar voices less than pyannote's default centroid linkage (mean DER
0.083 against 0.115 on 16 mono calls, 0.25 s collar). The threshold only matters where the number of
speakers is open."""

SAME_VOICE_SIMILARITY = 0.75
"""Cosine similarity of two voice prints above which two 'speakers' are one person."""

EMBEDDING_BATCH = 8
"""Bounds the memory of the embedding step."""


@dataclass(frozen=True, slots=True)
class Diarization:
    """Speech per speaker.

    ``speakers`` keeps overlaps (two voices at once are both there); ``exclusive`` gives every
    moment to the one who most likely speaks, which is what words are labelled by. Both are keyed by
    the same anonymous labels.
    """

    speakers: dict[str, Spans]
    exclusive: dict[str, Spans]


class Diarizer:
    """pyannote.audio's pipeline, loaded once at first use; safe under threads.

    Parameters
    ----------
    model : str
        ``bundled`` (segmentation-3.0 + CAM++), or a name or path for ``Pipeline.from_pretrained``.
    segmentation_step : float
        Step of the 10 s segmentation window as a share of it, in (0, 1]. 0.1 is pyannote's default.
    device : str
        ``cpu`` or ``cuda``.
    """

    def __init__(self, model: str, *, segmentation_step: float, device: str, threads: int):
        self._model = model
        self._step = segmentation_step
        self._device = device
        self._threads = threads
        self._lock = threading.Lock()
        self._pipeline: SpeakerDiarization | None = None

    @property
    def name(self) -> str:
        model = "segmentation-3.0+cam++" if self._model == BUNDLED else self._model
        return f"pyannote/{model}/step{self._step:g}/{self._device}"

    def diarize(self, samples: np.ndarray) -> Diarization:
        """Separate two speakers; gives one speaker where both turn out to be the same voice.

        Parameters
        ----------
        samples : np.ndarray [shape=(n,)], float32, 16 kHz
        """
        with self._lock:
            if self._pipeline is None:
                self._pipeline = self._load()
            import torch

            waveform = torch.from_numpy(np.ascontiguousarray(samples))[None]  # shape: (1, n)
            output = self._pipeline(
                {"waveform": waveform, "sample_rate": SAMPLE_RATE, "uri": "call"}, num_speakers=2
            )
        if _same_voice(output.speaker_embeddings):
            merged = _spans(output.speaker_diarization.support(), None)
            return Diarization({"speaker_0": merged}, {"speaker_0": merged})
        labels = output.speaker_diarization.labels()
        return Diarization(
            _by_speaker(output.speaker_diarization, labels),
            _by_speaker(output.exclusive_speaker_diarization, labels),
        )

    def _load(self) -> "SpeakerDiarization":
        os.environ["PYANNOTE_METRICS_ENABLED"] = "0"  # pyannote reports file durations otherwise
        import warnings

        import torch

        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # torchcodec and FFmpeg are not needed: audio comes decoded
            from pyannote.audio import Model, Pipeline
            from pyannote.audio.core.plda import PLDA
            from pyannote.audio.pipelines import SpeakerDiarization

            torch.set_num_threads(self._threads)
            if self._model != BUNDLED:
                pipeline = Pipeline.from_pretrained(self._model)
            else:
                from pipeline.campplus import CamPlusPlus

                class NoPlda(PLDA):
                    """The pipeline asks for one; agglomerative clustering does not use it."""

                    def __init__(self) -> None:
                        pass

                pipeline = SpeakerDiarization(
                    segmentation=Model.from_pretrained(models.segmentation_file()),
                    segmentation_step=self._step,
                    embedding=CamPlusPlus(models.embedding_file()),
                    embedding_exclude_overlap=True,
                    plda=NoPlda(),
                    clustering="AgglomerativeClustering",
                    embedding_batch_size=EMBEDDING_BATCH,
                    segmentation_batch_size=EMBEDDING_BATCH,
                )
                pipeline.instantiate(
                    {"segmentation": {"min_duration_off": 0.0}, "clustering": CLUSTERING}
                )
            return pipeline.to(torch.device(self._device))


def _same_voice(prints: np.ndarray | None) -> bool:
    """Whether voice prints [shape=(speakers, dimension)] are one person's, or only one is there."""
    if prints is None or len(prints) < 2:
        return True
    a, b = prints[:2]
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return norm == 0 or float(a @ b) / norm > SAME_VOICE_SIMILARITY


def _by_speaker(annotation: "Annotation", labels: list[str]) -> dict[str, Spans]:
    """Speech of each of pyannote's labels, under our own anonymous ones."""
    return {f"speaker_{i}": _spans(annotation, label) for i, label in enumerate(labels)}


def _spans(annotation: "Annotation", label: str | None) -> Spans:
    timeline = annotation.get_timeline() if label is None else annotation.label_timeline(label)
    return tuple(Span(round(s.start, 3), round(s.end, 3)) for s in timeline.support())

"""Who speaks when on a mono recording, with pyannote.audio.

Only mono needs this; a stereo call is separated by its channels and never imports pyannote.
"""

import os
import threading
import warnings
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline import memory, models, two_voices
from pipeline.audio import SAMPLE_RATE
from pipeline.records import Span
from pipeline.spans import Spans, intersection
from pipeline.two_voices import Diarization, Segmentation

if TYPE_CHECKING:
    from pyannote.audio import Inference, Pipeline
    from pyannote.core import Annotation, SlidingWindowFeature

    from pipeline.campplus import CamPlusPlus

BUNDLED = "bundled"

SEGMENTATION_WINDOW_S = 10.0
"""What segmentation-3.0 was trained on."""

BATCH_SIZE, GPU_BATCH_SIZE = 4, 32
"""Windows at once: bounds the memory of the models. 32 is pyannote's default."""

PRINTS_AT_ONCE, GPU_PRINTS_AT_ONCE = 8, 64
"""Voice prints of windows of one length taken together: bounds the memory of the models."""


class Diarizer:
    """pyannote's models, loaded once at first use; safe under threads.

    Parameters
    ----------
    model : str
        ``bundled`` (segmentation-3.0 + CAM++), or a name or path for ``Pipeline.from_pretrained``.
    segmentation_step : float
        Step of the segmentation window as a share of it, in (0, 1]. 0.1 is pyannote's default.
    device : str
        ``cpu`` or ``cuda``.
    """

    def __init__(self, model: str, *, segmentation_step: float, device: str, threads: int):
        self._model = model
        self._step = segmentation_step
        self._device = device
        self._threads = threads
        self._lock = threading.Lock()
        self._engine: _Bundled | Pipeline | None = None

    @property
    def name(self) -> str:
        model = "segmentation-3.0+cam++" if self._model == BUNDLED else self._model
        return f"pyannote/{model}/step{self._step:g}/{self._device}"

    def load(self) -> None:
        """What the first use would do, earlier."""
        with self._lock, memory.may_run_out("the diarizer"):
            self._loaded()

    def diarize(self, samples: np.ndarray, speech: Spans) -> Diarization:
        """Separate two speakers; gives one where both turn out to be the same voice.

        Parameters
        ----------
        samples : np.ndarray [shape=(n,)], float32, 16 kHz
        speech : where anybody speaks, in order of time; not empty
        """
        with self._lock, memory.may_run_out("the diarizer"):
            engine = self._loaded()
            try:
                if isinstance(engine, _Bundled):
                    return engine.diarize(samples, speech)
                output = engine(_as_file(samples), num_speakers=2)
            finally:
                self._give_back()
        labels = output.speaker_diarization.labels()
        return Diarization(
            _by_speaker(output.speaker_diarization, labels, speech),
            _by_speaker(output.exclusive_speaker_diarization, labels, speech),
        )

    def _loaded(self) -> "_Bundled | Pipeline":
        if self._engine is None:
            self._engine = self._load()
        return self._engine

    def _give_back(self) -> None:
        """What torch keeps of a GPU's memory: the recogniser, and other processes, want it too."""
        if self._device == "cuda":
            import torch

            torch.cuda.empty_cache()

    def _load(self) -> "_Bundled | Pipeline":
        os.environ["PYANNOTE_METRICS_ENABLED"] = "0"  # it reports file durations otherwise
        import torch

        device = torch.device(self._device)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torchcodec is not needed: audio comes decoded
            from pyannote.audio import Inference, Model, Pipeline

            if self._model != BUNDLED:
                torch.set_num_threads(self._threads)
                return Pipeline.from_pretrained(self._model).to(device)
            from pipeline.campplus import CamPlusPlus

            # Our threads share the work instead: the models' steps are too small to be shared.
            torch.set_num_threads(1)
            segmentation = Inference(
                Model.from_pretrained(models.segmentation_file()),
                duration=SEGMENTATION_WINDOW_S,
                step=self._step * SEGMENTATION_WINDOW_S,
                skip_aggregation=True,
                device=device,
            )
            embedding = CamPlusPlus(models.embedding_file()).to(device)
            if self._device == "cuda":
                windows, prints, threads = GPU_BATCH_SIZE, GPU_PRINTS_AT_ONCE, 1
            else:
                windows, prints, threads = BATCH_SIZE, PRINTS_AT_ONCE, self._threads
            return _Bundled(
                segmentation,
                embedding,
                threads,
                memory.AtOnce(windows, "windows"),
                memory.AtOnce(prints, "voice prints"),
            )


@dataclass(frozen=True, slots=True)
class _Bundled:
    """The two bundled models, the threads that work with them, and on how much at once."""

    segmentation: "Inference"
    embedding: "CamPlusPlus"
    threads: int
    windows_at_once: memory.AtOnce
    prints_at_once: memory.AtOnce

    def diarize(self, samples: np.ndarray, speech: Spans) -> Diarization:
        windows = two_voices.print_windows(speech)
        with ThreadPoolExecutor(self.threads) as pool:
            segmenting = pool.submit(self._segment, samples)
            prints = self._voice_prints(samples, windows, pool)
            found = segmenting.result()
        return two_voices.diarize(
            speech,
            windows,
            prints,
            Segmentation(
                active=found.data > 0.5,
                starts_s=np.array([window.start for window, _ in found]),
                duration_s=SEGMENTATION_WINDOW_S,
            ),
        )

    def _segment(self, samples: np.ndarray) -> "SlidingWindowFeature":
        def segment(number: int) -> "SlidingWindowFeature":
            self.segmentation.batch_size = number
            return self.segmentation(_as_file(samples))

        return self.windows_at_once.do(segment)

    def _voice_prints(
        self, samples: np.ndarray, windows: Sequence[Span], pool: ThreadPoolExecutor
    ) -> np.ndarray:
        """Shape (windows, dimension)."""
        pieces = [
            samples[round(window.start_s * SAMPLE_RATE) : round(window.end_s * SAMPLE_RATE)]
            for window in windows
        ]
        of_length: dict[int, list[int]] = defaultdict(list)
        for number, piece in enumerate(pieces):
            of_length[len(piece)].append(number)

        def take(at_once: int) -> np.ndarray:
            batches = [
                numbers[at : at + at_once]
                for numbers in of_length.values()
                for at in range(0, len(numbers), at_once)
            ]
            found = pool.map(lambda batch: self._prints_of([pieces[n] for n in batch]), batches)
            order = np.argsort([number for batch in batches for number in batch])
            return np.concatenate(list(found))[order]

        return self.prints_at_once.do(take)

    def _prints_of(self, pieces: Sequence[np.ndarray]) -> np.ndarray:
        """Shapes: pieces batch x (n,) -> (batch, dimension)."""
        import torch

        with torch.inference_mode():
            waveforms = torch.from_numpy(np.stack(pieces))
            found = self.embedding(waveforms.to(self.segmentation.device))
            return np.asarray(found.cpu())


def _as_file(samples: np.ndarray) -> dict[str, object]:
    """Samples in the form that pyannote takes for a file: no codec and no disk are involved."""
    import torch

    waveform = torch.from_numpy(np.ascontiguousarray(samples))[None]  # shape: (1, n)
    return {"waveform": waveform, "sample_rate": SAMPLE_RATE, "uri": "call"}


def _by_speaker(annotation: "Annotation", labels: list[str], speech: Spans) -> dict[str, Spans]:
    """The time of each label, cut to where there is speech, under labels of our own."""
    return {
        f"speaker_{number}": intersection(
            tuple(Span(s.start, s.end) for s in annotation.label_timeline(label).support()), speech
        )
        for number, label in enumerate(labels)
    }

"""A process's speech engines: the device and precision they run on, loaded once and shared."""

import logging
import os

from pipeline import __version__
from pipeline.diarize import Diarizer
from pipeline.errors import ModelError
from pipeline.records import Engines
from pipeline.settings import Settings
from pipeline.transcribe import Transcriber

log = logging.getLogger(__name__)

DOES_NOT_WORK = "does not work"


class SpeechEngines:
    """Recogniser and diarizer as the settings ask for them. Nothing is loaded before its first use.

    Raises
    ------
    ModelError
        ``device = "cuda"`` was asked for and does not work.
    """

    def __init__(self, settings: Settings):
        device, why = choose_device(settings.device)
        if DOES_NOT_WORK in why:
            log.warning("%s; the speech models run on the CPU: run callscore doctor", why)
        threads = settings.cpu_threads or os.cpu_count() or 1
        compute_type = settings.compute_type
        if compute_type == "auto":
            compute_type = "float16" if device == "cuda" else "int8"
        self.settings = settings
        self.transcriber = Transcriber(
            settings.whisper_model, device=device, compute_type=compute_type, threads=threads
        )
        self.diarizer = Diarizer(
            settings.diarization_model,
            segmentation_step=settings.diarization_segmentation_step,
            device=device,
            threads=threads,
        )

    def key(self) -> str:
        """Names everything here that can change what is heard."""
        settings = self.settings
        return (
            f"{self.transcriber.name} {settings.whisper_model} "
            f"{self.diarizer.name} {settings.diarization_model}"
        )

    def names(self, channels: int) -> Engines:
        """What made the facts of a call with so many separate channels."""
        diarize = "channels" if channels == 2 else self.diarizer.name
        return Engines(self.transcriber.name, diarize, __version__)


def choose_device(wanted: str) -> tuple[str, str]:
    """The device that the models will run on, and why. ``wanted``: auto, cpu or cuda.

    A GPU counts only when CTranslate2 *and* torch can compute on it: a driver without the CUDA
    libraries that each needs is found, and then fails at the first call.
    """
    if wanted == "cpu":
        return "cpu", "chosen in the settings"
    problem = _cuda_problem()
    if problem is None:
        return "cuda", "a GPU that works was found"
    if wanted == "cuda":
        raise ModelError(f"device = cuda was asked for, but {problem}; run callscore doctor")
    return "cpu", problem


def _cuda_problem() -> str | None:
    import ctranslate2

    if not ctranslate2.get_cuda_device_count():
        return "no CUDA device was found"
    try:
        import numpy as np
        import torch

        torch.zeros(8, device="cuda").sum().item()
        ctranslate2.StorageView.from_array(np.zeros((2, 2), np.float32)).to_device(
            ctranslate2.Device.cuda
        )
    except (RuntimeError, AssertionError, ValueError) as error:
        return f"the CUDA device {DOES_NOT_WORK} ({type(error).__name__})"
    return None

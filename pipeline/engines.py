"""A process's speech engines: the device and precision they run on, loaded once and shared."""

import logging
import os

from threadpoolctl import threadpool_limits

from pipeline import __version__
from pipeline.device import choose_device
from pipeline.diarize import Diarizer
from pipeline.records import Engines
from pipeline.settings import Settings
from pipeline.transcribe import Transcriber

log = logging.getLogger(__name__)


class SpeechEngines:
    """Recogniser and diarizer as the settings ask for them. Nothing is loaded before its first use.

    ``cpu_threads``, where it is set, bounds numpy's threads in the whole process too.

    Raises
    ------
    ModelError, TransientError
        As :func:`pipeline.device.choose_device`.
    """

    def __init__(self, settings: Settings):
        device = choose_device(settings.device)
        if device.remedy:
            log.warning("%s; the speech models run on the CPU: run callscore doctor", device.why)
        self.threads = threads = settings.cpu_threads or os.cpu_count() or 1
        if settings.cpu_threads:
            threadpool_limits(threads, "blas")  # numpy's, which takes all cores otherwise
        compute_type = settings.compute_type
        if compute_type == "auto":
            compute_type = "float16" if device.name == "cuda" else "int8"
        self.settings = settings
        self.transcriber = Transcriber(
            settings.whisper_model, device=device.name, compute_type=compute_type, threads=threads
        )
        self.diarizer = Diarizer(
            settings.diarization_model,
            segmentation_step=settings.diarization_segmentation_step,
            device=device.name,
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

"""Cuts the sound of a moment: both sides on one channel, personal data beeped, as MP3."""

import io
from collections.abc import Sequence

import av
import numpy as np

from pipeline.audio import SAMPLE_RATE
from pipeline.beep import AFTER_S, BEFORE_S, beep
from pipeline.records import Span

BIT_RATE = 40_000
"""Bits a second: recordings of telephones hold no more, and 20 s are 100 kB."""
FADE_S = 0.05
PEAK = 0.7
"""Of full scale: soft recordings are brought up to that, loud ones down."""
MOST_GAIN = 8.0
"""Silence must not become noise."""


def cut(samples: np.ndarray, span: Span, hidden: Sequence[Span]) -> bytes:
    """The sound of a stretch of a call as MP3 (mono, 16 kHz).

    Parameters
    ----------
    samples : np.ndarray [shape=(channels, n)], float, at ``SAMPLE_RATE``
    span : which stretch, in the time of the recording
    hidden : when personal data is said, in the time of the recording
    """
    start, end = round(span.start_s * SAMPLE_RATE), round(span.end_s * SAMPLE_RATE)
    sound = samples[:, start:end].mean(axis=0, keepdims=True)
    peak = float(np.abs(sound).max(initial=0.0))
    sound = sound * min(MOST_GAIN, PEAK / peak if peak else 1.0)
    shifted = [
        Span(part.start_s - span.start_s, part.end_s - span.start_s)
        for part in hidden
        if part.end_s + AFTER_S > span.start_s and part.start_s - BEFORE_S < span.end_s
    ]
    return _mp3(_faded(beep(sound, shifted, SAMPLE_RATE)))


def _faded(sound: np.ndarray) -> np.ndarray:
    length = min(round(FADE_S * SAMPLE_RATE), sound.shape[1] // 2)
    ramp = np.linspace(0.0, 1.0, length)
    sound[:, :length] *= ramp
    sound[:, sound.shape[1] - length :] *= ramp[::-1]
    return sound


def _mp3(sound: np.ndarray) -> bytes:
    """``sound`` [shape=(1, n)]."""
    samples = np.round(np.clip(sound, -1.0, 1.0) * 32767).astype(np.int16)
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=SAMPLE_RATE, layout="mono")
        stream.bit_rate = BIT_RATE
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "s16p", "mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()

"""Channel bleed: one side's voice leaking into the other side's channel.

Where both channels carry the same sound at the same moment, the quieter one is a leak. Two people
who talk at once do not correlate, so overlapping speech stays.
"""

import numpy as np

from pipeline.audio import SAMPLE_RATE
from pipeline.spans import Spans, from_mask

WINDOW_S = 0.2
"""About a syllable: short enough to follow who speaks, long enough for a stable correlation."""

MAX_DELAY_S = 0.02
"""A leak through a handset or a hybrid arrives this soon; later echo is the line's own business."""

SAME_SOUND = 0.5
"""Peak of the normalised cross-correlation. Unrelated telephone speech stays under 0.4 in windows
of this length (18 development calls); a leak 20 dB down stands out of usual line noise."""

MIN_LEVEL = 1e-3
"""RMS under which a window is line noise (-60 dBFS); correlated hum is no bleed."""


def find(left: np.ndarray, right: np.ndarray) -> tuple[Spans, Spans]:
    """Where the left channel is a leak of the right one, and the other way round.

    Parameters
    ----------
    left, right : np.ndarray [shape=(n,)], float32, 16 kHz
    """
    size = round(WINDOW_S * SAMPLE_RATE)
    count = len(left) // size
    a = left[: count * size].reshape(count, size)
    b = right[: count * size].reshape(count, size)
    rms_a, rms_b = np.sqrt((a**2).mean(axis=1)), np.sqrt((b**2).mean(axis=1))
    both = np.flatnonzero((rms_a > MIN_LEVEL) & (rms_b > MIN_LEVEL))
    same = np.zeros(count, dtype=bool)
    for at in range(0, len(both), 512):  # bounds the memory of long calls
        part = both[at : at + 512]
        same[part] = _peak_correlation(a[part], b[part]) > SAME_SOUND
    return from_mask(same & (rms_a < rms_b), WINDOW_S), from_mask(same & (rms_b < rms_a), WINDOW_S)


def _peak_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Largest normalised cross-correlation within the delay, per row. Shape (rows,)."""
    size = 2 * a.shape[1]
    cross = np.fft.irfft(np.fft.rfft(a, size) * np.fft.rfft(b, size).conj(), size)
    lag = round(MAX_DELAY_S * SAMPLE_RATE)
    near = np.abs(np.concatenate([cross[:, : lag + 1], cross[:, -lag:]], axis=1))
    scale = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return near.max(axis=1) / np.maximum(scale, 1e-12)

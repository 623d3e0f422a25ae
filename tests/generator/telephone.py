"""The telephone line: band, levels, noise and G.711 mu-law. Everything at 8 kHz.

Levels are dBFS of the root mean square (RMS), where a square wave at full scale is 0 dBFS; the
level of speech is taken over its active frames only, as ITU-T P.56 does.
"""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np

LINE_RATE_HZ = 8_000
BAND_HZ = (270.0, 3500.0)  # a little wider than the nominal 300-3400 Hz
FRAME_S = 0.01
ACTIVE_BELOW_PEAK_DB = 30.0  # frames this far below the loudest do not count as speech
LIMITER_KNEE = 0.8  # above this amplitude the line saturates softly

NoiseKind = Literal["white", "pink", "hum"]
NOISE_KINDS: tuple[NoiseKind, ...] = ("white", "pink", "hum")
HUM_HZ = 50.0
HUM_HARMONICS = (2, 3, 4, 5, 7)


def db_to_gain(level_db: float) -> float:
    """Amplitude factor of a level in dB."""
    return 10.0 ** (level_db / 20.0)


def to_line(samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Resamples to 8 kHz and keeps the telephone band, with no delay. shape=(samples,) -> same."""
    from scipy.signal import butter, resample_poly, sosfiltfilt

    divisor = np.gcd(sample_rate_hz, LINE_RATE_HZ)
    resampled = resample_poly(samples, LINE_RATE_HZ // divisor, sample_rate_hz // divisor)
    band = butter(3, BAND_HZ, "bandpass", fs=LINE_RATE_HZ, output="sos")
    return sosfiltfilt(band, resampled)


def frame_rms(samples: np.ndarray) -> np.ndarray:
    """RMS of each whole 10 ms frame. shape=(samples,) -> shape=(frames,)"""
    size = round(LINE_RATE_HZ * FRAME_S)
    frames = samples[: len(samples) // size * size].reshape(-1, size)  # shape=(frames, size)
    return np.sqrt(np.mean(np.square(frames), axis=1))


def active_rms(samples: np.ndarray) -> float:
    """RMS over the frames that hold sound."""
    rms = frame_rms(samples)
    active = rms[rms > rms.max() * db_to_gain(-ACTIVE_BELOW_PEAK_DB)]
    return float(np.sqrt(np.mean(np.square(active))))


def at_level(samples: np.ndarray, level_dbfs: float) -> np.ndarray:
    """Scales to an active level."""
    return samples * (db_to_gain(level_dbfs) / active_rms(samples))


def limit(samples: np.ndarray) -> np.ndarray:
    """Soft saturation: linear up to the knee, below full scale beyond it."""
    size = np.abs(samples)
    over = LIMITER_KNEE + (1 - LIMITER_KNEE) * np.tanh((size - LIMITER_KNEE) / (1 - LIMITER_KNEE))
    return np.where(size <= LIMITER_KNEE, samples, np.sign(samples) * over)


def line_noise(
    sample_count: int, kind: NoiseKind, level_dbfs: float, rng: np.random.Generator
) -> np.ndarray:
    """Steady noise of a kind at a level. shape=(sample_count,)"""
    noise = rng.standard_normal(sample_count)
    if kind == "pink":
        spectrum = np.fft.rfft(noise)
        spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
        noise = np.fft.irfft(spectrum, sample_count)
    elif kind == "hum":
        time_s = np.arange(sample_count) / LINE_RATE_HZ
        phases = rng.uniform(0, 2 * np.pi, len(HUM_HARMONICS))
        for harmonic, phase in zip(HUM_HARMONICS, phases, strict=True):
            noise += np.sin(2 * np.pi * HUM_HZ * harmonic * time_s + phase) * 2 / harmonic
    return noise * (db_to_gain(level_dbfs) / np.sqrt(np.mean(np.square(noise))))


@functools.cache
def _mu_law_levels() -> np.ndarray:
    """The 255 different 16-bit values of G.711 mu-law, ascending."""
    code = np.arange(128)
    exponent, mantissa = code >> 4, code & 0x0F
    positive = (((mantissa << 3) + 132) << exponent) - 132
    return np.unique(np.concatenate([-positive, positive]))


def mu_law_round_trip(samples: np.ndarray) -> np.ndarray:
    """What G.711 mu-law leaves of the sound: float in, int16 out, the same shape."""
    levels = _mu_law_levels()
    middles = (levels[1:] + levels[:-1]) / 2
    pcm = np.clip(samples, -1.0, 1.0) * 32767
    return levels[np.searchsorted(middles, pcm)].astype(np.int16)

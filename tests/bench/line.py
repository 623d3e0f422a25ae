"""What telephone lines and recorders do to a built call, before it is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from tests.generator.telephone import LINE_RATE_HZ, db_to_gain, limit, mu_law_round_trip
from tests.recordings import encode

Condition = Literal["plain", "noisy", "uneven", "bleed", "levelled", "mp3"]

NOISE_DBFS = {"noisy": (-52.0, -42.0)}
"""Steady noise of each line, where it is not that of the sample calls; speech is near -26 dBFS."""

UNEVEN_DB = 10.0
"""One side this much softer, and the other half as much louder, than in the sample calls."""

BLEED_DB, BLEED_DELAY_S = (-28.0, -18.0), (0.001, 0.012)
"""How far the leak of the other side lies under it, and how late it comes."""

LEVELLER_S, LEVELLER_RANGE_DB = 0.4, 15.0
"""Time constant of the automatic gain, and how far it can turn up and down."""


def spoil(channels: np.ndarray, condition: Condition, rng: np.random.Generator) -> np.ndarray:
    """The channels as the recorder gets them. shape=(samples, 2) -> same"""
    return SPOILERS.get(condition, lambda sound, _: sound)(channels, rng)


def _uneven(channels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    gains = np.array([-UNEVEN_DB, UNEVEN_DB / 2])
    return channels * 10 ** (rng.permutation(gains) / 20)


def _bleed(channels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    leaks = np.zeros_like(channels)
    for column in (0, 1):
        late = round(rng.uniform(*BLEED_DELAY_S) * LINE_RATE_HZ)
        leak = np.roll(channels[:, 1 - column], late) * db_to_gain(rng.uniform(*BLEED_DB))
        leak[:late] = 0.0
        leaks[:, column] = leak
    return channels + leaks


def _levelled(channels: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    """Gain that follows the loudness of the last half second, and rests where nothing is said."""
    size = round(LEVELLER_S * LINE_RATE_HZ)
    power = uniform_filter1d(np.square(channels), size, axis=0)
    loud = np.sqrt(maximum_filter1d(power, size, axis=0))
    target = np.sqrt(np.percentile(power, 95, axis=0)) * db_to_gain(-3.0)
    limits = db_to_gain(-LEVELLER_RANGE_DB), db_to_gain(LEVELLER_RANGE_DB)
    gain = np.clip(target / np.maximum(loud, 1e-6), *limits)
    gain[loud < target * db_to_gain(-2 * LEVELLER_RANGE_DB)] = 1.0
    return channels * uniform_filter1d(gain, size, axis=0)


SPOILERS: Mapping[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "uneven": _uneven,
    "bleed": _bleed,
    "levelled": _levelled,
}
CONDITIONS: tuple[Condition, ...] = ("plain", "noisy", "uneven", "bleed", "levelled", "mp3")


def store(path: Path, sound: np.ndarray, condition: Condition) -> Path:
    """Writes a recording [shape=(samples, channels)] as its recorder does; gives its path."""
    import soundfile

    pcm = mu_law_round_trip(limit(sound))
    if condition == "mp3":
        floats = np.ascontiguousarray(pcm.T, dtype=np.float32) / 32768
        return encode(path.with_suffix(".mp3"), floats, "mp3")
    soundfile.write(path.with_suffix(".flac"), pcm, LINE_RATE_HZ, subtype="PCM_16")
    return path.with_suffix(".flac")

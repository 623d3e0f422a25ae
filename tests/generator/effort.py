"""Simulated vocal effort: raised turns, made with the WORLD vocoder (pyworld).

A raised voice is higher, and brighter between 1 and 4 kHz; the mixer adds the level. It is
simulated, not acted. `resynthesize` passes other turns through the same vocoder, so that its sound
alone does not give the raised turns away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .records import Clip

F0_RANGE_HZ = (60.0, 500.0)
F0_FACTOR = (1.15, 1.30)
BRIGHTNESS_DB = (6.0, 9.0)
SPEED_FACTOR = 1.05  # people who shout speak faster; applied when the line is spoken
# Share of the brightness at each frequency; below 1 kHz the level falls a little.
TILT_HZ = (0, 600, 1000, 1600, 3400, 4000, 5000, 12000)
TILT = (0.0, 0.0, 0.6, 1.0, 1.0, 0.9, 0.4, 0.0)


@dataclass(frozen=True, slots=True)
class Effort:
    """How far one turn is raised."""

    f0_factor: float
    brightness_db: float


def draw_effort(rng: np.random.Generator) -> Effort:
    """A random effort within the ranges above."""
    return Effort(
        f0_factor=round(float(rng.uniform(*F0_FACTOR)), 3),
        brightness_db=round(float(rng.uniform(*BRIGHTNESS_DB)), 1),
    )


def raise_voice(clip: Clip, effort: Effort) -> Clip:
    """The clip spoken with effort; length and word times stay."""
    import pyworld

    samples = clip.samples.astype(np.float64)
    rate = clip.sample_rate_hz
    f0, times = pyworld.harvest(samples, rate, f0_floor=F0_RANGE_HZ[0], f0_ceil=F0_RANGE_HZ[1])
    envelope = pyworld.cheaptrick(samples, f0, times, rate)  # power, shape=(frames, bins)
    aperiodicity = pyworld.d4c(samples, f0, times, rate)
    bins_hz = np.linspace(0, rate / 2, envelope.shape[1])
    boost_db = effort.brightness_db * np.interp(bins_hz, TILT_HZ, TILT)
    raised = pyworld.synthesize(
        f0 * effort.f0_factor, envelope * 10 ** (boost_db / 10), aperiodicity, rate
    )[: len(samples)]
    return replace(clip, samples=np.pad(raised, (0, len(samples) - len(raised))))


def resynthesize(clip: Clip) -> Clip:
    """The clip through the vocoder, with its voice unchanged."""
    return raise_voice(clip, Effort(f0_factor=1.0, brightness_db=0.0))

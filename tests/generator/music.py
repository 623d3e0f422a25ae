"""Hold music of our own: a soft pad, an arpeggio and a slow melody over four chords.

It is as plain as hold music is: one tempo, one loop of chords, steady and tonal. Nothing is
sampled, so nothing of anybody else's is in the recordings.
"""

from __future__ import annotations

import numpy as np

from .telephone import LINE_RATE_HZ

BEAT_S = 0.42
BEATS_PER_CHORD = 4
# Semitones above the key note: I, vi, IV, V.
CHORDS = ((0, 4, 7), (-3, 0, 4), (-7, -3, 0), (-5, -1, 2))
ARPEGGIO = (0, 1, 2, 1)  # which note of the chord on each beat
KEYS_HZ = (261.6, 277.2, 293.7, 311.1, 329.6)  # C4 to E4
PARTIALS = (1.0, 0.45, 0.25, 0.12, 0.06)  # amplitude of each harmonic; high ones decay faster
PAD_LEVEL, ARPEGGIO_LEVEL, MELODY_LEVEL = 0.35, 0.8, 0.9
FADE_S = 0.1


def hold_music(duration_s: float, rng: np.random.Generator) -> np.ndarray:
    """Hold music at 8 kHz with an RMS of 1, key and melody drawn at random. shape=(samples,)"""
    key_hz = float(rng.choice(KEYS_HZ))
    sound = np.zeros(round(duration_s * LINE_RATE_HZ))
    chord_s = BEAT_S * BEATS_PER_CHORD
    for bar in range(int(np.ceil(duration_s / chord_s))):
        chord = CHORDS[bar % len(CHORDS)]
        bar_s = bar * chord_s
        for semitones in chord:
            pad = _tone(key_hz * 2 ** (semitones / 12), chord_s * 1.1, decay_s=4.0, attack_s=0.15)
            _add(sound, pad * PAD_LEVEL, bar_s)
        for beat, note in enumerate(ARPEGGIO):
            tone = _tone(key_hz * 2 ** (chord[note] / 12 + 1), 1.2, decay_s=0.35)
            _add(sound, tone * ARPEGGIO_LEVEL, bar_s + beat * BEAT_S)
        for beat in (0, 2):
            semitones = int(rng.choice(chord)) + 12
            tone = _tone(key_hz * 2 ** (semitones / 12), 2 * BEAT_S, decay_s=0.9, attack_s=0.03)
            _add(sound, tone * MELODY_LEVEL, bar_s + beat * BEAT_S)
    fade = np.linspace(0.0, 1.0, round(FADE_S * LINE_RATE_HZ))
    sound[: len(fade)] *= fade
    sound[-len(fade) :] *= fade[::-1]
    return sound / np.sqrt(np.mean(np.square(sound)))


def _tone(f0_hz: float, duration_s: float, *, decay_s: float, attack_s: float = 0.01) -> np.ndarray:
    """A struck tone of decaying partials. shape=(samples,)"""
    time_s = np.arange(round(duration_s * LINE_RATE_HZ)) / LINE_RATE_HZ
    tone = np.zeros_like(time_s)
    for harmonic, amplitude in enumerate(PARTIALS, start=1):
        if f0_hz * harmonic < LINE_RATE_HZ / 2:
            decay = np.exp(-time_s * np.sqrt(harmonic) / decay_s)
            tone += amplitude * decay * np.sin(2 * np.pi * f0_hz * harmonic * time_s)
    attack = np.minimum(time_s / attack_s, 1.0)
    release = np.minimum((duration_s - time_s) / 0.05, 1.0)
    return tone * attack * release


def _add(sound: np.ndarray, tone: np.ndarray, start_s: float) -> None:
    """Adds ``tone`` into ``sound`` in place; what lies beyond the end is dropped."""
    start = round(start_s * LINE_RATE_HZ)
    part = tone[: max(0, len(sound) - start)]
    sound[start : start + len(part)] += part

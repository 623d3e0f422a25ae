"""What is timed: calls of any length, built with their truth, or recordings that are given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from tests.bench.build import build
from tests.bench.clips import from_samples
from tests.bench.line import CONDITIONS
from tests.generator.mix import MONO_GAIN

SEED = 8
ROLES = ("agent", "customer")
Spoken = tuple[str, float, float]
"""Who, from when, until when (s)."""


@dataclass(frozen=True, slots=True)
class TimedCall:
    """A call on disk with two channels (agent left) and mixed to one.

    ``words``: what is said, each word as one that is spoken at a time; ``spoken``: who speaks when.
    Both are empty where nobody knows.
    """

    name: str
    stereo: Path
    mono: Path
    duration_s: float
    words: tuple[tuple[Spoken, str], ...] = ()
    spoken: tuple[Spoken, ...] = ()

    def text(self, role: str | None = None) -> str:
        """What somebody says, or all in order of time."""
        in_time = sorted(self.words, key=lambda word: word[0][1])
        return " ".join(text for (who, *_), text in in_time if role in (None, who))


def build_call(name: str, minutes: float, folder: Path) -> TimedCall:
    """Two voices of the sample calls, in built calls one after the other, cut at the length."""
    speakers = from_samples()
    pair = [next(s for s in speakers if s.part == role) for role in ROLES]
    parts: list[np.ndarray] = []
    words: list[tuple[Spoken, str]] = []
    at_s, number = 0.0, 0
    while at_s < 60 * minutes:
        call = build(number * len(CONDITIONS), SEED, pair, folder)  # the plain line
        samples, rate = soundfile.read(call.stereo, dtype="float32")
        parts.append(samples[:, ::-1] if call.agent_channel == "right" else samples)
        for turn in call.truth["turns"]:
            who = turn["speaker"]
            for word in turn["words"] if who in ROLES else ():
                if at_s + word["end"] <= 60 * minutes:
                    words.append(((who, at_s + word["start"], at_s + word["end"]), word["w"]))
        for made in (call.stereo, call.mono):
            made.unlink()
        at_s += len(samples) / rate
        number += 1
    sound = np.concatenate(parts)[: round(60 * minutes * rate)]
    return _stored(name, sound, rate, folder, tuple(words), _joined([at for at, _ in words]))


def given_call(path: Path, folder: Path) -> TimedCall:
    """A recording with two channels; who speaks when from ``NAME.rttm`` beside it, if it is there.

    Raises SystemExit where it has another number of channels.
    """
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    if sound.shape[1] != 2:
        raise SystemExit(f"{path}: {sound.shape[1]} channels; give recordings with two")
    truth = path.with_suffix(".rttm")
    spoken = _read_rttm(truth) if truth.is_file() else ()
    return _stored(path.stem, sound, rate, folder, (), spoken)


def _stored(
    name: str,
    sound: np.ndarray,
    rate: int,
    folder: Path,
    words: tuple[tuple[Spoken, str], ...],
    spoken: tuple[Spoken, ...],
) -> TimedCall:
    stereo, mono = folder / f"{name}.wav", folder / f"{name}-mono.wav"
    soundfile.write(stereo, sound, rate, subtype="PCM_16")
    soundfile.write(mono, MONO_GAIN * sound.sum(axis=1), rate, subtype="PCM_16")
    return TimedCall(name, stereo, mono, len(sound) / rate, words, spoken)


PAUSE_S = 0.15
"""Shorter gaps between words belong to the speech, as in the truth of the sample calls."""


def _joined(spoken: Sequence[Spoken]) -> tuple[Spoken, ...]:
    """Words of one speaker that follow each other, as stretches of speech."""
    joined: list[Spoken] = []
    for who, start, end in sorted(spoken):
        if joined and joined[-1][0] == who and start - joined[-1][2] <= PAUSE_S:
            joined[-1] = (who, joined[-1][1], max(end, joined[-1][2]))
        else:
            joined.append((who, start, end))
    return tuple(joined)


def _read_rttm(path: Path) -> tuple[Spoken, ...]:
    rows = [re.split(r"\s+", line) for line in path.read_text().splitlines() if line.strip()]
    return tuple((row[7], float(row[3]), float(row[3]) + float(row[4])) for row in rows)

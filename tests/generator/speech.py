"""A clip as the line carries it: telephone band, trimmed to the speech, words timed from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .records import Clip, Word
from .telephone import FRAME_S, LINE_RATE_HZ, db_to_gain, frame_rms, to_line

SPEECH_BELOW_PEAK_DB = 33.0  # quieter frames at the ends are not speech
PEAK_PERCENTILE = 98  # of the frames, so that one click does not set the peak
MARGIN_S = 0.03  # kept and faded on both sides of the speech
SHORTEST_WORD_S = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """One utterance at 8 kHz. Speech starts ``lead_s`` into ``samples``; words count from there."""

    samples: np.ndarray  # shape=(samples,)
    lead_s: float
    duration_s: float
    words: tuple[Word, ...]


def speech_of(clip: Clip) -> Speech:
    """Band-limits and trims a clip. Its start and end are exact to one frame (10 ms)."""
    line = to_line(clip.samples, clip.sample_rate_hz)
    rms = frame_rms(line)
    floor = np.percentile(rms, PEAK_PERCENTILE) * db_to_gain(-SPEECH_BELOW_PEAK_DB)
    loud = np.flatnonzero(rms > floor)
    onset_s, end_s = loud[0] * FRAME_S, (loud[-1] + 1) * FRAME_S
    margin = round(MARGIN_S * LINE_RATE_HZ)
    first = max(0, round(onset_s * LINE_RATE_HZ) - margin)
    samples = line[first : round(end_s * LINE_RATE_HZ) + margin].copy()
    fade = np.linspace(0.0, 1.0, margin // 2)
    samples[: len(fade)] *= fade
    samples[-len(fade) :] *= fade[::-1]
    return Speech(
        samples=samples,
        lead_s=float(onset_s - first / LINE_RATE_HZ),
        duration_s=float(end_s - onset_s),
        words=_words_within(clip.words, float(onset_s), float(end_s)),
    )


def _words_within(words: Sequence[Word], onset_s: float, end_s: float) -> tuple[Word, ...]:
    """Word times from the onset: inside the speech, in order, none empty, both ends touched."""
    duration_s = end_s - onset_s
    earliest = SHORTEST_WORD_S * np.arange(len(words))
    latest = duration_s - SHORTEST_WORD_S * np.arange(len(words), 0, -1)
    starts = np.array([word.start_s for word in words]) - onset_s
    ends = np.array([word.end_s for word in words]) - onset_s
    starts = np.minimum(np.maximum.accumulate(np.maximum(starts, earliest)), latest)
    starts[0], ends[-1] = 0.0, duration_s
    ends = np.clip(ends, starts + SHORTEST_WORD_S, np.append(starts[1:], duration_s))
    return tuple(
        Word(word.text, float(start), float(end))
        for word, start, end in zip(words, starts, ends, strict=True)
    )

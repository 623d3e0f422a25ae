"""A tone in place of words that must not be heard."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.records import Span

BEFORE_S = 0.15
AFTER_S = 0.5
"""Words are hidden so much longer. The recogniser's words begin and end too early: of 1,440 words
of eight built calls one began more than 0.02 s late (0.16 s), 5 % ended 0.3 s early, 1 % 0.45 s."""
TONE_HZ = 1000.0
AMPLITUDE = 0.1
"""Of full scale: about as loud as speech on a telephone."""
FADE_S = 0.01
"""The tone rises and falls in so long: without, it clicks."""


def beep(samples: np.ndarray, spans: Sequence[Span], sample_rate: int) -> np.ndarray:
    """A copy in which a tone of 1 kHz stands in place of the sound of all channels.

    Parameters
    ----------
    samples : np.ndarray [shape=(channels, n)], float
    spans : when hidden words are said; each is hidden with ``BEFORE_S`` and ``AFTER_S`` more
    """
    hidden = samples.copy()
    length = samples.shape[1]
    fade = round(FADE_S * sample_rate)
    for span in spans:
        start = max(0, int((span.start_s - BEFORE_S) * sample_rate))
        end = min(length, int(np.ceil((span.end_s + AFTER_S) * sample_rate)))
        if start >= end:
            continue
        at = np.arange(start, end)
        # By the time of the recording: overlapping spans make one tone.
        tone = AMPLITUDE * np.sin(2 * np.pi * TONE_HZ / sample_rate * at)
        ramp = np.minimum(1.0, np.minimum(at - start + 1, end - at) / fade)
        hidden[:, start:end] = tone * ramp
    return hidden


def hidden_in(result: Mapping[str, Any]) -> tuple[Span, ...] | None:
    """When personal data is said in a call (``result``: the documented form).

    Where words have no times their whole turn counts; None where that has none either, or was
    deleted: then nothing of the call may be heard.
    """
    spans = []
    for found in result.get("redactions", ()):
        timed = found["start_s"] is not None
        part = found if timed else next(iter(result["turns"][found["turn"] :]), found)
        if part["start_s"] is None or part["end_s"] is None:
            return None
        spans.append(Span(part["start_s"], part["end_s"]))
    return tuple(spans)

"""How much a recording is worth hearing early: a cheap guess from the signal, no model.

It decides the order in which a night's recordings are scored and nothing else.
"""

import numpy as np

from pipeline.audio import SAMPLE_RATE, Recording

FRAME_S = 0.02
# A channel's speech, roughly: all that is not far below its loud frames.
SPEECH_BELOW_LOUD_DB = 25.0
QUIETEST_SPEECH_DBFS = -60.0
# What adds one to the risk: loud speech a further 6 dB above the usual (twice the amplitude); both
# sides at once in a further tenth of the talk; ten seconds more of the longest silence (what the
# rubric guide calls dead air).
SWING_DB, OVERLAP, SILENCE_S = 6.0, 0.1, 10.0


def risk_of(recording: Recording) -> float:
    """How likely a call went badly, as a sum without a scale: loud voices, overlap, silence."""
    frame = round(FRAME_S * SAMPLE_RATE)
    frames = recording.samples.shape[1] // frame
    if frames == 0:
        return 0.0
    cut = recording.samples[:, : frames * frame].reshape(len(recording.samples), frames, frame)
    level_db = 10 * np.log10(np.mean(np.square(cut), axis=2) + 1e-10)
    speech = level_db > np.maximum(
        np.percentile(level_db, 95, axis=1, keepdims=True) - SPEECH_BELOW_LOUD_DB,
        QUIETEST_SPEECH_DBFS,
    )
    anyone = speech.any(axis=0)
    if not anyone.any():
        return 0.0
    swing_db = max(
        float(np.percentile(level[said], 98) - np.median(level[said]))
        for level, said in zip(level_db, speech, strict=True)
        if said.any()
    )
    overlap = speech.all(axis=0).sum() / anyone.sum() if len(speech) == 2 else 0.0
    silence_s = np.diff(np.flatnonzero(anyone), prepend=-1).max() * FRAME_S
    return round(swing_db / SWING_DB + float(overlap) / OVERLAP + float(silence_s) / SILENCE_S, 3)

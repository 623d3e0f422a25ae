"""CAM++ in the form in which pyannote's own pipeline takes an embedding model."""

from pathlib import Path
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from pyannote.audio.core.inference import BaseInference

from pipeline.audio import SAMPLE_RATE
from pipeline.campplus import DIMENSION, CamPlusPlus, features_of

LEAST_FRAMES = 25
"""A print of less than 0.25 s of a voice means nothing."""


class VoicePrints(BaseInference):
    """Prints of who is active in a window: the frames that its mask leaves, one window at a time.

    So pyannote does it with the WeSpeaker models, which take no masks either.
    """

    sample_rate = SAMPLE_RATE
    dimension = DIMENSION
    metric = "cosine"
    min_num_samples = LEAST_FRAMES * SAMPLE_RATE // 100

    def __init__(self, weights: Path) -> None:
        self.device = torch.device("cpu")
        self._model = CamPlusPlus(weights)

    def to(self, device: torch.device) -> Self:
        self._model.to(device)
        self.device = device
        return self

    def __call__(self, waveforms: torch.Tensor, masks: torch.Tensor) -> np.ndarray:
        """Shapes: waveforms (batch, 1, n), masks (batch, frames) -> (batch, dimension)."""
        prints = np.full((len(waveforms), DIMENSION), np.nan)
        last: tuple[torch.Tensor, torch.Tensor] | None = None
        for number, (waveform, mask) in enumerate(zip(waveforms, masks, strict=True)):
            if last is None or not torch.equal(last[0], waveform):
                last = waveform, features_of(waveform.to(self.device))
            features = last[1]
            wanted = F.interpolate(mask[None, None], size=len(features), mode="nearest")[0, 0] > 0.5
            if wanted.sum() >= LEAST_FRAMES:
                with torch.inference_mode():
                    one = self._model.network(features[wanted.to(self.device)][None])[0]
                prints[number] = one.cpu().numpy()
        return prints

"""The models of speaker separation at work: how much at once, in which order."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.audio import SAMPLE_RATE
from pipeline.diarize import BUNDLED, Diarizer, _Bundled
from pipeline.errors import TransientError
from pipeline.memory import AtOnce
from pipeline.records import Span

HOLDS = 2


class Segmentation:
    """Takes so many windows at once."""

    device = "cpu"
    batch_size = 32

    def __call__(self, _file):
        if self.batch_size > HOLDS:
            # As pyannote says it.
            raise MemoryError(f"batch_size ({self.batch_size}) is probably too large.")
        return SimpleNamespace(data=self.batch_size)


def embed(waveforms):
    """The first sample of each piece is its print."""
    if len(waveforms) > HOLDS:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
    return waveforms[:, :1]


@pytest.fixture
def bundled():
    return _Bundled(Segmentation(), embed, 2, AtOnce(8, "windows"), AtOnce(8, "voice prints"))


def test_fewer_windows_are_segmented_at_once_where_memory_runs_out(bundled, caplog):
    found = bundled._segment(np.zeros(SAMPLE_RATE, np.float32))
    assert found.data == HOLDS
    assert "from now on 2 windows at a time" in caplog.text


def test_prints_stay_in_order_whatever_their_length_and_memory(bundled, caplog):
    samples = np.arange(20 * SAMPLE_RATE, dtype=np.float32)
    windows = [Span(n, n + (1.5 if n % 3 else 0.75)) for n in range(10)]
    with ThreadPoolExecutor(2) as pool:
        prints = bundled._voice_prints(samples, windows, pool)
    assert prints[:, 0].tolist() == [n * SAMPLE_RATE for n in range(10)]
    assert "from now on 2 voice prints at a time" in caplog.text


def test_memory_that_runs_out_while_loading_may_be_free_again_later(monkeypatch):
    def full():
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")

    diarizer = Diarizer(BUNDLED, segmentation_step=0.1, device="cpu", threads=1)
    monkeypatch.setattr(diarizer, "_load", full)
    with pytest.raises(TransientError, match="the diarizer ran out of memory"):
        diarizer.load()

"""On which device the speech models run."""

import pytest

from pipeline.engines import SpeechEngines, choose_device
from pipeline.settings import Settings


@pytest.fixture
def broken_gpu(monkeypatch):
    """A driver that counts a GPU on which nothing can be computed."""
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("the GPU of this machine works")
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 1)


@pytest.mark.usefixtures("broken_gpu")
def test_a_gpu_that_does_not_work_is_passed_over_and_that_is_said(caplog):
    assert choose_device("auto")[0] == "cpu"
    engines = SpeechEngines(Settings())
    assert engines.transcriber.name.endswith("/int8/cpu")
    assert "does not work" in caplog.text
    assert "run callscore doctor" in caplog.text


def test_without_a_gpu_nothing_needs_to_be_said(caplog, monkeypatch):
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 0)
    SpeechEngines(Settings())
    assert not caplog.records

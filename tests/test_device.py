"""On which device the speech models run."""

import shutil
import sys
from pathlib import Path

import ctranslate2
import pytest

from pipeline import device
from pipeline.device import choose_device
from pipeline.engines import SpeechEngines
from pipeline.errors import ModelError, TransientError
from pipeline.settings import Settings


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 0)


@pytest.fixture
def broken_gpu(monkeypatch):
    """A driver that counts a GPU on which torch cannot compute."""
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("the GPU of this machine works")
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 1)
    monkeypatch.setattr(device, "_load_cublas", lambda: True)


@pytest.mark.usefixtures("broken_gpu")
def test_a_gpu_that_does_not_work_is_passed_over_and_that_is_said(caplog):
    chosen = choose_device("auto")
    assert chosen.name == "cpu"
    assert "driver" in str(chosen.remedy)
    engines = SpeechEngines(Settings())
    assert engines.transcriber.name.endswith("/int8/cpu")
    assert "does not work" in caplog.text
    assert "run callscore doctor" in caplog.text
    with pytest.raises(ModelError, match=r"does not work .*; torch cannot compute on it"):
        choose_device("cuda")


ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it has another name")


@ON_LINUX
def test_a_gpu_without_cublas_is_passed_over_and_that_is_said(monkeypatch):
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 1)
    monkeypatch.setattr(device, "CUBLAS", "libnosuch.so.12")
    chosen = choose_device("auto")
    assert (chosen.name, chosen.why) == (
        "cpu", "the CUDA device does not work without libnosuch.so.12"
    )  # fmt: skip
    assert "nvidia-cublas-cu12" in str(chosen.remedy)


@ON_LINUX
def test_cublas_is_found_in_its_package(tmp_path, monkeypatch):
    some = Path(ctranslate2._ext.__file__)  # a library like any other
    monkeypatch.setattr(device, "CUBLAS", "libnosuch.so.12")
    assert not device._load_cublas()
    libraries = tmp_path / "nvidia" / "cublas" / "lib"
    libraries.mkdir(parents=True)
    shutil.copy(some, libraries / "libnosuch.so.12")
    monkeypatch.syspath_prepend(tmp_path)
    assert device._load_cublas()


def test_a_gpu_whose_memory_is_full_is_waited_for(monkeypatch):
    def full(*_size, **_where):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 MiB")

    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 1)
    monkeypatch.setattr(device, "_load_cublas", lambda: True)
    monkeypatch.setattr("torch.ones", full)
    with pytest.raises(TransientError, match="the GPU's memory is full"):
        choose_device("auto")


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_nothing_needs_to_be_said(caplog):
    SpeechEngines(Settings())
    assert not caplog.records


@pytest.mark.usefixtures("no_gpu")
def test_a_gpu_that_was_asked_for_and_is_not_there():
    with pytest.raises(ModelError, match="no CUDA device was found; set device to auto"):
        choose_device("cuda")

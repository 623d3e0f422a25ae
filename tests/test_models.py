"""The bundled models are there, unaltered, and a damaged one is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import models
from pipeline.errors import ModelError
from pipeline.models import ModelFile


@pytest.mark.parametrize("model", models.BUNDLED, ids=lambda m: m.name)
def test_bundled(model):
    models.verify(model)


def test_damaged():
    damaged = ModelFile("x", models.EMBEDDING.parts, "0" * 64)
    with pytest.raises(ModelError, match="differs from the recorded SHA-256; reinstall"):
        models.verify(damaged)


def test_missing():
    missing = ModelFile("x", (("no_such_package", "a.bin"),), "0" * 64)
    with pytest.raises(ModelError, match="no_such_package is not installed"):
        models.verify(missing)


def test_the_joined_weights_are_made_anew_when_half_written(monkeypatch, tmp_path):
    monkeypatch.setattr(models, "user_cache_path", lambda _: tmp_path)
    weights = models.whisper_dir() / "model.bin"
    size = weights.stat().st_size
    with weights.open("r+b") as file:
        file.truncate(1000)
    assert (models.whisper_dir() / "model.bin").stat().st_size == size


def test_stereo_never_imports_pyannote_and_mono_sends_nothing():
    """Telemetry is off before pyannote is imported; a stereo call does not import it at all."""
    script = """
import os, sys
from pathlib import Path
from pipeline.call import listen
from pipeline.engines import SpeechEngines
from pipeline.records import Metadata
from pipeline.settings import Settings
engines = SpeechEngines(Settings())
listen(Path("tests/samples/abusive_customer.flac"), Metadata("a", agent_channel="left"), engines)
assert not [m for m in sys.modules if m.startswith(("pyannote", "torch."))], "stereo needs no torch"
listen(Path("tests/samples/mono_call.flac"), Metadata("b"), engines)
from pyannote.audio.telemetry.metrics import is_metrics_enabled
assert not is_metrics_enabled()
"""
    environment = {k: v for k, v in os.environ.items() if k != "PYANNOTE_METRICS_ENABLED"}
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", script], cwd=root, env=environment, check=True)

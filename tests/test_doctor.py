import json

import pytest
from typer.testing import CliRunner

from pipeline import doctor
from pipeline.cli import app
from pipeline.device import Device
from pipeline.doctor import checks
from pipeline.settings import load_settings


def found(settings=None) -> dict[str, doctor.Check]:
    return {check.name: check for check in checks(settings or load_settings())}


def test_tells_packages_models_device_database_and_settings():
    told = found()
    assert told["Python"].ok
    assert told["SQLAlchemy"].found[0].isdigit()
    assert any("Whisper" in name for name in told)
    assert told["database"].ok
    assert "cores" in told["device"].found
    assert told["settings: rubric"].found == "leap"


def test_a_missing_package_comes_with_its_remedy(monkeypatch):
    monkeypatch.setattr(doctor, "PACKAGES", ("no-such-package",))
    check = found()["no-such-package"]
    assert not check.ok
    assert "pip install" in str(check.remedy)


def test_a_gpu_that_does_not_work_comes_with_its_remedy(monkeypatch):
    lacking = Device("cpu", "the CUDA device does not work without x.so", "install x")
    monkeypatch.setattr("pipeline.device._gpu", lambda: lacking)
    device = found()["device"]
    assert device.ok  # the CPU does it
    assert device.found.startswith("cpu: the CUDA device does not work without x.so; ")
    assert device.remedy == "install x"
    device = found(load_settings(device="cuda"))["device"]
    assert not device.ok
    assert "install x" in device.found


def test_a_gpu_that_was_asked_for_and_is_not_there(monkeypatch):
    ctranslate2 = pytest.importorskip("ctranslate2")
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    assert found()["device"].ok
    assert not found(load_settings(device="cuda"))["device"].ok


def test_a_database_that_cannot_be_reached_and_its_password():
    told = found(load_settings(db_url="postgresql+asyncpg://u:hunter2@nowhere/db"))
    assert not told["database"].ok
    assert "hunter2" not in json.dumps([check.found for check in told.values()])


def test_a_variable_that_is_no_setting(monkeypatch):
    monkeypatch.setenv("CALLSCORE_DEVISE", "cpu")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "CALLSCORE_DEVISE" in result.stdout

"""The nightly flow under a real Prefect server, with a listener that needs no models."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import flows.tasks
from flows.__main__ import app
from flows.nightly import nightly
from pipeline.errors import ModelError, RecordingError, TransientError
from pipeline.store import Store

pytestmark = pytest.mark.usefixtures("prefect_server")
WORDS = ("4711", "secret", "sorry")  # of the call that the listener hears


@pytest.fixture(autouse=True)
def data(monkeypatch, settings) -> None:
    monkeypatch.setenv("CALLSCORE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setattr(flows.tasks, "RETRY_DELAYS_S", [0, 0, 0])


@pytest.fixture
def calls(tmp_path, make_wav) -> Path:
    folder = tmp_path / "calls"
    for content, name in enumerate(["a.wav", "b.wav", "c.wav"]):
        make_wav(folder / name, content)
    names = {"agent_id": "a1", "agent_name": "Jane Doe", "customer_id": "Max Mustermann"}
    (folder / "a.json").write_text(json.dumps(names))
    return folder


def artifacts() -> dict[str, str]:
    """The latest artifacts by key, as text."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        made = sorted(client.read_artifacts(), key=lambda found: str(found.created))
        return {found.key: str(found.data) for found in made if found.key}


def test_all_scored_is_completed_and_a_second_night_listens_to_nothing(calls, listener, settings):
    state = nightly([str(calls)], return_state=True)
    assert state.is_completed()
    assert "0 of 3 recordings failed" in str(state.message)
    batch = state.result()["batch"]
    with Store(settings.database_url) as store:
        assert [outcome.status for outcome in store.outcomes(batch)] == ["scored"] * 3
    assert Path(state.result()["report"]).is_file()

    again = nightly([str(calls)], return_state=True)
    assert again.is_completed()
    assert len(listener.heard) == 3

    shown = artifacts()
    assert set(shown) == {"calls", "batch"}
    assert all("a1" in text for text in shown.values())
    for text in shown.values():
        assert not [word for word in (*WORDS, "Jane", "Max") if word in text]


def test_one_bad_file_sinks_nothing_and_the_end_is_honest(calls, listener, settings):
    listener.errors["b.wav"] = [RecordingError("b.wav: silent; check the recorder")]
    listener.errors["c.wav"] = [ModelError("no diarization model")]
    state = nightly([str(calls), "gone.wav"], return_state=True)
    assert state.is_failed()
    assert "3 of 4 recordings failed" in str(state.message)
    assert sorted(listener.heard) == ["a.wav", "b.wav", "c.wav"]  # permanent: tried once
    data = state.result(raise_on_failure=False)
    with Store(settings.database_url) as store:
        statuses = {Path(o.path).name: o.status for o in store.outcomes(data["batch"])}
    assert statuses == {
        "a.wav": "scored",
        "b.wav": "failed",
        "c.wav": "failed",
        "gone.wav": "failed",
    }
    assert "b.wav: silent" in artifacts()["batch"]


def test_what_may_pass_is_tried_again_but_not_for_ever(calls, listener, settings):
    listener.errors["a.wav"] = [TransientError("share away")] * 2
    listener.errors["b.wav"] = [TransientError("database away")] * 99
    state = nightly([str(calls)], return_state=True)
    assert "1 of 3 recordings failed" in str(state.message)
    assert listener.heard.count("a.wav") == 3
    assert listener.heard.count("b.wav") == 4
    with Store(settings.database_url) as store:
        outcomes = store.outcomes(state.result(raise_on_failure=False)["batch"])
    assert [outcome.reason for outcome in outcomes if outcome.status == "failed"] == [
        "database away"
    ]


@pytest.mark.usefixtures("listener")
def test_an_empty_folder_is_a_quiet_night(tmp_path):
    (tmp_path / "empty").mkdir()
    assert nightly([str(tmp_path / "empty")], return_state=True).is_completed()


def test_run_prints_tables_and_where_things_lie(calls, listener):
    listener.errors["b.wav"] = [RecordingError("b.wav: silent; check the recorder")]
    result = CliRunner().invoke(app, ["run", str(calls)])
    assert result.exit_code == 1
    for part in ("Calls", "Agents", "a1", "Results: sqlite:", "Report:"):
        assert part in result.stdout
    assert "b.wav: silent" in result.stderr
    assert not [word for word in WORDS if word in result.stderr]


@pytest.mark.usefixtures("listener")
def test_run_with_bad_settings(calls, monkeypatch):
    monkeypatch.setenv("CALLSCORE_DEVICE", "tpu")
    result = CliRunner().invoke(app, ["run", str(calls)])
    assert result.exit_code == 2
    assert "callscore: environment variable CALLSCORE_DEVICE" in result.stderr


def test_serve_with_a_schedule_that_makes_no_sense(calls):
    result = CliRunner().invoke(app, ["serve", str(calls), "--cron", "at night"])
    assert result.exit_code == 2
    assert "--cron" in result.stderr


def test_the_nights_are_planned(calls):
    """Prefect plans the runs of the schedule; with SQLAlchemy 2.1 its planner fails (3.8.8)."""
    from prefect.client.orchestration import get_client
    from prefect.schedules import Cron

    schedule = Cron("0 2 * * *", timezone="Europe/Berlin")
    parameters = {"paths": [str(calls)], "rubric": None}
    deployment = nightly.to_deployment("nightly", schedule=schedule, parameters=parameters).apply()
    with get_client(sync_client=True) as client:
        path = {"id": deployment}
        client.request("POST", "/deployments/{id}/schedule", path_params=path, json={})
        planned = [run for run in client.read_flow_runs() if run.deployment_id == deployment]
    assert planned
    assert all(run.parameters == parameters for run in planned)

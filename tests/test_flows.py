"""The nightly flow under a real Prefect server, with a listener that needs no models."""

import json
import os
import signal
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from typer.testing import CliRunner

import flows.nightly
import flows.tasks
from flows.__main__ import app
from flows.nightly import nightly
from pipeline.crew import Crew, Order
from pipeline.errors import ModelError, RecordingError, TransientError
from pipeline.find import Found
from pipeline.rubric import load_rubrics
from pipeline.store import Store
from tests.bench.nights import Night, kill

pytestmark = pytest.mark.usefixtures("prefect_server")
WORDS = ("4711", "secret", "sorry")  # of the call that the listener hears


@pytest.fixture(autouse=True)
def data(monkeypatch, settings, listener) -> None:
    monkeypatch.setenv("CALLSCORE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("CALLSCORE_SETTLE_S", "0")
    monkeypatch.setattr(flows.tasks, "RETRY_DELAYS_S", [0, 0, 0])
    monkeypatch.setattr(flows.nightly, "listen", listener)


@pytest.fixture
def calls(tmp_path, make_wav) -> Path:
    folder = tmp_path / "calls"
    for content, name in enumerate(["a.wav", "b.wav", "c.wav"]):
        make_wav(folder / name, content)
    names = {"agent_id": "a1", "agent_name": "Jane Doe", "customer_id": "Max Mustermann"}
    (folder / "a.json").write_text(json.dumps(names))
    return folder


def artifacts(since: datetime | None = None) -> dict[str, str]:
    """The latest artifacts by key, as text: the server is shared with tests of other flows."""
    with get_client(sync_client=True) as client:
        made = sorted(client.read_artifacts(), key=lambda found: str(found.created))
        young = [found for found in made if since is None or found.updated >= since]
        return {found.key: str(found.data) for found in young if found.key}


def test_all_scored_is_completed_and_a_second_night_listens_to_nothing(calls, listener, settings):
    began = datetime.now(UTC)
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

    shown = artifacts(began)
    assert set(shown) == {"calls", "batch", "progress"}
    assert all("a1" in shown[key] for key in ("calls", "batch"))
    assert float(shown["progress"]) == 100
    for text in shown.values():
        assert not [word for word in (*WORDS, "Jane", "Max") if word in text]


def test_one_bad_file_sinks_nothing_and_the_end_is_honest(calls, listener, settings):
    listener.fails("b.wav", RecordingError(f"{calls}/b.wav: silent; check the recorder"))
    listener.fails("c.wav", ModelError("no diarization model"))
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
    assert "`` silent; check the recorder ``" in artifacts()["batch"]


def test_what_may_pass_is_tried_again_but_not_for_ever(calls, listener, settings):
    listener.fails("a.wav", TransientError("share away"), times=2)
    listener.fails("b.wav", TransientError("database away"), times=99)
    state = nightly([str(calls)], return_state=True)
    assert "1 of 3 recordings failed" in str(state.message)
    assert listener.heard.count("a.wav") == 3
    assert listener.heard.count("b.wav") == 4
    with Store(settings.database_url) as store:
        outcomes = store.outcomes(state.result(raise_on_failure=False)["batch"])
    assert [outcome.reason for outcome in outcomes if outcome.status == "failed"] == [
        "database away"
    ]


def test_no_name_reaches_prefect(calls, listener, settings):
    """Not even a file name: it may be a customer's."""
    (calls / "b.wav").rename(calls / "Max Mustermann.wav")
    listener.fails("Max Mustermann.wav", RecordingError(f"{calls}/Max Mustermann.wav: silent"))
    state = nightly([str(calls)], return_state=True)
    assert "1 of 3 recordings failed" in str(state.message)
    (failed,) = [o for o in Store(settings.database_url).outcomes(1) if o.status == "failed"]
    shown = artifacts()
    assert f"- {failed.number}: `` silent ``" in shown["batch"]
    with get_client(sync_client=True) as client:
        runs = [*client.read_flow_runs(), *client.read_task_runs()]
    told = [str(shown), *(str(run.state and run.state.message) for run in runs)]
    told += [run.name for run in runs]
    assert not [text for text in told if "Mustermann" in text]


def test_a_batch_that_is_cut_off_says_so_without_names(calls, monkeypatch):
    def breaks(*_given, **_options):
        raise TransientError("database /home/max/calls.db: gone")

    monkeypatch.setattr(flows.nightly, "open_batch", breaks)
    state = nightly([str(calls)], return_state=True)
    assert state.is_failed()
    assert "cut off (TransientError)" in str(state.message)
    assert "max" not in str(state.message)
    result = CliRunner().invoke(app, ["run", str(calls)])
    assert result.exit_code == 1
    assert "calls.db: gone (what is done is kept" in result.stderr


def test_processes_that_die_with_nothing_to_do_are_started_anew(
    settings, listener, make_wav, tmp_path
):
    order = Order(1, settings, load_rubrics("leap", {}), listener)
    with Store(settings.database_url) as store, Crew(order) as crew:
        assert store.start_batch("test") == 1
        assert crew.score(Found(make_wav(tmp_path / "a.wav", 1))).status == "scored"
        for process in scoring_processes():
            os.kill(process, signal.SIGKILL)
        time.sleep(1)
        for _ in range(10):
            try:
                outcome = crew.score(Found(make_wav(tmp_path / "b.wav", 2)))
                break
            except TransientError:
                continue
        assert outcome.status == "scored"


def scoring_processes() -> list[int]:
    """Processes that score for this one."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            rest = stat.read_text().rpartition(")")[2]
            command = (stat.parent / "cmdline").read_text()
            if int(rest.split()[1]) == os.getpid() and "spawn_main" in command:
                found.append(int(stat.parent.name))
    return found


def test_an_empty_folder_is_a_quiet_night(tmp_path):
    (tmp_path / "empty").mkdir()
    assert nightly([str(tmp_path / "empty")], return_state=True).is_completed()


def statuses(settings, state) -> dict[str, tuple[str, str | None]]:
    data = state.result(raise_on_failure=False)
    with Store(settings.database_url) as store:
        return {Path(o.path).name: (o.status, o.reason) for o in store.outcomes(data["batch"])}


def test_a_call_that_kills_its_process_costs_itself_only(calls, listener, settings):
    """Tried three times, then quarantined, in this night and in the next ones."""
    listener.fails("a.wav", "kill", times=9)
    state = nightly([str(calls)], return_state=True)
    assert state.is_failed()
    found = statuses(settings, state)
    assert {name: status for name, (status, _) in found.items()} == {
        "a.wav": "quarantined", "b.wav": "scored", "c.wav": "scored",
    }  # fmt: skip
    assert "killed, mostly because memory ran out" in str(found["a.wav"][1])
    assert listener.heard.count("a.wav") == 3

    again = nightly([str(calls)], return_state=True)
    assert again.is_completed()
    assert statuses(settings, again)["a.wav"][0] == "skipped"
    assert listener.heard.count("a.wav") == 3


def test_a_call_that_kills_once_is_scored_in_the_end(calls, listener, settings):
    listener.fails("a.wav", "kill")
    state = nightly([str(calls)], return_state=True)
    assert state.is_completed()
    assert statuses(settings, state)["a.wav"] == ("scored", None)


def test_a_call_that_hangs_is_ended(calls, listener, settings, monkeypatch):
    monkeypatch.setenv("CALLSCORE_CALL_TIMEOUT_S", "2")
    monkeypatch.setenv("CALLSCORE_QUARANTINE_AFTER", "1")
    listener.fails("a.wav", "hang")
    found = statuses(settings, nightly([str(calls)], return_state=True))
    assert found["a.wav"][0] == "quarantined"
    assert "longer than 2 s" in str(found["a.wav"][1])
    assert found["b.wav"][0] == "scored"


def test_processes_are_replaced_after_so_many_calls(calls, listener, monkeypatch):
    monkeypatch.setenv("CALLSCORE_CALLS_PER_PROCESS", "1")
    monkeypatch.setenv("CALLSCORE_PARALLEL_CALLS", "1")
    assert nightly([str(calls)], return_state=True).is_completed()
    assert len(set(listener.processes)) == 3


def test_a_file_that_is_still_written_waits_for_the_next_night(
    calls, make_wav, settings, monkeypatch
):
    monkeypatch.setenv("CALLSCORE_SETTLE_S", "1.5")
    for path in (calls / "a.wav", calls / "b.wav"):
        os.utime(path, (1e9, 1e9))
    growing = threading.Thread(
        target=lambda: [(time.sleep(0.3), make_wav(calls / "c.wav", n)) for n in range(12)]
    )
    growing.start()
    found = statuses(settings, nightly([str(calls)], return_state=True))
    growing.join()
    assert found["c.wav"] == ("skipped", "still being written; the next batch takes it")
    assert found["a.wav"][0] == found["b.wav"][0] == "scored"
    time.sleep(1.5)
    state = nightly([str(calls)], return_state=True)
    assert state.is_completed()
    assert statuses(settings, state)["c.wav"][0] == "scored"


def test_when_the_time_is_up_the_rest_is_left_and_said(calls, settings):
    state = nightly([str(calls)], hours=0, return_state=True)
    assert state.is_completed()
    assert set(statuses(settings, state).values()) == {
        ("skipped", "no time left; the next batch takes it")
    }
    assert set(statuses(settings, nightly([str(calls)], return_state=True)).values()) == {
        ("scored", None)
    }


def test_the_same_batch_started_twice_and_cut_off(tmp_path, database_url):
    """Two workers, one of them killed: one batch, every recording scored once."""
    night = Night.of(tmp_path / "night", database_url, calls=30, takes_s=0.2)
    first, second = night.worker(), night.worker()
    while night.counts()["scored"] < 5:
        time.sleep(0.1)
    kill(first)
    assert second.wait() == 0, night.log
    counts = night.counts()
    assert (counts["scored"], counts["results"], counts["batches"]) == (30, 30, 1)
    assert counts["unfinished"] == 0
    assert len(set(night.listener.heard)) == 30
    # Once more at most what the killed one had in hand.
    assert len(night.listener.heard) <= 30 + 2


def test_run_prints_tables_and_where_things_lie(calls, listener):
    listener.fails("b.wav", RecordingError("b.wav: silent; check the recorder"))
    result = CliRunner().invoke(app, ["run", str(calls)])
    assert result.exit_code == 1
    for part in ("Calls", "Agents", "a1", "Results: sqlite:", "Report:"):
        assert part in result.stdout
    assert "b.wav: silent" in result.stderr
    assert not [word for word in WORDS if word in result.stderr]


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

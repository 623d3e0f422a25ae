"""What a team runs: deployments, alerts, the end of dead runs; with a real Prefect server."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Empty, SimpleQueue

import httpx
import pytest

from pipeline.errors import RecordingError
from pipeline.store import Store
from tests.bench.nights import ROOT, Night, PrefectServer, kill
from tests.postgres import find_free_port


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[PrefectServer]:
    started = PrefectServer(tmp_path_factory.mktemp("prefect"), find_free_port())
    started.start()
    yield started
    started.stop()


@pytest.fixture
def received(free_port) -> Iterator[SimpleQueue]:
    """What is posted to ``free_port``."""
    messages: SimpleQueue = SimpleQueue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    receiver = HTTPServer(("127.0.0.1", free_port), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    yield messages
    receiver.shutdown()


def automations(server: PrefectServer, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows", "automations", *options]
    return subprocess.run(
        command, cwd=ROOT, env=server.environment, capture_output=True, text=True, check=False
    )


def test_a_failed_night_is_told(server, received, free_port, tmp_path, settings):
    url = f"http://127.0.0.1:{free_port}/hook"
    for _ in range(2):  # again: in place of the first, no message twice
        made = automations(server, "--webhook", url)
        assert made.returncode == 0, made.stderr
    assert "a night failed" in made.stdout
    night = Night.of(tmp_path / "night", settings.database_url, calls=3, server=server)
    night.listener.fails("c001.wav", RecordingError("c001.wav: secret; check the recorder"))
    assert night.worker().wait() == 1
    message = received.get(timeout=60)
    assert message["subject"] == "callscore: nightly Failed"
    assert "1 of 3 recordings failed; batch 1" in message["text"]
    assert "secret" not in json.dumps(message)
    with pytest.raises(Empty):
        received.get(timeout=3)


def test_the_run_of_a_dead_worker_is_ended(server, tmp_path, settings):
    night = Night.of(tmp_path / "night", settings.database_url, 6, takes_s=0.5, server=server)
    dead = night.worker()
    while night.counts()["scored"] < 1:
        time.sleep(0.1)
    kill(dead)
    assert night.worker().wait() == 0
    api = server.environment["PREFECT_API_URL"]
    for _ in range(100):  # the server learns of task runs a little later
        runs = httpx.post(f"{api}/flow_runs/filter", json={"sort": "START_TIME_DESC"}).json()
        states = [(run["state"]["name"], run["state"]["message"]) for run in runs[:2]]
        if states[1][0] == "Crashed":
            break
        time.sleep(0.1)
    assert states[0][0] == "Completed"
    assert states[1][0] == "Crashed"
    assert "calls that it had in hand: " in states[1][1]


def prefect(server: PrefectServer, *arguments: str, **settings: str) -> str:
    command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=server.environment | settings, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_worker_runs_the_deployment(server, tmp_path, settings):
    """As README says it; the only recording is empty, so that no model is needed."""
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "a.wav").touch()
    prefect(server, "work-pool", "create", "callscore", "--type", "process")
    prefect(server, "deploy", "--prefect-file", "flows/prefect.yaml", "--all")
    paths = json.dumps([str(tmp_path / "calls")])
    prefect(server, "deployment", "run", "nightly/nightly", "--param", f"paths={paths}")
    own = {"CALLSCORE_DB_URL": settings.database_url, "CALLSCORE_SETTLE_S": "0"}
    own["CALLSCORE_DATA_DIR"] = str(settings.data_dir)
    prefect(server, "worker", "start", "--pool", "callscore", "--run-once", **own)
    with Store(settings.database_url) as store:
        (outcome,) = store.outcomes(1)
        assert (outcome.status, outcome.path) == ("failed", str(tmp_path / "calls" / "a.wav"))
        assert "0 bytes" in str(outcome.reason)


def test_automations_need_a_server(settings, tmp_path):  # noqa: ARG001 - settings of its own
    environment = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
    environment["PREFECT_HOME"] = str(tmp_path)
    command = [sys.executable, "-m", "flows", "automations"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "PREFECT_API_URL: not set" in done.stderr
    environment |= {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_CLIENT_MAX_RETRIES": "0"}
    for options, says in (([], "nobody answers"), (["--webhook", "chat"], "expected an address")):
        done = subprocess.run(
            [*command, *options], cwd=ROOT, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert says in done.stderr

"""How a night went, for people and for a monitoring system."""

import threading
import urllib.request
from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.find import Found
from pipeline.metrics import metrics_text, serve_metrics
from pipeline.status import batch_status
from pipeline.store import Store
from pipeline.worklist import Lined, Worklist, open_batch
from tests.test_store import JUDGING


@pytest.fixture
def store(database_url):
    with Store(database_url) as opened:
        yield opened


@pytest.fixture
def night(store, make_result, tmp_path) -> int:
    """Two calls scored in 3 s each, two failed for one reason, one waits."""
    batch = open_batch(store, "nightly flow", "scope")
    paths = [str(tmp_path / f"{name}.wav") for name in "abcde"]
    with Worklist(store, batch) as worklist:
        worklist.add(Lined(Found(tmp_path / path)) for path in paths)
    for number, path in enumerate(paths[:2]):
        store.keep_scored(
            batch, path, make_result(f"c{number}"), f"{number}" * 64, JUDGING,
            call_id_given=True, took_s=3.0,
        )  # fmt: skip
    for path in paths[2:4]:
        store.keep_outcome(batch, path, "failed", f"{path}: silent; check the recorder")
    return batch


def values(text: str) -> dict[str, float]:
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def run(store, *arguments):
    url = store._engine.url.render_as_string(hide_password=False)
    return CliRunner().invoke(app, [*arguments, "--db", url])


def test_an_unfinished_night_says_what_to_do(store, night):
    shown = run(store, "status")
    assert shown.exit_code == 1
    for part in (
        f"Batch {night} (nightly flow)",
        "start it again, it goes on where it was",
        "2 scored, 2 failed, 0 skipped, 0 quarantined, 1 waiting",
        "19 s of calls, real-time factor 0.32",
        "2 × silent; check the recorder",
    ):
        assert part in shown.stdout
    with Worklist(store, night):
        assert "still running (workers: 1)" in run(store, "status").stdout


def test_a_good_night(store, make_result):
    batch = open_batch(store, "nightly flow", "scope")
    store.keep_scored(
        batch, "/a.wav", make_result(), "a" * 64, JUDGING, call_id_given=True, took_s=3.0
    )
    with Worklist(store, batch) as worklist:
        assert worklist.close()
    shown = run(store, "status", str(batch))
    assert shown.exit_code == 0
    assert "1 scored" in shown.stdout
    assert run(store, "status", "99").exit_code == 2


def test_reasons_are_counted_without_names(store, night):
    found = batch_status(store, night)
    assert found is not None
    assert found.reasons == {"silent; check the recorder": 2}


@pytest.mark.usefixtures("night")
def test_metrics_are_prometheus_text(store):
    found = values(metrics_text(store))
    assert found["callscore_calls_total scored"] == 2
    assert found["callscore_calls_total failed"] == 2
    assert found["callscore_audio_seconds_total"] == pytest.approx(19.0)
    assert found["callscore_scoring_seconds_total"] == pytest.approx(6.0)
    assert found["callscore_queue_waiting"] == 1
    assert 0 <= found["callscore_queue_age_seconds"] < 60
    assert found["callscore_last_batch_finished"] == 0
    assert found["callscore_last_batch_calls waiting"] == 1
    began = found["callscore_last_batch_started_timestamp_seconds"]
    assert abs(began - datetime.now(UTC).timestamp()) < 60
    assert run(store, "metrics").stdout.startswith("# HELP callscore_up")


def test_metrics_of_a_database_that_is_away(postgres_server):
    with Store(postgres_server.new_database()) as store:
        assert values(metrics_text(store))["callscore_up"] == 1
        postgres_server.stop()
        try:
            assert values(metrics_text(store)) == {"callscore_up": 0}
        finally:
            postgres_server.start()


@pytest.mark.usefixtures("night")
def test_metrics_can_be_scraped(store, free_port):
    serving = threading.Thread(
        target=serve_metrics, args=(store, "127.0.0.1", free_port), daemon=True
    )
    serving.start()
    for _ in range(50):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics") as page:
                assert values(page.read().decode())["callscore_calls_total scored"] == 2
                break
        except OSError:
            serving.join(0.1)
    else:
        pytest.fail("nobody answered")
    taken = run(store, "metrics", "--listen", f"127.0.0.1:{free_port}")
    assert taken.exit_code == 2
    assert "name another port" in taken.stderr
    assert run(store, "metrics", "--listen", "here").exit_code == 2

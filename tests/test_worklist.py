"""The work list, on SQLite and on a real PostgreSQL."""

import os
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline import signs_of_life
from pipeline import worklist as worklist_module
from pipeline.find import Found
from pipeline.signs_of_life import DEAD_AFTER_S
from pipeline.store import Store
from pipeline.tables import BatchRow, OutcomeRow, WorkerRow
from pipeline.worklist import Lined, Relieved, Worklist, open_batch

ROOT = Path(__file__).parent.parent


@pytest.fixture
def store(database_url):
    with Store(database_url) as opened:
        yield opened


@pytest.fixture
def batch(store) -> int:
    return open_batch(store, "test", "scope")


def lined(name: str, risk: float = 0.0, sha256: str | None = None, **more) -> Lined:
    return Lined(Found(Path(f"/calls/{name}")), sha256 or name, risk, **more)


def row(store: Store, name: str) -> OutcomeRow:
    with store.read() as session:
        found = session.scalar(select(OutcomeRow).where(OutcomeRow.path == f"/calls/{name}"))
        assert found is not None
        return found


def test_who_starts_the_same_again_works_along(store):
    first = open_batch(store, "test", "scope")
    assert open_batch(store, "test", "scope") == first
    assert open_batch(store, "test", "another") != first
    with Worklist(store, first) as worklist:
        assert worklist.close()
    assert open_batch(store, "test", "scope") != first


def test_the_riskiest_first_and_each_once(store, batch):
    with Worklist(store, batch) as mine, Worklist(store, batch) as theirs:
        mine.add([lined("dull", 1.0), lined("hot", 9.0), lined("warm", 5.0)])
        theirs.add([lined("hot", 9.0), lined("late", 3.0)])
        claims = [mine.claim(), theirs.claim(), mine.claim(), theirs.claim()]
        names = [claim.found.path.name for claim in claims if claim]
        assert names == ["hot", "warm", "late", "dull"]
        assert mine.claim() is None
        assert not mine.close()


def test_one_content_is_never_in_two_hands(store, batch):
    other = open_batch(store, "test", "another scope")
    with Worklist(store, batch) as mine, Worklist(store, other) as theirs:
        mine.add([lined("a", sha256="same"), lined("copy", sha256="same")])
        theirs.add([lined("b", sha256="same")])
        claim = mine.claim()
        assert claim is not None
        assert mine.claim() is None
        assert theirs.claim() is None
        store.keep_outcome(batch, "/calls/a", "failed", "no call")
        assert theirs.claim() is not None


def test_many_threads_claim_each_once(store, batch):
    with Worklist(store, batch) as worklist:
        worklist.add([lined(f"c{number}") for number in range(60)])
        got: list[str] = []

        def take() -> None:
            while (claim := worklist.claim()) is not None:
                got.append(claim.found.path.name)

        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got) == sorted(f"c{number}" for number in range(60))


def test_what_is_settled_when_found_is_never_claimed(store, batch):
    with Worklist(store, batch) as worklist:
        worklist.add([lined("old", status="skipped", reason="scored already")])
        assert worklist.claim() is None
        assert worklist.close()
    assert [(o.status, o.reason) for o in store.outcomes(batch)] == [("skipped", "scored already")]


def test_the_end_of_a_worker_gives_back_what_it_had(store, batch):
    with Worklist(store, batch) as worklist:
        worklist.add([lined("a")])
        assert worklist.claim()
    assert row(store, "a").status == "waiting"
    with store.read() as session:
        assert session.scalars(select(WorkerRow)).all() == []


def test_a_killed_process_is_relieved_at_once(store, batch, database_url):
    with Worklist(store, batch) as worklist:
        worklist.add([lined("a"), lined("b")])
        script = (
            "import os, signal\n"
            "from pipeline.store import Store\n"
            "from pipeline.worklist import Worklist\n"
            f"with Worklist(Store({database_url!r}), {batch}) as worklist:\n"
            "    worklist.claim()\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
        assert row(store, "a").status == "working"
        assert worklist.rescue() == [Relieved(None, 1)]
        claims = [worklist.claim(), worklist.claim()]
        # What somebody died over comes last.
        assert [claim.found.path.name for claim in claims if claim] == ["b", "a"]


def test_a_silent_worker_elsewhere_is_relieved_by_our_own_clock(store, batch, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(signs_of_life.time, "monotonic", lambda: now[0])
    with Worklist(store, batch) as mine, Worklist(store, batch) as theirs:
        mine.add([lined("a")])
        assert theirs.claim()
        monkeypatch.setattr(signs_of_life, "this_host", lambda: "another host")
        for _ in range(10):  # silent, but not for long enough
            now[0] += DEAD_AFTER_S / 11
            assert mine.rescue() == []
        with store.write() as session:
            session.get_one(WorkerRow, theirs._worker).beats += 1
        for _ in range(10):
            now[0] += DEAD_AFTER_S / 11
            assert mine.rescue() == []
        for _ in range(3):
            now[0] += DEAD_AFTER_S / 11
        assert mine.rescue() == [Relieved(None, 1)]


def test_nobody_dies_while_nobody_could_look(store, batch, monkeypatch):
    """A database that was away kept the others from beating, too."""
    now = [1000.0]
    monkeypatch.setattr(signs_of_life.time, "monotonic", lambda: now[0])
    with Worklist(store, batch) as mine, Worklist(store, batch) as theirs:
        mine.add([lined("a")])
        assert theirs.claim()
        monkeypatch.setattr(signs_of_life, "this_host", lambda: "another host")
        assert mine.rescue() == []
        now[0] += 10 * DEAD_AFTER_S
        assert mine.rescue() == []


def test_what_could_not_be_stored_waits_again(store, batch):
    """It is ours by the list, and no longer in hand."""
    with Worklist(store, batch) as worklist:
        worklist.add([lined("a"), lined("b")])
        first, second = worklist.claim(), worklist.claim()
        worklist.rescue(in_hand={second.id})
        assert worklist.claim() == first
        assert worklist.claim() is None


def test_what_belongs_to_nobody_waits_again(store, batch):
    """A worker that was struck off may have claimed before it noticed."""
    with Worklist(store, batch) as worklist:
        worklist.add([lined("a")])
        worklist.claim()
        with store.write() as session:
            session.scalar(select(OutcomeRow)).worker = 4711
        worklist.rescue()
        assert worklist.claim()


def test_numbers_of_workers_are_not_given_again(store, batch):
    with Worklist(store, batch) as first:
        number = first._worker
    with Worklist(store, batch) as second:
        assert second._worker > number


def test_a_worker_that_was_taken_for_dead_comes_back(store, batch, monkeypatch):
    monkeypatch.setattr(worklist_module, "BEAT_EVERY_S", 0.05)
    with Worklist(store, batch) as worklist:
        with store.write() as session:
            session.delete(session.get_one(WorkerRow, worklist._worker))
        for _ in range(100):
            time.sleep(0.05)
            with store.read() as session:
                if session.get(WorkerRow, worklist._worker) is not None:
                    return
        pytest.fail("it gave no sign of life")


def test_a_batch_that_was_cut_off_long_ago_is_closed(store, batch):
    """Its recordings are found again by the next batch over them."""
    with Worklist(store, batch) as worklist:
        worklist.add([lined("a")])
    with store.write() as session:
        session.get_one(BatchRow, batch).started_at = datetime(2020, 1, 1)
    with Worklist(store, open_batch(store, "test", "another scope")) as worklist:
        assert worklist.close()
    assert [o.status for o in store.outcomes(batch)] == ["skipped"]
    assert open_batch(store, "test", "scope") != batch


def test_a_recording_that_kills_is_quarantined(store, batch):
    with Worklist(store, batch) as worklist:
        worklist.add([lined("a")])
        for _ in range(2):
            claim = worklist.claim()
            assert worklist.crashed(claim, "it was killed", most=3) is None
        outcome = worklist.crashed(worklist.claim(), "it was killed", most=3)
        assert outcome is not None
        assert outcome.status == "quarantined"
        assert "it was killed 3 times" in str(outcome.reason)
        assert worklist.claim() is None
        assert worklist.close()


def test_time_is_up(store, batch):
    with Worklist(store, batch) as worklist:
        worklist.add([lined("a"), lined("b")])
        assert worklist.claim()
        assert worklist.leave("no time") == 1
        assert worklist.progress().counts == {"working": 1, "skipped": 1}


def test_what_is_added_after_the_end_opens_the_batch_again(store, batch):
    with Worklist(store, batch) as worklist:
        assert worklist.close()
        worklist.add([lined("late")])
        assert not worklist.close()
        assert worklist.claim()
    assert open_batch(store, "test", "scope") == batch


def test_scored_stays_scored(store, batch, make_result):
    """A worker that was taken for dead and came back may be second."""
    from tests.test_store import JUDGING, SHA

    store.keep_scored(
        batch, "/calls/a", make_result(), SHA, JUDGING, call_id_given=True, took_s=1.0
    )
    for status in ("skipped", "failed"):
        assert store.keep_outcome(batch, "/calls/a", status, "second").status == "scored"


def test_sources_keep_names_that_are_no_text(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 100%.wav"))
    source = Found(path).source
    assert source.isascii()
    assert Found.at(source).path == path

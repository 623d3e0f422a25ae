import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, event

from pipeline import coaching_tables, privacy_tables  # noqa: F401 - their tables count too
from pipeline.errors import SettingsError, TransientError
from pipeline.records import CallResult
from pipeline.result import to_json_line
from pipeline.store import Judging, Store
from pipeline.tables import Base

SHA = "ab" * 32
ROOT = Path(__file__).parent.parent
JUDGING = Judging("rubric-1", "0.1.0", "engine-1")


def keep(store: Store, kept: CallResult, judging: Judging = JUDGING, *, given: bool = True) -> int:
    return store.keep_result(kept, SHA, "/calls/a.wav", judging, call_id_given=given)


def rows(store_url: str, sql: str) -> list[tuple]:
    connection = sqlite3.connect(store_url.removeprefix("sqlite:///"))
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_scoring_again_replaces(store, settings, make_result):
    first = keep(store, make_result(score=80.0))
    assert keep(store, make_result(score=70.0)) == first
    assert store.result(first)["score"] == 70.0
    assert rows(settings.database_url, "select count(*) from calls") == [(1,)]
    assert rows(settings.database_url, "select criterion, answer, points from answers") == [
        ("listen_first", "met", 20.0),
        ("solve", "cannot_tell", None),
    ]


def test_another_rubric_or_code_is_another_result_of_the_same_call(store, settings, make_result):
    keep(store, make_result())
    keep(store, make_result(), replace(JUDGING, rubric_hash="rubric-2"))
    keep(store, make_result(), replace(JUDGING, code_version="0.2.0"))
    assert rows(settings.database_url, "select count(*) from calls") == [(1,)]
    assert rows(settings.database_url, "select count(*) from results") == [(3,)]


def test_a_result_stands_until_something_changes(store, make_result):
    kept = keep(store, make_result(agent_id="a1"))
    metadata = make_result(agent_id="a1").facts.metadata
    assert store.find_result(SHA, metadata, JUDGING) == kept
    assert store.find_result("cd" * 32, metadata, JUDGING) is None
    assert store.find_result(SHA, replace(metadata, agent_id="a2"), JUDGING) is None
    for name in ("rubric_hash", "code_version", "listening_key"):
        assert store.find_result(SHA, metadata, replace(JUDGING, **{name: "new"})) is None


def test_an_id_that_was_made_up_gives_way_to_the_given_one(store, settings, make_result):
    keep(store, make_result("a-abababab"), given=False)
    keep(store, make_result("C-17"), given=True)
    assert rows(settings.database_url, "select call_id, call_id_given from calls") == [("C-17", 1)]


def test_metadata_is_there_for_queries(store, settings, make_result):
    keep(store, make_result(agent_id="a1", team="east", started_at="2025-03-31T14:05:00+02:00"))
    assert rows(
        settings.database_url, "select agent_id, team, started_at_utc, duration_s from calls"
    ) == [("a1", "east", "2025-03-31 12:05:00.000000", 9.5)]


def test_facts_by_how_they_were_heard(store, make_result):
    facts = make_result().facts
    store.keep_facts(facts, SHA, "engine-1")
    store.keep_facts(facts, SHA, "engine-1")
    assert store.find_facts(SHA, "engine-1") == facts
    assert store.find_facts(SHA, "engine-2") is None


def test_outcomes_are_listed_with_their_scores(store, make_result):
    batch = store.start_batch("test")
    assert store.last_batch() == batch
    store.keep_outcome(batch, "/calls/b.wav", "failed", "b.wav: empty")
    store.keep_outcome(batch, "/calls/a.wav", "failed", "database away")
    kept = store.keep_outcome(batch, "/calls/a.wav", "scored", None, keep(store, make_result()))
    assert (kept.score, kept.call_id, kept.coverage) == (80.0, "c1", 0.5)
    assert [outcome.status for outcome in store.outcomes(batch)] == ["scored", "failed"]
    assert store.outcomes(batch)[1].reason == "b.wav: empty"


def test_nothing_half_written(store, settings, make_result):
    broken = make_result()
    criteria = (*broken.scorecard.criteria, broken.scorecard.criteria[0])  # an id twice
    broken = replace(broken, scorecard=replace(broken.scorecard, criteria=criteria))
    with pytest.raises(TransientError):
        keep(store, broken)
    for table in ("calls", "results", "answers"):
        assert rows(settings.database_url, f"select count(*) from {table}") == [(0,)]


@pytest.mark.usefixtures("store")
def test_migrations_make_the_tables_of_the_code(settings):
    engine = create_engine(settings.database_url)
    # SQLAlchemy knows nothing of full-text tables.
    plain = {"include_name": lambda name, *_: not str(name).startswith("call_words")}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=plain)
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_several_processes_may_start_at_once(settings):
    script = (
        "import sys; from pipeline.store import Store\n"
        "with Store(sys.argv[1]) as store:\n"
        "    for n in range(20): store.keep_outcome(store.start_batch('t'), f'{n}', 'failed')\n"
    )
    command = [sys.executable, "-c", script, settings.database_url]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    assert rows(settings.database_url, "select count(*) from outcomes") == [(60,)]
    assert rows(settings.database_url, "pragma journal_mode") == [("wal",)]


@pytest.mark.usefixtures("store")
def test_a_locked_database_may_pass(settings, monkeypatch):
    other = sqlite3.connect(settings.database_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr("pipeline.database.BUSY_TIMEOUT_MS", 10)
    with pytest.raises(TransientError, match="locked"):
        Store(settings.database_url)
    other.close()


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("calls.db", "not understood"),
        ("sqlite://", "needs a file"),
        ("nosuch://host/db", "not understood"),
        ("postgresql+asyncpg://u:secret@host/db", "asynchronous"),
        ("sqlite:////proc/nowhere/calls.db", "cannot be made"),
    ],
)
def test_a_bad_address_is_one_clear_line(url, part):
    with pytest.raises(SettingsError, match=part) as raised:
        Store(url)
    assert "secret" not in str(raised.value)


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "calls.db").write_text("not a database, though long enough to be taken for one" * 9)
    with pytest.raises(SettingsError, match=r"calls\.db: file is not a database"):
        Store(f"sqlite:///{tmp_path}/calls.db")


@pytest.mark.usefixtures("store")
def test_a_database_of_a_newer_callscore(settings):
    connection = sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))
    connection.execute("update alembic_version set version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(SettingsError, match="newer callscore"):
        Store(settings.database_url)


def test_a_full_disk_is_named_and_nothing_is_half_there(settings, make_result):
    with Store(settings.database_url) as store:

        def no_room(connection, _record):
            connection.execute("PRAGMA max_page_count = 1")  # cannot grow any more

        store._engine.dispose()
        event.listen(store._engine, "connect", no_room)

        def fill():
            for number in range(200):
                keep(store, make_result(call_id=f"c{number}"))

        with pytest.raises(TransientError, match="full; make room on its disk"):
            fill()
    kept = rows(settings.database_url, "select count(*) from results")
    assert kept == rows(settings.database_url, "select count(distinct result) from answers")


def test_a_database_that_is_away_is_waited_for(postgres_server):
    url = postgres_server.new_database()
    with Store(url) as hasty, Store(url, patience_s=30) as patient:
        postgres_server.stop()
        with pytest.raises(TransientError, match="see that it can be reached"):
            hasty.last_batch()
        back = threading.Timer(1.5, postgres_server.start)
        back.start()
        assert patient.last_batch() is None
        back.join()
        assert hasty.last_batch() is None


def database_at(revision: str, url: str) -> sqlite3.Connection:
    """A database as an older callscore left it, at that step of the migrations."""
    Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True)
    config = Config()
    config.set_main_option("script_location", "pipeline:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    return sqlite3.connect(url.removeprefix("sqlite:///"))


def test_older_outcomes_live_through_the_migration(settings):
    """The work list changed the tables that they are in."""
    with closing(database_at("0003", settings.database_url)) as old, old:
        old.execute("insert into batches (id, origin, started_at) values (1, 't', '2026-01-01')")
        old.execute(
            "insert into outcomes (batch, path, status, reason, at) "
            "values (1, '/calls/a.wav', 'failed', 'silent', '2026-01-01')"
        )
    with Store(settings.database_url) as store:
        assert [(o.path, o.reason) for o in store.outcomes(1)] == [("/calls/a.wav", "silent")]


def test_older_results_stand_and_are_found_by_their_words(settings, make_result):
    result = to_json_line(make_result(score=70.0))
    with closing(database_at("0004", settings.database_url)) as old, old:
        old.execute(
            "insert into calls (id, recording_sha256, call_id, call_id_given, path, agent_id, "
            "stored_at) values (1, 'ab', 'c1', 1, '/calls/a.wav', 'a1', '2026-01-01')"
        )
        for number, when in ((1, "2026-01-02 00:00:00.000000"), (2, "2026-01-01 00:00:00.000000")):
            old.execute(
                "insert into results (id, call, rubric_id, rubric_version, rubric_hash, "
                "code_version, listening_key, score, coverage, result_json, scored_at) "
                "values (?, 1, 'leap', '1', ?, '0', 'e', 70, 0.5, ?, ?)",
                (number, f"hash-{number}", result, when),
            )
    Store(settings.database_url).close()
    standing = "select result, score, coverage, corrected, disputed from standings"
    assert rows(settings.database_url, standing) == [(1, 70.0, 0.5, 0, 0)]
    found = "select rowid from call_words where call_words match 'hello'"
    assert rows(settings.database_url, found) == [(1,)]

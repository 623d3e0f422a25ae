"""Ages: what is older goes, what is younger or held stays, and what stays can still be used."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from prefect.client.orchestration import get_client
from pydantic import SecretStr
from sqlalchemy import select, text
from typer.testing import CliRunner

import flows.nightly
from flows.__main__ import app as flows_app
from pipeline.archive_command import rescore_calls
from pipeline.batch import Batch, score_one
from pipeline.call import judge
from pipeline.cli import app
from pipeline.coaching_tables import CoachingMomentRow, CoachingSessionRow
from pipeline.deletion import kept_files
from pipeline.deletion.receipts import Receipt, receipt_lines
from pipeline.deletion.retention import Ages, ages_of, due, parse_age, purge_old
from pipeline.encrypt_command import encrypt_stored
from pipeline.encryption import new_key
from pipeline.errors import SettingsError
from pipeline.find import Found
from pipeline.forgotten import Forgotten
from pipeline.fulltext import has_words
from pipeline.legal_hold import hold_calls
from pipeline.privacy_tables import ReceiptRow
from pipeline.records import CallFacts, Turn
from pipeline.review_tables import PromiseRow, StandingRow, StatementRow
from pipeline.rubric import load_rubrics
from pipeline.settings import Settings
from pipeline.store import Judging, Store, metadata_of
from pipeline.tables import CallRow, FactsRow, utc_now
from pipeline.verify import verify
from tests.fakes import FakeListener, NoEngines

AGES = {"old-call-1": 100, "held-call": 100, "middle-1": 40, "young-call": 5}
"""Days since each began."""
PLANTED = "quibblefrotz"
TURNS = (
    Turn("agent", "Thank you for calling, how can I help?", 0.0, 3.0),
    Turn("customer", f"My {PLANTED} never arrived and I am upset about that.", 3.5, 7.0),
    Turn("agent", f"I am sorry. I will send you a new {PLANTED} by tomorrow.", 7.5, 11.0),
)


@pytest.fixture
def world(
    database_url: str, settings: Settings, tmp_path: Path, make_wav: Callable[..., Path]
) -> Iterator[SimpleNamespace]:
    """Calls of several ages, one of them held."""
    settings = settings.model_copy(update={"db_url": database_url, "redact": ()})
    listener = FakeListener(tmp_path / "listener")

    def listen(path: Path, metadata: object, engines: object) -> CallFacts:
        return replace(listener(path, metadata, engines), turns=TURNS)  # type: ignore[arg-type]

    with Store(database_url) as store:
        rubrics = load_rubrics("leap", {})
        number = store.start_batch("callscore score")
        batch = Batch(number, settings, rubrics, NoEngines(), store, listen)  # type: ignore[arg-type]
        paths = {}
        for content, (call_id, days) in enumerate(AGES.items()):
            paths[call_id] = make_wav(tmp_path / "calls" / f"{call_id}.wav", content)
            began = (utc_now() - timedelta(days=days)).isoformat(timespec="seconds") + "Z"
            fields = {"call_id": call_id, "agent_id": "ag-1", "started_at": began}
            paths[call_id].with_suffix(".json").write_text(json.dumps(fields))
            outcome = score_one(Found(paths[call_id]), batch)
            assert outcome.status == "scored", outcome.reason
        with store.write() as session:
            held = select(CallRow.id).where(CallRow.call_id == "held-call")
            hold_calls(session, session.scalars(held).all(), "a claim", "ann")
        yield SimpleNamespace(
            store=store, settings=settings, batch=batch, paths=paths, listener=listener
        )


def kept(world: SimpleNamespace) -> list[str]:
    with world.store.read() as session:
        return sorted(session.scalars(select(CallRow.call_id)))


def days(number: int) -> timedelta:
    return timedelta(days=number)


def test_whole_calls_go_by_age_and_held_ones_are_passed_over(world):
    ages = Ages(calls=days(30))
    before = due(world.store, ages, utc_now())
    assert (before.calls, before.held, before.words) == (2, 1, 0)
    receipt = purge_old(world.store, world.settings, ages)
    assert kept(world) == ["held-call", "young-call"]
    assert (receipt.removed["calls"], receipt.held, receipt.clean) == (2, 1, True)
    assert world.paths["old-call-1"].exists()
    again = replace(world.batch, id=world.store.start_batch("callscore score"))
    outcome = score_one(Found(world.paths["old-call-1"]), again)
    assert outcome.status == "skipped"
    assert "older than is kept" in str(outcome.reason)
    nothing = purge_old(world.store, world.settings, ages)
    assert +nothing.removed == {}
    with world.store.read() as session:
        (row,) = session.scalars(select(ReceiptRow)).all()
        assert "old-call" not in row.removed_json


def test_words_go_and_scores_stay(world):
    with world.store.read() as session:
        scores = session.execute(select(StandingRow.call, StandingRow.score)).tuples().all()
    receipt = purge_old(world.store, world.settings, Ages(words=days(30)))
    assert receipt.clean
    assert receipt.removed["results without their words"] == 2
    assert kept(world) == sorted(AGES)
    with world.store.read() as session:
        assert session.execute(select(StandingRow.call, StandingRow.score)).tuples().all() == scores
        assert len(session.scalars(select(FactsRow)).all()) == 2
        spoken = session.scalars(text("SELECT words FROM call_words")).all()
        assert len(spoken) == 2
        assert len(session.scalars(select(StatementRow.call.distinct())).all()) == 2
        promises = session.scalars(select(PromiseRow)).all()
        assert sum(PLANTED in promise.quote for promise in promises) == len(promises) / 2
        assert all(promise.due for promise in promises)
    if world.store.name.startswith("sqlite"):
        with world.store.write() as session:
            session.execute(text("DELETE FROM legal_holds"))
        purge_old(world.store, world.settings, Ages(words=days(1)))
        files = [path for path in world.settings.data_dir.rglob("*") if path.is_file()]
        assert not [path for path in files if PLANTED.encode() in path.read_bytes()]


def test_what_needs_words_says_that_they_are_gone(world, capsys):
    purge_old(world.store, world.settings, Ages(words=days(30)))
    verdicts = {receipt.call_id: receipt for receipt in verify(world.store)}
    assert verdicts["young-call"].verdict == "same"
    assert verdicts["middle-1"].verdict == "cannot_verify"
    assert "no longer stored" in verdicts["middle-1"].detail[0]
    rescore_calls(world.settings)
    assert "2 calls judged again" in capsys.readouterr().out
    # Other models do not bring them back by listening anew.
    number = world.store.start_batch("callscore score")
    again = replace(world.batch, id=number, engines=NoEngines("other"))
    outcome = score_one(Found(world.paths["middle-1"]), again)
    assert outcome.status == "skipped"
    assert "older than is kept" in str(outcome.reason)
    assert len(world.listener.heard) == len(AGES)


def test_recordings_go_with_the_sound_that_was_cut_from_them(world, make_wav):
    with world.store.write() as session:
        calls = {call.call_id: call for call in session.scalars(select(CallRow))}
        coached = CoachingSessionRow(
            agent_id="ag-1", agent_name=None, team=None, since=utc_now(), until=utc_now(),
            rubric="leap 1", plan_json="{}", created_at=utc_now(), created_by="",
        )  # fmt: skip
        session.add(coached)
        session.flush()
        for call_id in ("old-call-1", "young-call"):
            moment = CoachingMomentRow(
                session=coached.id, call=calls[call_id].id, place=0, kind="missed",
                criterion=None, colleague=False, start_s=0.0, end_s=1.0, excerpt_json="[]",
                clip=b"sound",
            )  # fmt: skip
            session.add(moment)
        sound = world.settings.data_dir / "playback" / f"{calls['old-call-1'].recording_sha256}.wav"
    sound.parent.mkdir(parents=True)
    sound.touch()
    make_wav(world.paths["middle-1"], 77)  # another recording under the same name by now
    receipt = purge_old(world.store, world.settings, Ages(recordings=days(30)))
    there = [call_id for call_id, path in world.paths.items() if path.exists()]
    assert there == ["held-call", "middle-1", "young-call"]
    assert not sound.exists()
    assert receipt.removed["recordings"] == receipt.removed["clips"] == 1
    assert world.paths["old-call-1"].with_suffix(".json").exists()
    with world.store.read() as session:
        clips = session.scalars(select(CoachingMomentRow.clip)).all()
    assert sorted(clip or b"" for clip in clips) == [b"", b"sound"]
    assert kept(world) == sorted(AGES)


def test_a_page_goes_with_its_words_and_what_it_shows_of_a_held_call_stays_stored(world):
    with world.store.write() as session:
        calls = {call.call_id: call.id for call in session.scalars(select(CallRow))}
        coached = CoachingSessionRow(
            agent_id="ag-1", agent_name=None, team=None, since=utc_now(), until=utc_now(),
            rubric="leap 1", plan_json="{}", created_at=utc_now(), created_by="",
        )  # fmt: skip
        session.add(coached)
        session.flush()
        number = coached.id
        for call_id in ("old-call-1", "held-call"):
            moment = CoachingMomentRow(
                session=number, call=calls[call_id], place=0, kind="missed", criterion=None,
                colleague=False, start_s=0.0, end_s=1.0, excerpt_json=PLANTED, clip=b"sound",
            )  # fmt: skip
            session.add(moment)
    page = world.settings.data_dir / "coaching" / f"2026-11-25-session-{number}.html"
    page.parent.mkdir(parents=True)
    page.write_text(PLANTED)
    receipt = purge_old(world.store, world.settings, Ages(words=days(30)))
    assert receipt.clean
    assert not page.exists()
    assert any("what they showed of other calls" in line for line in receipt_lines(receipt, ""))
    with world.store.read() as session:
        (left,) = session.scalars(select(CoachingMomentRow)).all()
        assert session.get(CoachingSessionRow, number) is not None
    assert (left.call, left.excerpt_json, left.clip) == (calls["held-call"], PLANTED, b"sound")


def test_a_clock_that_is_ahead_keeps_nothing_for_ever(world):
    with world.store.write() as session:
        call = session.scalars(select(CallRow).where(CallRow.call_id == "young-call")).one()
        call.started_at_utc = utc_now() + days(4000)
        call.stored_at = utc_now() - days(90)
    assert due(world.store, Ages(calls=days(60)), utc_now()).calls == 2


@pytest.mark.parametrize("age", ["90", "d", "0d", "-3d", "1h", "ninety days"])
def test_an_age_that_is_none_is_one_clear_line(age):
    with pytest.raises(SettingsError, match="expected an age such as 90d"):
        parse_age(age)


@pytest.mark.parametrize("age", ["36501d", "99999y", "999999999d"])
def test_an_age_that_no_call_reaches_is_refused(age):
    with pytest.raises(SettingsError, match="at most 36500 days"):
        parse_age(age)


def test_a_receipt_of_nothing_says_so():
    assert receipt_lines(Receipt("1", utc_now(), "forget", ""), "x")[1] == "Nothing was removed."


def test_ages_that_contradict_each_other_are_refused():
    with pytest.raises(SettingsError, match="keep_audio_days is longer"):
        ages_of(Settings(keep_audio_days=60, keep_scores_days=30))


def test_the_command_purges_or_only_says_what_it_would(settings, store, monkeypatch, make_result):
    monkeypatch.setenv("CALLSCORE_DATA_DIR", str(settings.data_dir))
    result = make_result("c-1042", started_at="2020-01-01T00:00:00Z")
    judging = Judging("r", "0", "e")
    store.keep_result(result, "ab" * 32, "/c.wav", judging, call_id_given=True)

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["purge", *arguments])
        return done.exit_code, done.output

    assert run()[0] == 2
    assert "1 altogether" in run("--older-than", "90d", "--dry-run")[1]
    code, said = run("--older-than", "90d")
    assert code == 0, said
    assert "calls older than 90 days" in said
    assert "calls: 1;" in said
    assert run("--older-than", "90d")[0] == 0


@pytest.mark.usefixtures("prefect_server")
def test_the_flow_purges_and_prefect_learns_no_names(settings, monkeypatch, make_wav, tmp_path):
    """Nightly, then retention, then a byte search through all that Prefect keeps."""
    from prefect.settings import PREFECT_HOME

    from flows.nightly import nightly
    from flows.retention import retention

    monkeypatch.setenv("CALLSCORE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("CALLSCORE_SETTLE_S", "0")
    monkeypatch.setenv("CALLSCORE_KEEP_SCORES_DAYS", "30")
    monkeypatch.setattr(flows.nightly, "listen", FakeListener(tmp_path / "listener"))
    path = make_wav(tmp_path / "calls" / "planted-file.wav")
    fields = {"call_id": "planted-call-77", "started_at": "2020-01-01T00:00:00Z"}
    path.with_suffix(".json").write_text(json.dumps(fields))
    assert nightly([str(path.parent)], return_state=True).is_completed()
    state = retention(return_state=True)
    assert state.is_completed()
    with Store(settings.database_url) as store, store.read() as session:
        assert session.scalars(select(CallRow)).all() == []
    needles = [b"planted-call-77", b"planted-file", b"secret order 4711"]
    places = [PREFECT_HOME.value(), settings.data_dir]
    files = [file for place in places for file in Path(place).rglob("*") if file.is_file()]
    assert any(file.name == "prefect.db" for file in files)
    found = [file for file in files if any(needle in file.read_bytes() for needle in needles)]
    assert found == []
    with get_client(sync_client=True) as client:
        shown = {artifact.key: str(artifact.data) for artifact in client.read_artifacts()}
    assert "1" in shown["retention"]
    monkeypatch.delenv("CALLSCORE_KEEP_SCORES_DAYS")
    assert CliRunner().invoke(flows_app, ["retention"]).exit_code == 0


def test_judging_again_does_not_make_a_call_younger(world):
    with world.store.write() as session:
        row = session.scalars(select(CallRow).where(CallRow.call_id == "young-call")).one()
        row.started_at = row.started_at_utc = None
        row.stored_at = utc_now() - days(50)
    rescore_calls(world.settings)
    assert due(world.store, Ages(calls=days(45)), utc_now()).calls == 2


def test_what_no_call_needs_goes_with_the_age_of_calls(world):
    with world.store.write() as session:
        facts = session.scalars(select(FactsRow)).first()
        session.add(
            FactsRow(
                recording_sha256="f" * 64,
                listening_key=facts.listening_key,
                facts_json=facts.facts_json,
                stored_at=utc_now() - days(50),
            )
        )
    purge_old(world.store, world.settings, Ages(calls=days(45)))
    with world.store.read() as session:
        assert "f" * 64 not in session.scalars(select(FactsRow.recording_sha256)).all()


def test_sound_that_is_being_decoded_is_waited_for(world):
    part = world.settings.data_dir / "playback" / "tmp.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_text(PLANTED)
    assert purge_old(world.store, world.settings, Ages(calls=days(30))).clean is False
    part.unlink()
    purge_old(world.store, world.settings, Ages(calls=days(30)))
    with world.store.read() as session:
        assert all(
            '"unfinished"' not in row.removed_json for row in session.scalars(select(ReceiptRow))
        )


def hold_while_asked_for(world: SimpleNamespace, call_id: str) -> threading.Thread:
    """Sets a hold whose transaction is open until a purge waits for the call's row."""
    locked, url = threading.Event(), world.settings.database_url

    def run() -> None:
        with Store(url) as store, store.write() as session:
            calls = session.scalars(select(CallRow.id).where(CallRow.call_id == call_id)).all()
            hold_calls(session, calls, "a claim", "ann")
            session.flush()
            locked.set()
            with store.read() as other:
                for _ in range(200):
                    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
                    if other.scalar(waits):
                        break
                    other.rollback()
                    time.sleep(0.05)

    thread = threading.Thread(target=run)
    thread.start()
    assert locked.wait(10)
    return thread


@pytest.mark.parametrize("ages", [Ages(calls=days(30)), Ages(words=days(30))])
def test_a_hold_that_is_set_while_a_purge_waits_is_heeded(world, ages):
    if world.store.name.startswith("sqlite"):
        pytest.skip("SQLite has one writer: nobody waits for a row")
    thread = hold_while_asked_for(world, "old-call-1")
    receipt = purge_old(world.store, world.settings, ages)
    thread.join()
    assert "old-call-1" in kept(world)
    assert "middle-1" in kept(world) or ages.words is None
    assert receipt.removed["calls"] + receipt.removed["results without their words"] == 1
    with world.store.read() as session:
        gone = session.scalars(select(CallRow.call_id).where(~has_words())).all()
        assert "old-call-1" not in gone


def test_a_hold_that_is_set_while_recordings_go_keeps_its_own(world, monkeypatch):
    """The first to go takes a while; before its turn comes, the second is held."""
    with world.store.read() as session:
        calls = {call.call_id: call for call in session.scalars(select(CallRow))}
    second = "middle-1"
    sound = world.settings.data_dir / "playback" / f"{calls[second].recording_sha256}.wav"
    sound.parent.mkdir(parents=True)
    sound.touch()
    held: list[object] = []
    real = kept_files.remove_recordings

    def slow(sources: dict[str, set[str]], *arguments: object, **named: object) -> None:
        real(sources, *arguments, **named)
        held.append(sources)

    class Between:
        """The store; holds the second call between the first recording and the next."""

        def __getattr__(self, name: str) -> object:
            return getattr(world.store, name)

        @contextmanager
        def write(self) -> Iterator[object]:
            if len(held) == 1:
                held.append(second)  # once is enough
                with world.store.write() as session:
                    hold_calls(session, [calls[second].id], "a claim", "ann")
            with world.store.write() as session:
                yield session

    monkeypatch.setattr(kept_files, "remove_recordings", slow)
    purge_old(Between(), world.settings, Ages(recordings=days(30)))  # type: ignore[arg-type]
    assert not world.paths["old-call-1"].exists()
    assert world.paths[second].exists()
    assert sound.exists()


def test_a_call_without_its_words_is_not_judged_again_though_another_has_the_recording(world):
    copy = world.paths["middle-1"].with_name("copy-of-it.wav")
    copy.write_bytes(world.paths["middle-1"].read_bytes())
    copy.with_suffix(".json").write_text('{"call_id": "copy-of-it", "agent_id": "ag-2"}')
    assert score_one(Found(copy), world.batch).status == "scored"
    purge_old(world.store, world.settings, Ages(words=days(30)))
    with world.store.read() as session:
        row = session.scalars(select(CallRow).where(CallRow.call_id == "middle-1")).one()
        of_recording = FactsRow.recording_sha256 == row.recording_sha256
        key = session.scalars(select(FactsRow.listening_key).where(of_recording)).one()
    facts = world.store.find_facts(row.recording_sha256, key)
    assert facts is not None  # the other call's
    result = judge(replace(facts, metadata=metadata_of(row)), load_rubrics("leap", {}).default)
    judging = Judging("r", "0", key)
    with pytest.raises(Forgotten):
        world.store.keep_result(result, row.recording_sha256, row.path, judging, call_id_given=True)


def test_encryption_switched_off_does_not_say_that_deleted_words_are_there(world):
    purge_old(world.store, world.settings, Ages(words=days(30)))
    settings = world.settings.model_copy(update={"encryption_key": SecretStr(new_key())})
    for off in (False, True):
        encrypt_stored(settings, lambda _: None, off=off)
        with world.store.read() as session:
            with_words = session.scalars(select(CallRow.call_id).where(has_words())).all()
        assert sorted(with_words) == ["held-call", "young-call"]


def test_sound_that_nobody_heard_for_a_week_goes(world):
    with world.store.read() as session:
        calls = session.scalars(select(CallRow.recording_sha256).order_by(CallRow.id)).all()
    folder = world.settings.data_dir / "playback"
    folder.mkdir(parents=True)
    for sha256, days_ago in zip(calls, (8, 6), strict=False):
        for suffix in (".wav", ".json"):
            path = folder / f"{sha256}{suffix}"
            path.touch()
            at = time.time() - days_ago * 86400
            os.utime(path, (at, at))
    receipt = purge_old(world.store, world.settings, Ages(calls=days(4000)))
    assert receipt.removed["decoded sounds"] == 1
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{calls[1]}.json",
        f"{calls[1]}.wav",
    ]

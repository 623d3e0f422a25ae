"""Forgetting a call: nothing of it is left, anywhere, and nothing else is touched."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text, update
from typer.testing import CliRunner

import pipeline.deletion.forget
from pipeline.batch import Batch, score_one
from pipeline.cli import app
from pipeline.coaching_tables import CoachingMomentRow, CoachingSessionRow
from pipeline.deletion.forget import forget_call
from pipeline.deletion.retention import Ages, purge_old
from pipeline.find import Found
from pipeline.forgotten import Forgotten
from pipeline.legal_hold import HoldError, hold_calls, lift_holds, list_holds
from pipeline.privacy_tables import OriginalRow, ReceiptRow
from pipeline.records import Turn
from pipeline.report import write_report
from pipeline.review_tables import (
    AgentDayRow,
    AuditRow,
    CauseMemberRow,
    CauseRow,
    ContactRow,
    CriterionDayRow,
    PersonRow,
    SavedViewRow,
    StatementRow,
)
from pipeline.rubric import load_rubrics
from pipeline.settings import Settings
from pipeline.store import Judging, Store
from pipeline.tables import (
    Base,
    BatchRow,
    CallRow,
    FactsRow,
    OutcomeRow,
    ResultRow,
    SeenFileRow,
    utc_now,
)
from pipeline.triage import triage
from pipeline.worklist import Worklist, open_batch
from tests.fakes import FakeListener, NoEngines

CALL_ID, PLANTED = "planted-call-77", "quibblefrotz"
TURNS = (
    Turn("agent", "Thank you for calling, how can I help?", 0.0, 3.0),
    Turn("customer", f"My {PLANTED} never arrived and I am upset about that.", 3.5, 7.0),
    Turn("agent", "I am sorry. I will send you a new one by tomorrow.", 7.5, 11.0),
)


@pytest.fixture
def world(
    database_url: str, settings: Settings, tmp_path: Path, make_wav: Callable[..., Path]
) -> Iterator[SimpleNamespace]:
    """A call with something in every table and folder, between two calls of the same customer."""
    settings = settings.model_copy(update={"db_url": database_url, "settle_s": 0.0, "redact": ()})
    listener = FakeListener(tmp_path / "listener")

    def listen(path: Path, metadata: object, engines: object) -> object:
        facts = listener(path, metadata, engines)  # type: ignore[arg-type]
        return replace(facts, turns=TURNS) if path.stem == CALL_ID else facts

    with Store(database_url) as store:
        rubrics = load_rubrics("leap", {})
        number = open_batch(store, "nightly flow", json.dumps([[str(tmp_path)], "leap", {}]))
        batch = Batch(number, settings, rubrics, NoEngines(), store, listen)  # type: ignore[arg-type]
        made = {}
        for day, call_id in ((1, "before-1"), (2, CALL_ID), (3, "after-3")):
            path = make_wav(tmp_path / "calls" / f"{call_id}.wav", day)
            fields = {"call_id": call_id, "agent_id": "ag-1", "customer_id": "cu-1"}
            fields |= {"started_at": f"2026-05-0{day}T09:00:00Z"}
            path.with_suffix(".json").write_text(json.dumps(fields))
            made[call_id] = path
        found = SimpleNamespace(store=store, settings=settings, batch=batch, paths=made)
        found.listener, found.folder = listener, tmp_path
        yield found


def score(world: SimpleNamespace, *call_ids: str) -> None:
    for call_id in call_ids or world.paths:
        outcome = score_one(Found(world.paths[call_id]), world.batch)
        assert outcome.status == "scored", outcome.reason


def number_of(world: SimpleNamespace, call_id: str) -> int:
    with world.store.read() as session:
        return session.scalars(select(CallRow.id).where(CallRow.call_id == call_id)).one()


def plant(world: SimpleNamespace) -> None:
    """Everything that is made of a call after it was scored."""
    call = number_of(world, CALL_ID)
    sha256 = sha_of(world, CALL_ID)
    report = write_report(world.batch.id, world.store, world.settings)
    assert PLANTED in report.read_text()
    with world.store.write() as session:
        person = PersonRow(name="qa", role="qa", created_at=utc_now())
        coached = CoachingSessionRow(
            agent_id="ag-1", agent_name=None, team=None, since=utc_now(), until=utc_now(),
            rubric="leap 1", plan_json="{}", created_at=utc_now(), created_by="",
        )  # fmt: skip
        cause = CauseRow(found_at=utc_now())
        session.add_all((person, coached, cause))
        session.flush()
        statement = session.scalars(select(StatementRow).where(StatementRow.call == call)).first()
        if statement is None:
            statement = StatementRow(call=call, kind="issue", text=PLANTED, start_s=1.0)
            session.add(statement)
            session.flush()
        session.add_all((
            CauseMemberRow(statement=statement.id, cause=cause.id, closeness=1.0, words=PLANTED),
            CoachingMomentRow(
                session=coached.id, call=call, place=0, kind="missed", criterion="solve",
                colleague=False, start_s=0.0, end_s=1.0, excerpt_json=f'["{PLANTED}"]',
                clip=PLANTED.encode(),
            ),
            OriginalRow(
                recording_sha256=sha256, listening_key="k", words_json=PLANTED, stored_at=utc_now()
            ),
            AuditRow(
                at=utc_now(), person=person.id, person_name="qa", action="view",
                what=f"call {call}", call_id=CALL_ID,
            ),
            AuditRow(
                at=utc_now(), person=person.id, person_name="qa", action="export",
                what="calls as csv: []", call_id=None,
            ),
            SavedViewRow(person=person.id, name="mine", query=f"q={CALL_ID}"),
            SavedViewRow(person=person.id, name="other", query="q=refund"),
        ))  # fmt: skip
        scope = json.dumps([[str(world.paths[CALL_ID])], "leap", {}])
        session.add(BatchRow(origin="nightly flow", started_at=utc_now(), scope=scope))
        number = coached.id
    for folder, name in (("playback", f"{sha256}.wav"), ("playback", f"{sha256}.ab12.json"),
                         ("coaching", f"2026-05-09-100000-session-{number}.html")):  # fmt: skip
        path = world.settings.data_dir / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{PLANTED} {CALL_ID}")
    kept = world.settings.data_dir / "coaching" / "2026-05-09-100000-session-99.html"
    kept.write_text("of another agent")


def sha_of(world: SimpleNamespace, call_id: str) -> str:
    with world.store.read() as session:
        of_id = select(CallRow.recording_sha256).where(CallRow.call_id == call_id)
        return session.scalars(of_id).one()


def traces(world: SimpleNamespace, *needles: str) -> list[str]:
    """Files in data_dir, and rows of a PostgreSQL database, in which any of the words stand."""
    words = [needle.encode() for needle in needles]
    files = (path for path in world.settings.data_dir.rglob("*") if path.is_file())
    found = [str(path) for path in files if any(word in path.read_bytes() for word in words)]
    if "postgresql" in world.store.name:
        with world.store.read() as session:
            for name in ["call_words", *Base.metadata.tables]:
                rows = session.execute(text(f"SELECT t::text FROM {name} t")).scalars()
                found += [name for row in rows if any(needle in row for needle in needles)]
    return found


def sums(world: SimpleNamespace) -> list[tuple[object, ...]]:
    with world.store.read() as session:
        tables = (AgentDayRow.__table__, CriterionDayRow.__table__)
        rows = [tuple(row) for table in tables for row in session.execute(select(table))]
    return sorted(rows, key=str)


def test_nothing_is_left_of_a_forgotten_call_and_all_of_the_others(world):
    score(world, "before-1", "after-3")
    without = sums(world)
    score(world, CALL_ID)
    plant(world)
    assert traces(world, PLANTED)
    assert traces(world, CALL_ID)

    receipt = forget_call(world.store, world.settings, CALL_ID, person_name="ann")

    assert receipt.clean, receipt.left
    assert traces(world, PLANTED, CALL_ID) == []
    for kind in ("calls", "results", "answers", "statements", "promises", "coaching moments",
                 "listenings", "hidden words", "reports", "coaching pages", "decoded sounds",
                 "saved searches", "causes"):  # fmt: skip
        assert receipt.removed[kind] >= 1, kind
    assert any("calls as csv" in line for line in receipt.exports)
    path = world.paths[CALL_ID]
    assert path.is_file()
    assert f"{path}: the recording" in receipt.left
    assert any("flow runs of batch" in line for line in receipt.left)
    assert sums(world) == without
    with world.store.read() as session:
        assert sorted(session.scalars(select(CallRow.call_id))) == ["after-3", "before-1"]
        assert receipt.id in session.scalars(select(AuditRow.call_id)).all()
        assert session.scalars(select(SavedViewRow.name)).all() == ["other"]
        kept = session.get_one(ReceiptRow, receipt.id)
        assert CALL_ID not in kept.removed_json
        assert kept.person_name == "ann"
        # The customer's next call follows on the one before now.
        before, after = number_of(world, "before-1"), number_of(world, "after-3")
        assert session.get_one(ContactRow, after).previous == before
    assert (world.settings.data_dir / "coaching" / "2026-05-09-100000-session-99.html").exists()
    with pytest.raises(HoldError, match="no call of this id"):
        forget_call(world.store, world.settings, CALL_ID)


def test_a_forgotten_recording_is_not_scored_again(world):
    score(world)
    receipt = forget_call(world.store, world.settings, CALL_ID)
    heard = len(world.listener.heard)
    again = replace(world.batch, id=world.store.start_batch("callscore score"))
    outcome = score_one(Found(world.paths[CALL_ID]), again)
    assert outcome.status == "skipped"
    assert "forgotten on request" in str(outcome.reason)
    assert receipt.id in str(outcome.reason)
    lined = triage(Found(world.paths[CALL_ID]), again, lambda _: 1.0)
    assert (lined.status, lined.risk) == ("skipped", 0.0)
    assert len(world.listener.heard) == heard
    assert score_one(Found(world.paths["after-3"]), again).reason == "scored already"


def test_the_recording_goes_if_asked_but_never_one_that_holds_something_else(world, make_wav):
    score(world)
    receipt = forget_call(world.store, world.settings, CALL_ID, recordings=True)
    assert receipt.clean
    assert receipt.removed["recordings"] == receipt.removed["sidecars"] == 1
    assert not world.paths[CALL_ID].exists()
    assert not world.paths[CALL_ID].with_suffix(".json").exists()
    make_wav(world.paths["after-3"], 99)
    forget_call(world.store, world.settings, "after-3", recordings=True)
    assert world.paths["after-3"].exists()


def test_the_metadata_of_a_recording_that_went_before_goes_if_asked(world):
    score(world)
    for call_id in (CALL_ID, "after-3"):
        world.paths[call_id].unlink()
    sidecar = world.paths[CALL_ID].with_suffix(".json")
    receipt = forget_call(world.store, world.settings, CALL_ID, recordings=True)
    assert (receipt.removed["recordings"], receipt.removed["sidecars"]) == (0, 1)
    assert not sidecar.exists()
    sidecar = world.paths["after-3"].with_suffix(".json")
    receipt = forget_call(world.store, world.settings, "after-3")
    assert f"{sidecar}: its metadata" in receipt.left
    assert sidecar.exists()


def test_metadata_that_another_recording_shares_is_left_and_named(world):
    score(world)
    path = world.paths[CALL_ID]
    shutil.copy(world.paths["after-3"], path.with_suffix(".flac"))
    receipt = forget_call(world.store, world.settings, CALL_ID, recordings=True)
    assert not path.exists()
    assert path.with_suffix(".json").exists()
    assert f"{path.with_suffix('.json')}: metadata, of another recording too" in receipt.left


def test_copies_and_what_links_lead_to_go_too(world):
    score(world)
    copy = world.folder / "elsewhere" / "copy.wav"
    copy.parent.mkdir()
    shutil.copy(world.paths[CALL_ID], copy)
    assert score_one(Found(copy), world.batch).status == "skipped"
    seen = copy.with_name("seen.wav")
    shutil.copy(copy, seen)
    with world.store.write() as session:  # by a night whose lines are gone
        session.add(seen_row(Found(seen).source, sha_of(world, CALL_ID)))
    moved = world.paths[CALL_ID].rename(world.folder / "elsewhere" / "moved.wav")
    world.paths[CALL_ID].symlink_to(moved)
    receipt = forget_call(world.store, world.settings, CALL_ID, recordings=True)
    assert receipt.clean, receipt.left
    assert receipt.removed["recordings"] == 3
    for path in (copy, seen, moved, world.paths[CALL_ID]):
        assert not path.is_symlink()
        assert not path.exists()


def test_what_is_held_is_refused_until_the_hold_is_lifted(world):
    score(world)
    call = number_of(world, CALL_ID)
    with world.store.write() as session:
        hold_calls(session, [call], "claim 17", "ann")
    with pytest.raises(HoldError, match=r"under legal hold since .* \(claim 17\)"):
        forget_call(world.store, world.settings, CALL_ID)
    with world.store.write() as session, pytest.raises(HoldError, match=r"\(claim 17\); that"):
        hold_calls(session, [call], "another claim", "bob")
    with world.store.read() as session:
        (held,) = list_holds(session)
    assert (held.reason, held.person_name) == ("claim 17", "ann")
    assert number_of(world, CALL_ID) == call
    with world.store.write() as session:
        lift_holds(session, [call])
    assert forget_call(world.store, world.settings, CALL_ID).clean


def test_what_was_heard_stays_while_another_call_has_the_same_recording(world):
    score(world)
    sha256 = sha_of(world, CALL_ID)
    path = world.paths[CALL_ID]
    copy = path.with_name("copy-of-it.wav")
    copy.write_bytes(path.read_bytes())
    copy.with_suffix(".json").write_text('{"call_id": "copy-of-it", "agent_id": "ag-2"}')
    assert score_one(Found(copy), world.batch).status == "scored"
    receipt = forget_call(world.store, world.settings, CALL_ID, recordings=True)
    assert receipt.clean, receipt.left
    assert copy.exists()
    with world.store.read() as session:
        assert session.scalars(select(FactsRow.recording_sha256)).all().count(sha256) == 1
    assert any("another stored call" in line for line in receipt.left)


def test_all_calls_of_an_id_go(world):
    world.paths["after-3"].with_suffix(".json").write_text(f'{{"call_id": "{CALL_ID}"}}')
    score(world)
    receipt = forget_call(world.store, world.settings, CALL_ID)
    assert receipt.removed["calls"] == 2
    assert receipt.clean


def test_a_worker_that_scores_it_meanwhile_brings_nothing_back(world):
    score(world)
    number = number_of(world, CALL_ID)
    with world.store.read() as session:
        result = session.scalars(select(ResultRow).where(ResultRow.call == number)).one()
    heard = world.store.find_facts(sha_of(world, CALL_ID), result.listening_key)
    again = replace(
        world.batch, id=world.store.start_batch("test"),
        listen=lambda *_: (forget_call(world.store, world.settings, CALL_ID), heard)[1],
    )  # fmt: skip
    with world.store.write() as session:  # so that it is listened to anew
        session.execute(update(ResultRow).values(code_version="older"))
        session.execute(update(FactsRow).values(listening_key="older"))
    outcome = score_one(Found(world.paths[CALL_ID]), again)
    assert outcome.status == "skipped"
    assert "forgotten" in str(outcome.reason)
    assert traces(world, PLANTED) == []
    with pytest.raises(Forgotten):
        world.store.keep_facts(heard, str(heard.recording_sha256), "anew")


def test_what_a_worker_has_in_hand_keeps_its_line_and_ends_as_skipped(world):
    score(world)
    store, path = world.store, str(world.paths[CALL_ID])
    second = open_batch(store, "nightly flow", "second")
    with Worklist(store, second) as worklist:
        found = Found(world.paths[CALL_ID])
        row = triage(found, world.batch, lambda _: 1.0)
        worklist.add([replace(row, status=None, reason=None, result_id=None)])
        assert worklist.claim() is not None
        forget_call(store, world.settings, CALL_ID)
        with store.write() as session:
            working = session.scalars(select(OutcomeRow).where(OutcomeRow.path == path)).one()
            assert working.status == "working"
            number = working.id
        outcome = score_one(found, replace(world.batch, id=second))
        assert (outcome.status, outcome.number) == ("skipped", number)
    with store.read() as session:
        ended = session.get_one(OutcomeRow, number)
        assert (ended.source, ended.recording_sha256) == (None, None)
        assert CALL_ID not in ended.path


def test_neither_nights_nor_the_command_line_note_a_forgotten_recording_by_name(world):
    score(world)
    sha256 = sha_of(world, CALL_ID)
    forget_call(world.store, world.settings, CALL_ID)
    night = replace(world.batch, id=open_batch(world.store, "nightly flow", "night"))
    with Worklist(world.store, night.id) as worklist:
        for _ in range(2):  # as of two workers of the same night
            worklist.add([triage(Found(world.paths[CALL_ID]), night, lambda _: 1.0)])
        assert worklist.progress().counts == {"skipped": 1}
        assert worklist.claim() is None
    with world.store.read() as session:
        assert session.scalars(select(SeenFileRow.recording_sha256)).all() == []
        noted = session.scalars(select(OutcomeRow).where(OutcomeRow.batch == night.id)).one()
        assert "forgotten on request" in str(noted.reason)
        assert (noted.source, noted.recording_sha256) == (None, None)
    by_hand = replace(world.batch, id=world.store.start_batch("callscore score"))
    outcome = score_one(Found(world.paths[CALL_ID]), by_hand)
    assert outcome.path == str(world.paths[CALL_ID])
    assert traces(world, CALL_ID) == []
    with world.store.read() as session:
        shas = session.scalars(select(OutcomeRow.recording_sha256)).all()
    assert sha256 not in shas


def seen_row(source: str, sha256: str) -> SeenFileRow:
    return SeenFileRow(source=source, size=1, modified_ns=1, recording_sha256=sha256, risk=None)


def test_a_purge_takes_out_names_that_were_noted_since(world):
    score(world)
    path, sha256 = world.paths[CALL_ID], sha_of(world, CALL_ID)
    forget_call(world.store, world.settings, CALL_ID)
    with world.store.write() as session:  # as a worker leaves it that dies after the call was gone
        row = OutcomeRow(
            batch=world.batch.id, path=str(path), status="quarantined", reason=f"{path}: it died",
            result=None, at=utc_now(), source=f"local:{path}", recording_sha256=sha256,
        )  # fmt: skip
        seen = seen_row(f"local:{path}", sha256)
        other = seen_row("local:/other", sha_of(world, "after-3"))
        session.add_all((row, seen, other))
    receipt = purge_old(world.store, world.settings, Ages())
    assert receipt.clean
    assert receipt.removed["known files"] == 1
    assert traces(world, CALL_ID) == []
    with world.store.read() as session:
        assert session.scalars(select(SeenFileRow.source)).all() == ["local:/other"]
        assert sha256 not in session.scalars(select(OutcomeRow.recording_sha256)).all()


def test_two_at_once_are_one(world):
    score(world)
    done: list[object] = []

    def run() -> None:
        try:
            done.append(forget_call(world.store, world.settings, CALL_ID).removed["calls"])
        except HoldError as error:
            done.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(str(item)[:1] for item in done) == ["1", CALL_ID[:1]]


def test_what_was_cut_off_is_finished_by_the_next(world, monkeypatch):
    score(world)
    plant(world)

    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline.deletion.forget.kept_files, "remove_pages", power_cut)
        with pytest.raises(KeyboardInterrupt):
            forget_call(world.store, world.settings, CALL_ID, recordings=True)
    assert list((world.settings.data_dir / "reports").glob("*.html"))
    with pytest.raises(HoldError):
        forget_call(world.store, world.settings, CALL_ID)
    assert traces(world, PLANTED, CALL_ID) == []
    assert not world.paths[CALL_ID].exists()


def test_pages_left_on_another_host_go_by_the_id_they_name(world):
    score(world)
    report = write_report(world.batch.id, world.store, world.settings)
    page = report.read_text()
    forget_call(world.store, world.settings, CALL_ID)
    report.write_text(page)  # as if this were that host
    receipt = forget_call(world.store, world.settings, CALL_ID)
    assert receipt.removed["reports"] == 1
    assert not report.exists()


def test_words_of_versions_that_did_not_overwrite_go_too(settings):
    """SQLite leaves deleted bytes in its file where nobody tells it otherwise."""
    with Store(settings.database_url) as store:
        with store.write() as session:
            session.execute(text("PRAGMA user_version = 0"))
        pooled = store._engine.raw_connection()
        pooled.execute("PRAGMA secure_delete = OFF")
        pooled.execute("INSERT INTO audit (at, person_name, action, what) VALUES "
                       f"('2026-01-01', '', 'view', '{PLANTED * 50}')")  # fmt: skip
        pooled.execute("DELETE FROM audit")
        pooled.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pooled.close()
        file = settings.data_dir / "callscore.db"
        assert PLANTED.encode() in file.read_bytes()
        store.wipe(())
        assert PLANTED.encode() not in file.read_bytes()


def test_the_commands_say_what_they_did(settings, store, make_result, monkeypatch):
    monkeypatch.setenv("CALLSCORE_DATA_DIR", str(settings.data_dir))
    judging = Judging("r", "0", "e")
    store.keep_result(make_result("c-1042"), "ab" * 32, "/c.wav", judging, call_id_given=True)

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, arguments)
        return done.exit_code, done.output

    assert run("hold", "c-1042", "--reason", "claim")[0] == 0
    code, said = run("forget", "c-1042")
    assert (code, said.count("\n")) == (2, 1)
    assert "callscore lift" in said
    assert run("lift", "c-1042")[0] == 0
    code, said = run("forget", "c-1042")
    assert code == 0, said
    assert "call c-1042 is forgotten" in said
    assert "calls: 1;" in said
    assert "nothing else of it is left" in said
    assert run("forget", "c-1042")[0] == 2
    assert run("lift", "c-1042")[0] == 2

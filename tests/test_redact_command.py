"""Hiding personal data in what is stored: by a batch from the start, and by a command later."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from pipeline.batch import Batch, score_one
from pipeline.cli import app
from pipeline.coaching_tables import CoachingMomentRow, CoachingSessionRow
from pipeline.find import Found
from pipeline.fulltext import forget_words
from pipeline.privacy_tables import LegalHoldRow, OriginalRow
from pipeline.records import Turn
from pipeline.result import dump_line, facts_from_json, without_words
from pipeline.rubric import load_rubrics
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tables import FactsRow, ResultRow, utc_now
from pipeline.verify import verify
from tests import fakes
from tests.fakes import FakeListener, NoEngines

PHONE = "020 7946 0123"
TURNS = (
    Turn("agent", "Thank you for calling, this is Priya. How can I help you?", 0.0, 3.0),
    Turn("customer", "My order 4711 never arrived and I am upset.", 3.5, 7.0),
    Turn("agent", "I am so sorry about that. What is your number?", 7.5, 11.0),
    Turn("customer", f"It is {PHONE}, so ring me tomorrow.", 11.5, 15.0),
    Turn("agent", f"I will call you on {PHONE} tomorrow at nine.", 15.5, 19.0),
)


@pytest.fixture(autouse=True)
def _said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fakes, "TURNS", TURNS)


@pytest.fixture
def score(tmp_path: Path, make_wav, database_url: str):
    """Scores one call under settings of its own, and gives them."""

    def scored(**given: object) -> Settings:
        settings = Settings(data_dir=tmp_path / "data", db_url=database_url, **given)
        path = make_wav(tmp_path / "calls" / "a.wav")
        listener = FakeListener(tmp_path / "heard")
        with Store.of(settings) as store:
            rubrics = load_rubrics("leap", {})
            number = store.start_batch("t")
            batch = Batch(number, settings, rubrics, NoEngines(), store, listener)
            outcome = score_one(Found(path), batch)
            assert outcome.status in ("scored", "skipped"), outcome.reason
            store.finish_batch(number)
        return settings

    return scored


def contents(settings: Settings) -> str:
    """All rows that hold words, as text."""
    with Store.of(settings) as store, store.read() as session:
        facts = session.scalars(select(FactsRow.facts_json)).all()
        results = session.scalars(select(ResultRow.result_json)).all()
        words = session.connection().exec_driver_sql("SELECT words FROM call_words").scalars().all()
        promises = session.connection().exec_driver_sql("SELECT quote FROM promises").scalars()
        return "\n".join([*facts, *results, *words, *promises])


def originals(settings: Settings) -> list[list[str]]:
    with Store.of(settings) as store, store.read() as session:
        return [json.loads(text) for text in session.scalars(select(OriginalRow.words_json))]


def test_what_is_stored_is_hidden_by_default(score) -> None:
    settings = score()
    stored = contents(settings)
    assert "7946" not in stored
    assert "Priya" not in stored
    assert "[phone]" in stored
    assert "4711" in stored  # an order number is nobody's
    assert originals(settings) == []


def test_originals_are_kept_apart_where_the_owner_wants_it(score) -> None:
    settings = score(keep_originals=True)
    assert "7946" not in contents(settings)
    assert originals(settings) == [["Priya", PHONE, PHONE]]


def test_what_may_be_seen_is_a_setting(score) -> None:
    stored = contents(score(redact=("card",)))
    assert PHONE in stored
    assert "Priya" in stored


@pytest.mark.parametrize("keep", [False, True])
def test_stored_calls_become_what_they_would_be_now(score, monkeypatch, keep: bool) -> None:
    before = score(redact=())
    assert PHONE in contents(before)
    with Store.of(before) as store, store.read() as session:
        scored = session.scalars(select(ResultRow)).one()
        scores = (scored.score, scored.coverage, scored.scored_at)

    monkeypatch.setenv("CALLSCORE_DATA_DIR", str(before.data_dir))
    monkeypatch.setenv("CALLSCORE_KEEP_ORIGINALS", str(keep).lower())
    reports = before.data_dir / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    (reports / "old.html").write_text(PHONE)
    said = CliRunner().invoke(app, ["redact", "--db", before.database_url])
    assert said.exit_code == 0, said.output
    assert "3 pieces" in said.output
    assert not list(reports.iterdir())

    stored = contents(before)
    assert "7946" not in stored
    assert "Priya" not in stored
    assert originals(before) == ([["Priya", PHONE, PHONE]] if keep else [])
    with Store.of(before) as store, store.read() as session:
        result = session.scalars(select(ResultRow)).one()
        assert (result.score, result.coverage, result.scored_at) == scores
        facts = facts_from_json(session.scalars(select(FactsRow)).one().facts_json)
        shown = json.loads(result.result_json)
        assert [turn["text"] for turn in shown["turns"]] == [turn.text for turn in facts.turns]
        quotes = [e["quote"] for criterion in shown["criteria"] for e in criterion["evidence"]]
        spoken = " ".join(turn.text for turn in facts.turns)
        assert quotes
        assert all(quote in spoken for quote in quotes)
        assert [found.verdict for found in verify(store)] == ["same"]

    again = CliRunner().invoke(app, ["redact", "--db", before.database_url])
    assert again.output.startswith("0 pieces")
    # The next night finds its facts: nothing is listened to again.
    settings = score(keep_originals=keep)
    assert len(FakeListener(settings.data_dir.parent / "heard").heard) == 1


def redact(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CALLSCORE_DATA_DIR", str(settings.data_dir))
    said = CliRunner().invoke(app, ["redact", "--db", settings.database_url])
    assert said.exit_code == 0, said.output
    return said.output


def test_what_was_made_of_the_words_goes_too(score, monkeypatch) -> None:
    settings = score(redact=())
    moment = {"place": 0, "kind": "missed", "criterion": "solve", "colleague": False}
    with Store.of(settings) as store, store.write() as session:
        made = CoachingSessionRow(
            agent_id="unknown", agent_name=None, team=None, since=utc_now(), until=utc_now(),
            rubric="leap 1", plan_json="{}", created_at=utc_now(), created_by="",
        )  # fmt: skip
        session.add(made)
        session.flush()
        session.add(
            CoachingMomentRow(
                session=made.id, call=1, start_s=0.0, end_s=1.0, excerpt_json=PHONE, **moment
            )
        )
        sha256 = session.scalars(select(FactsRow.recording_sha256)).one()
    page = settings.data_dir / "coaching" / "2026-11-25-session-1.html"
    sound = settings.data_dir / "playback" / f"{sha256}.wav"
    for file in (page, sound):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(PHONE)
    said = redact(settings, monkeypatch)
    assert "1 coaching moment, 1 coaching page, 1 decoded sound." in said
    with Store.of(settings) as store, store.read() as session:
        assert session.scalars(select(CoachingMomentRow)).all() == []
    holding = [
        path
        for path in settings.data_dir.rglob("*")
        if path.is_file() and b"7946" in path.read_bytes()
    ]
    assert holding == []


def test_a_call_under_legal_hold_stays_as_it_is(score, monkeypatch) -> None:
    settings = score(redact=())
    with Store.of(settings) as store, store.write() as session:
        session.add(LegalHoldRow(call=1, reason="A claim.", person_name="", at=utc_now()))
    assert "under legal hold: 1 recording." in redact(settings, monkeypatch)
    assert PHONE in contents(settings)


def test_reports_stay_where_nothing_was_hidden(score, monkeypatch) -> None:
    settings = score(redact=("name", "phone"))
    report = settings.data_dir / "reports" / "old.html"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text("nothing of anybody")
    said = redact(settings, monkeypatch)
    assert said.startswith("0 pieces of personal data newly hidden, in 0 of 1 recording.")
    assert "Deleted" not in said
    assert report.exists()


@pytest.mark.parametrize("settings_of_each", [((), ("phone", "name")), (("phone", "name"), ())])
def test_words_that_one_of_two_listenings_knows_are_kept_for_both(
    score, monkeypatch, settings_of_each
) -> None:
    for kinds in settings_of_each:
        settings = score(redact=kinds)
    monkeypatch.setenv("CALLSCORE_KEEP_ORIGINALS", "true")
    said = redact(settings, monkeypatch)
    assert said.startswith("3 pieces of personal data newly hidden, in 1 of 1 recording.")
    assert originals(settings) == [["Priya", PHONE, PHONE]] * 2


def test_words_that_nobody_knows_any_more_are_not_kept_as_empty(score, monkeypatch) -> None:
    settings = score(redact=("phone", "name"))
    monkeypatch.setenv("CALLSCORE_KEEP_ORIGINALS", "true")
    redact(settings, monkeypatch)
    assert originals(settings) == []


def test_words_that_were_deleted_do_not_come_back(score, monkeypatch) -> None:
    settings = score(redact=())
    with Store.of(settings) as store, store.write() as session:
        row = session.scalars(select(ResultRow)).one()
        row.result_json = dump_line(without_words(json.loads(row.result_json), utc_now()))
        forget_words(session, row.call)
    redact(settings, monkeypatch)
    assert CliRunner().invoke(app, ["rescore", "--db", settings.database_url]).exit_code == 0
    with Store.of(settings) as store, store.read() as session:
        assert json.loads(session.scalars(select(ResultRow)).one().result_json)["turns"] == []

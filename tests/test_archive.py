"""What is done with stored calls: verify, judge again, compare rubrics. No recording is touched."""

import json
import sqlite3
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from pipeline.archive import stored_calls
from pipeline.backtest import compare
from pipeline.batch import Batch, score_one
from pipeline.cli import app
from pipeline.find import Found
from pipeline.rubric import RUBRICS_DIR, load_rubric, load_rubrics, restore_rubric
from pipeline.verify import verify
from tests.fakes import NoEngines

LEAP = (RUBRICS_DIR / "leap.yaml").read_text()


@pytest.fixture
def scored(settings, store, listener, make_wav, tmp_path):
    """Two calls scored under the shipped rubric; the recordings are gone afterwards."""
    rubrics = load_rubrics("leap", {})
    batch = Batch(store.start_batch("t"), settings, rubrics, NoEngines(), store, listener)
    for number, name in enumerate(("a", "b")):
        path = make_wav(tmp_path / "calls" / f"{name}.wav", number)
        path.with_suffix(".json").write_text(
            json.dumps({"call_id": name, "queue": "returns" if name == "a" else "billing"})
        )
        assert score_one(Found(path), batch).status == "scored"
        path.unlink()
    return store


@pytest.fixture
def stricter(tmp_path):
    path = tmp_path / "stricter.yaml"
    rules = (
        "\n  - id: name\n    title: Gives a name\n    weight: 20\n    rules:\n"
        '      met: {phrase: "my name is"}\n      helps: Saying your name.\n'
    )
    text = LEAP.replace('version: "1"', 'version: "2"')
    path.write_text(
        text.replace("\n# What must never happen", rules + "\n# What must never happen")
    )
    return path


def run(settings, *arguments):
    return CliRunner().invoke(app, [*arguments, "--db", settings.database_url])


def change(settings, sql, *values):
    connection = sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))
    with connection:
        connection.execute(sql, values)
    connection.close()


def test_what_was_stored_verifies(scored, settings):
    receipts = list(verify(scored))
    assert [(r.call_id, r.verdict, r.detail) for r in receipts] == [
        ("a", "same", ()), ("b", "same", ()),
    ]  # fmt: skip
    done = run(settings, "verify")
    assert done.exit_code == 0
    assert "2 of 2 results are what" in done.stdout


def test_numbers_verify_as_they_are_read_back(settings, store, listener, make_wav, tmp_path):
    """A whole number where a fraction could be is written otherwise once it was stored."""

    def hears(*given):
        return replace(listener(*given), duration_s=12)

    rubrics = load_rubrics("leap", {})
    batch = Batch(store.start_batch("t"), settings, rubrics, NoEngines(), store, hears)
    assert score_one(Found(make_wav(tmp_path / "calls" / "a.wav")), batch).status == "scored"
    assert [r.verdict for r in verify(store)] == ["same"]


def test_what_differs_is_named_and_no_words_are_shown(scored, settings):
    before = scored.result(1)
    altered = json.dumps(before | {"score": 12.0}, ensure_ascii=False)
    altered = altered.replace("4711", "4712").replace('"answer": "met"', '"answer": "missed"', 1)
    change(settings, "update results set result_json = ? where id = 1", altered)
    done = run(settings, "verify")
    assert done.exit_code == 1
    assert f"score: 12.0 stored, {before['score']} recomputed" in done.stdout
    assert "criteria.listen_first.answer: missed stored, met recomputed" in done.stdout
    assert "differs" in done.stdout
    assert "secret" not in done.stdout
    assert run(settings, "verify", "b").exit_code == 0
    assert run(settings, "verify", "a").exit_code == 1


def test_altered_facts_or_a_lost_rubric_do_not_verify(scored, settings):
    change(settings, "update facts set facts_json = replace(facts_json, 'never arrived', 'came')")
    assert {r.verdict for r in verify(scored)} == {"differs"}
    change(
        settings, "update rubrics set files_json = replace(files_json, 'weight: 20', 'weight: 9')"
    )
    assert {r.detail[0] for r in verify(scored)} == {
        "its stored rubric was altered, or this version reads it differently"
    }
    change(settings, "delete from rubrics")
    assert {r.verdict for r in verify(scored)} == {"cannot_verify"}


@pytest.mark.usefixtures("scored")
def test_a_call_that_is_not_stored_is_said(settings):
    done = run(settings, "verify", "zzz")
    assert done.exit_code == 2
    assert "zzz" in done.output


def test_a_stored_rubric_is_the_same_rubric(stricter):
    rubric = load_rubric(stricter)
    again = restore_rubric(rubric.files)
    assert (again.hash, again.criteria) == (rubric.hash, rubric.criteria)


def test_diff_lists_every_flip_and_stores_nothing(scored, settings, stricter):
    flips = [f for c in compare(stored_calls(scored), load_rubric(), load_rubric(stricter))
             for f in c.flips]  # fmt: skip
    assert {(f.call_id, f.criterion, f.old, f.new) for f in flips} == {
        ("a", "name", None, "missed"), ("b", "name", None, "missed"),
    }  # fmt: skip
    done = run(settings, "rubric", "diff", "leap", str(stricter))
    assert done.exit_code == 1
    assert "2 of 2 stored calls change" in done.stdout
    assert "Name: weight – → 20" in done.stdout
    assert len(list(verify(scored))) == 2
    assert run(settings, "rubric", "diff", "leap", "leap").exit_code == 0


def test_rescore_judges_all_stored_calls(scored, settings, stricter):
    done = run(settings, "rescore", "--rubric", str(stricter))
    assert done.exit_code == 0, done.output
    assert "2 calls judged again" in done.stdout
    assert "2 by leap 2" in done.stdout
    assert "2 results are new or changed" in done.stdout.replace("\n", " ")
    assert "0 results are new" in run(settings, "rescore", "--rubric", str(stricter)).stdout
    receipts = list(verify(scored))
    assert [r.rubric for r in receipts] == ["leap 1", "leap 1", "leap 2", "leap 2"]
    assert {r.verdict for r in receipts} == {"same"}
    assert scored.result(3)["criteria"][-1]["id"] == "name"


def test_metadata_corrected_later(scored, settings, stricter):
    """A result was made with the metadata of its day; what is judged next has those of today."""
    assert run(settings, "rescore", "--rubric", str(stricter)).exit_code == 0
    change(settings, "update calls set agent_id = 'other', direction = 'outbound'")
    assert {r.verdict for r in verify(scored)} == {"same"}
    assert {c.facts.metadata.agent_id for c in stored_calls(scored)} == {"other"}


def test_a_call_is_judged_again_from_what_was_heard_last(scored, settings, stricter):
    """Scored under two rubrics, then listened to anew: the first result changes in its place."""
    assert run(settings, "rescore", "--rubric", str(stricter)).exit_code == 0
    change(
        settings,
        "insert into facts (recording_sha256, listening_key, facts_json, stored_at) "
        "select recording_sha256, 'anew', facts_json, stored_at from facts",
    )
    change(
        settings,
        "update results set listening_key = 'anew', scored_at = '2999-01-01 00:00:00.000000' "
        "where rubric_version = '1'",
    )
    assert [c.listening_key for c in stored_calls(scored)] == ["anew", "anew"]


def test_a_queue_has_its_own_rubric(scored, settings, stricter, monkeypatch):
    monkeypatch.setenv("CALLSCORE_QUEUE_RUBRICS", json.dumps({"returns": str(stricter)}))
    assert run(settings, "rescore").exit_code == 0
    assert [r.rubric for r in verify(scored, ["a"])] == ["leap 1", "leap 2"]
    assert [r.rubric for r in verify(scored, ["b"])] == ["leap 1"]


def test_nothing_stored_yet(settings):
    assert run(settings, "rubric", "diff", "leap", "leap").exit_code == 2
    assert run(settings, "verify").exit_code == 0

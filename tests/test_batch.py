import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.batch import Batch, give_up, score_one
from pipeline.errors import RecordingError, TransientError
from pipeline.find import Found, find_recordings
from pipeline.rubric import load_rubrics
from tests.fakes import NoEngines


@pytest.fixture
def batch(settings, store, listener) -> Batch:
    rubrics = load_rubrics("leap", {})
    return Batch(store.start_batch("test"), settings, rubrics, NoEngines(), store, listener)


@pytest.fixture
def recording(tmp_path, make_wav) -> Path:
    return make_wav(tmp_path / "calls" / "a.wav")


def sidecar(recording: Path, **fields: str) -> None:
    recording.with_suffix(".json").write_text(json.dumps(fields))


def test_scores_once(recording, batch, listener):
    first = score_one(Found(recording), batch)
    assert (first.status, first.agent_id) == ("scored", "unknown")
    assert first.call_id.startswith("a-")
    batch = replace(batch, id=batch.store.start_batch("next night"))
    second = score_one(Found(recording), batch)
    assert (second.status, second.reason) == ("skipped", "scored already")
    assert (second.result_id, second.score) == (first.result_id, first.score)
    assert listener.heard == ["a.wav"]
    assert batch.store.outcomes(batch.id) == [second]


def test_another_rubric_listens_to_nothing(recording, batch, listener):
    first = score_one(Found(recording), batch)
    other = replace(
        batch,
        rubrics=replace(batch.rubrics, default=replace(batch.rubrics.default, hash="another")),
    )
    second = score_one(Found(recording), other)
    assert second.status == "scored"
    assert second.result_id != first.result_id
    assert listener.heard == ["a.wav"]


def test_changed_metadata_replaces(recording, batch, listener):
    made_up = score_one(Found(recording), batch)
    sidecar(recording, call_id="C-17", agent_id="a1")
    named = score_one(Found(recording), batch)
    assert (named.status, named.call_id, named.agent_id) == ("scored", "C-17", "a1")
    assert named.result_id == made_up.result_id
    sidecar(recording, call_id="C-17", agent_id="a2")
    assert score_one(Found(recording), batch).agent_id == "a2"
    assert batch.store.result(named.result_id)["agent_id"] == "a2"
    assert listener.heard == ["a.wav"]  # who the agent is does not change what is heard


def test_what_guides_the_ear_is_listened_to_anew(recording, batch, listener):
    score_one(Found(recording), batch)
    sidecar(recording, agent_channel="right")
    assert score_one(Found(recording), batch).status == "scored"
    assert (
        score_one(Found(recording), replace(batch, engines=NoEngines("other"))).status == "scored"
    )
    assert len(listener.heard) == 3


def test_a_copy_without_metadata_is_the_same_call(recording, batch, make_wav):
    sidecar(recording, call_id="C-17", agent_id="a1")
    first = score_one(Found(recording), batch)
    copy = score_one(Found(make_wav(recording.parent / "copy.wav")), batch)
    assert copy.status == "skipped"
    assert (copy.result_id, copy.agent_id) == (first.result_id, "a1")
    other = score_one(Found(make_wav(recording.parent / "other.wav", content=7)), batch)
    assert other.call_id != "C-17"


def test_metadata_that_is_taken_away(recording, batch):
    sidecar(recording, call_id="C-17", agent_id="wrong")
    score_one(Found(recording), batch)
    recording.with_suffix(".json").unlink()
    again = score_one(Found(recording), batch)
    assert (again.status, again.call_id, again.agent_id) == ("scored", "C-17", "unknown")


@pytest.mark.usefixtures("recording")
def test_a_manifest_that_was_given_says_whose_call_it_is(batch, tmp_path):
    manifest = tmp_path / "tonight.csv"
    manifest.write_text("file,call_id,agent_id\ncalls/a.wav,C-17,a1\n")
    (found,) = find_recordings([str(manifest)])
    outcome = score_one(Found.at(found.source), batch)
    assert (outcome.status, outcome.call_id, outcome.agent_id) == ("scored", "C-17", "a1")


def test_bad_files_become_outcomes(recording, batch, listener, make_wav):
    listener.fails("a.wav", RecordingError("a.wav: silent;\ncheck the recorder"))
    failed = score_one(Found(recording), batch)
    assert (failed.status, failed.reason) == ("failed", "a.wav: silent; check the recorder")
    named = score_one(Found(Path("gone.wav"), "gone.wav: no such file"), batch)
    assert (named.status, named.reason) == ("failed", "gone.wav: no such file")
    broken = make_wav(recording.parent / "b.wav")
    broken.with_suffix(".json").write_text("{")
    assert "not valid JSON" in str(score_one(Found(broken), batch).reason)
    assert len(batch.store.outcomes(batch.id)) == 3


def test_an_unexpected_error_tells_its_place_and_no_words(recording, batch, listener):
    listener.fails("a.wav", KeyError("my card number is 4711"))
    failed = score_one(Found(recording), batch)
    assert failed.status == "failed"
    assert "unexpected KeyError at batch.py, line" in str(failed.reason)
    assert "4711" not in str(failed.reason)


@pytest.mark.parametrize("error", [TransientError("share away"), MemoryError()])
def test_what_may_pass_is_for_the_caller_to_try_again(recording, batch, listener, error):
    listener.fails("a.wav", error)
    with pytest.raises(TransientError) as raised:
        score_one(Found(recording), batch)
    assert batch.store.outcomes(batch.id) == []
    given_up = give_up(Found(recording), raised.value, batch.id, batch.store)
    assert batch.store.outcomes(batch.id) == [given_up]
    assert score_one(Found(recording), batch).status == "scored"
    assert [outcome.status for outcome in batch.store.outcomes(batch.id)] == ["scored"]


def test_a_share_that_is_away_may_pass(recording, batch, monkeypatch):
    def away(_path):
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr("pipeline.batch.sha256_of", away)
    with pytest.raises(TransientError, match=r"a\.wav: Stale file handle; see that the share"):
        score_one(Found(recording), batch)

"""Which recordings are to be scored, and in which order; the order from the signal alone."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import audio
from pipeline import triage as triage_module
from pipeline.audio import SAMPLE_RATE, Recording
from pipeline.batch import Batch, score_one
from pipeline.crew import ProcessDied
from pipeline.errors import RecordingError
from pipeline.find import Found
from pipeline.risk import risk_of
from pipeline.rubric import load_rubrics
from pipeline.triage import UNREADABLE, triage
from pipeline.worklist import Lined, Worklist
from tests.fakes import NoEngines

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture
def batch(settings, store, listener) -> Batch:
    number = store.start_batch("test")
    return Batch(number, settings, load_rubrics("leap", {}), NoEngines(), store, listener)


def look(found: Found, batch: Batch) -> Lined:
    """Triage with the risk measured in this process."""

    def risk(path: Path) -> float:
        return risk_of(audio.load(path, max_duration_s=batch.settings.max_duration_s))

    return triage(found, batch, risk)


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Names of the files that were read from start to end."""
    names: list[str] = []
    original = audio.sha256_of

    def reads(path):
        names.append(path.name)
        return original(path)

    monkeypatch.setattr(audio, "sha256_of", reads)
    return names


def test_a_new_recording_waits_with_its_risk_and_is_read_once(batch, opened):
    found = Found(SAMPLES / "poor_agent.flac")
    first = look(found, batch)
    assert first.status is None
    assert 0 < first.risk < UNREADABLE
    opened.clear()
    assert look(found, batch) == first
    assert opened == []


def test_what_is_scored_is_skipped_without_reading_it(batch, make_wav, tmp_path, opened):
    found = Found(make_wav(tmp_path / "a.wav"))
    outcome = score_one(found, batch)
    assert look(found, batch).status == "skipped"
    opened.clear()
    again = look(found, batch)
    assert (again.status, again.reason, again.result_id) == (
        "skipped", "scored already", outcome.result_id,
    )  # fmt: skip
    assert opened == []


def test_another_recording_under_the_same_name_is_seen(batch, make_wav, tmp_path):
    found = Found(make_wav(tmp_path / "a.wav"))
    before = look(found, batch)
    make_wav(found.path, 7)
    os.utime(found.path, (1e9, 1e9))
    assert look(found, batch).recording_sha256 != before.recording_sha256


def test_what_cannot_be_read_comes_first_and_fails_by_itself(batch, tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_text("no audio")
    assert look(Found(broken), batch).risk == UNREADABLE
    gone = look(Found(tmp_path / "gone.wav"), batch)
    assert (gone.status, gone.risk) == (None, UNREADABLE)
    named = look(Found(tmp_path / "gone", "no such folder"), batch)
    assert (named.status, named.reason) == ("failed", "no such folder")


@pytest.mark.parametrize("error", [MemoryError(), ProcessDied("killed"), RuntimeError("libav")])
def test_what_looking_at_it_breaks_is_for_the_task_to_find_out(batch, error):
    def breaks(_path: Path) -> float:
        raise error

    lined = triage(Found(SAMPLES / "poor_agent.flac"), batch, breaks)
    assert (lined.status, lined.risk) == (None, UNREADABLE)
    assert lined.recording_sha256 is not None


def test_a_share_that_is_away_leaves_it_to_the_task(batch, tmp_path, make_wav, monkeypatch):
    def away(_path):
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(triage_module.audio, "sha256_of", away)
    assert look(Found(make_wav(tmp_path / "a.wav")), batch).status is None


def test_quarantined_content_is_left_alone_under_any_name(batch, store, make_wav, tmp_path):
    found = Found(make_wav(tmp_path / "a.wav"))
    with Worklist(store, batch.id) as worklist:
        worklist.add([look(found, batch)])
        worklist.crashed(worklist.claim(), "it was killed", most=1)
    copy = look(Found(make_wav(tmp_path / "copy.wav")), replace(batch, id=99))
    assert copy.status == "skipped"
    assert str(copy.reason).startswith("quarantined already: ")


def test_what_failed_by_its_own_fault_is_not_tried_every_night(
    batch, store, make_wav, tmp_path, listener
):
    """A recording that is silent stays so; a sidecar with a mistake may be corrected."""
    silent, unclear = Found(make_wav(tmp_path / "a.wav", 1)), Found(make_wav(tmp_path / "b.wav", 2))
    listener.fails("a.wav", RecordingError("a.wav: silent"))
    unclear.path.with_suffix(".json").write_text("{")
    with Worklist(store, batch.id) as worklist:
        worklist.add([look(silent, batch), look(unclear, batch)])
    assert [score_one(found, batch).status for found in (silent, unclear)] == ["failed"] * 2
    tomorrow = replace(batch, id=store.start_batch("tomorrow"))
    again = look(silent, tomorrow)
    assert (again.status, again.reason) == ("skipped", "failed already: a.wav: silent")
    assert look(unclear, tomorrow).status is None


def recording(*channels: np.ndarray) -> Recording:
    return Recording(Path("x"), "0", np.array(channels, np.float32), len(channels))


def speech(seconds: float, level: float = 0.1) -> np.ndarray:
    return level * np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE))


def test_risk_grows_with_loud_voices_overlap_and_silence():
    quiet = np.zeros(10 * SAMPLE_RATE)
    calm = recording(np.r_[speech(10), quiet], np.r_[quiet, speech(10)])
    loud = recording(np.r_[speech(9), speech(1, 0.4), quiet], np.r_[quiet, speech(10)])
    both = recording(np.r_[speech(12), quiet[: 8 * SAMPLE_RATE]], np.r_[quiet, speech(10)])
    silent = recording(
        np.r_[speech(5), np.zeros(15 * SAMPLE_RATE)], np.r_[np.zeros(15 * SAMPLE_RATE), speech(5)]
    )
    for worse in (loud, both, silent):
        assert risk_of(worse) > risk_of(calm) + 0.5
    assert risk_of(recording(np.zeros(100))) == 0.0
    assert risk_of(recording(np.zeros(SAMPLE_RATE))) == 0.0

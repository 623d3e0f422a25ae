"""What the recogniser gets to hear, and the audit of what it says."""

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline import activity, transcribe
from pipeline.audio import load
from pipeline.errors import ModelError, TransientError
from pipeline.records import Span, Word
from pipeline.transcribe import (
    BUNDLED,
    LEVEL_RMS,
    MARGIN_S,
    MOST_GAIN,
    SAMPLE_RATE,
    WINDOW_S,
    Transcriber,
    _level,
    _on_speech,
    _pack,
    _packed,
    _read,
    _spoken,
    _wordless,
)
from tests.recordings import SAMPLES


def spans(*pairs):
    return tuple(Span(a, b) for a, b in pairs)


def hour():
    return 3600 * SAMPLE_RATE


def test_only_speech_is_packed():
    (window,) = _pack([spans((10, 12), (40, 41))], hour())
    assert [(p.start / SAMPLE_RATE, p.end / SAMPLE_RATE) for p in window] == [
        (10 - MARGIN_S, 12 + MARGIN_S),
        (40 - MARGIN_S, 41 + MARGIN_S),
    ]
    samples = np.arange(hour(), dtype=np.float32)[None]
    packed = _packed(samples, window, [(np.array([0.0]), np.array([1.0]))])
    assert packed.tolist() == [n for p in window for n in range(p.start, p.end)]


def test_short_pauses_stay_as_they_are():
    (window,) = _pack([spans((10, 12), (12.8, 14))], hour())
    assert len(window) == 1


@pytest.mark.parametrize("seed", range(5))
def test_windows_fit_the_model_and_lose_nothing(seed):
    rng = np.random.default_rng(seed)
    edges = np.cumsum(rng.exponential([4.0, 0.6] * 60))
    speech = spans(*zip(edges[::2], edges[1::2], strict=True))
    windows = _pack([speech, speech], hour())
    for window in windows:
        assert sum(p.end - p.start for p in window) <= WINDOW_S * SAMPLE_RATE
        assert len({p.channel for p in window}) == 1
    pieces = [p for window in windows for p in window if p.channel == 1]
    for span in speech:
        covered = sum(
            max(0, min(p.end, span.end_s * SAMPLE_RATE) - max(p.start, span.start_s * SAMPLE_RATE))
            for p in pieces
        )
        assert covered >= 0.99 * span.duration_s * SAMPLE_RATE


def test_an_endless_monologue_is_cut_at_its_longest_pause():
    speech = spans((0, 20), (20.5, 25), (25.1, 50))
    first, second = _pack([speech], hour())
    assert first[-1].end / SAMPLE_RATE == pytest.approx(20 + MARGIN_S)
    assert second[0].start / SAMPLE_RATE == pytest.approx(20.5 - MARGIN_S)


def test_every_stretch_of_speech_is_brought_to_one_level():
    channel = np.random.default_rng(0).normal(0, 1, 10 * SAMPLE_RATE).astype(np.float32)
    channel[: 5 * SAMPLE_RATE] *= 0.2
    channel[5 * SAMPLE_RATE :] *= 0.02
    at, gain = _level(channel, spans((1, 2), (2.1, 4), (6, 9)))
    assert at.tolist() == [n * SAMPLE_RATE for n in (1, 4, 6, 9)]
    assert gain == pytest.approx([LEVEL_RMS / 0.2] * 2 + [LEVEL_RMS / 0.02] * 2, rel=0.05)


def test_noise_is_not_blown_up():
    assert max(_level(np.zeros(SAMPLE_RATE, np.float32), spans((0, 1)))[1]) == MOST_GAIN


def test_speech_without_words_is_found():
    words = [Word(1.0, 2.0, "hello", 0.9)]
    assert _wordless(spans((1.0, 2.1), (5.0, 7.0), (9.0, 9.3)), words) == spans((5.0, 7.0))


def test_words_without_speech_are_found():
    speech = spans((1.0, 2.0))
    assert _spoken(Word(1.9, 2.4, "hello", 0.9), speech)
    assert not _spoken(Word(3.0, 3.4, "thanks", 0.9), speech)


def test_words_are_moved_off_the_silence():
    word = _on_speech(Word(0.7, 2.6, "hello", 0.9), spans((1.0, 2.0)))
    assert (word.start_s, word.end_s) == (1.0, 2.0)


@pytest.fixture(scope="module")
def heard():
    """A sample call: its samples, where there is speech, and what two readers read."""
    samples = load(SAMPLES / "good_agent.flac", max_duration_s=600).samples
    speech = [activity.listen(channel).speech for channel in samples]
    transcriber = Transcriber(BUNDLED, device="cpu", compute_type="int8", threads=2)
    return samples, speech, transcriber.transcribe(samples, speech)


def test_a_word_stamped_outside_of_its_window_stays_in_it():
    class Late:
        """Stamps a word after the end of the first window, and one before the second begins."""

        def transcribe(self, _samples, clip_timestamps, **_options):
            first, second = clip_timestamps
            return [
                segment(first["start"], SimpleNamespace(
                    start=first["end"] + 0.1, end=first["end"] + 0.3, word=" late", probability=1
                )),
                segment(second["start"], SimpleNamespace(
                    start=second["start"] - 0.01, end=second["start"], word=" early", probability=1
                )),
            ], None  # fmt: skip

    def segment(start_s, word):
        return SimpleNamespace(seek=int(start_s * 100), words=[word])

    windows = _pack([spans((10, 12)), spans((50, 52))], hour())
    gains = [(np.array([0.0]), np.array([1.0]))] * 2
    samples = np.zeros((2, 60 * SAMPLE_RATE), np.float32)
    found = _read(Late(), samples, gains, windows, "en", 1)
    assert [(channel, word.text) for channel, word in found] == [(0, "late"), (1, "early")]
    assert found[0][1].start_s == pytest.approx(12 + MARGIN_S, abs=0.2)
    assert found[1][1].start_s == pytest.approx(50 - MARGIN_S, abs=0.02)


def texts(script):
    return [[word.text for word in channel] for channel in script.channels]


def test_readers_that_share_the_windows_read_what_one_reads(heard):
    samples, speech, shared = heard
    alone = Transcriber(BUNDLED, device="cpu", compute_type="int8", threads=1)
    script = alone.transcribe(samples, speech)
    assert texts(script) == texts(shared)
    assert (script.language, shared.language) == ("en", "en")
    for channel in shared.channels:
        assert [w.start_s for w in channel] == sorted(w.start_s for w in channel)
        assert len(channel) > 50


def test_a_long_call_is_read_some_windows_after_the_others(heard, monkeypatch):
    samples, speech, shared = heard
    monkeypatch.setattr(transcribe, "WINDOWS_AT_HAND", 1)
    transcriber = Transcriber(BUNDLED, device="cpu", compute_type="int8", threads=2)
    assert texts(transcriber.transcribe(samples, speech)) == texts(shared)


class Cramped:
    """A pipeline whose memory holds so many windows."""

    def __init__(self, pipeline, holds):
        self.model, self._pipeline, self._holds = pipeline.model, pipeline, holds

    def transcribe(self, samples, batch_size, **options):
        if batch_size > self._holds:
            raise RuntimeError("CUDA failed with error out of memory")
        return self._pipeline.transcribe(samples, batch_size=batch_size, **options)


@pytest.mark.parametrize("holds", [2, 1])
def test_where_memory_runs_out_fewer_windows_are_read_at_a_time(heard, holds, monkeypatch, caplog):
    samples, speech, shared = heard
    transcriber = Transcriber(BUNDLED, device="cpu", compute_type="int8", threads=2)
    load_pipelines = transcriber._load
    monkeypatch.setattr(
        transcriber, "_load", lambda: [Cramped(made, holds) for made in load_pipelines()]
    )
    assert texts(transcriber.transcribe(samples, speech)) == texts(shared)
    assert f"from now on {holds} windows at a time" in caplog.text


def test_where_memory_does_not_hold_a_window_the_call_may_be_tried_again(heard, monkeypatch):
    samples, speech, _ = heard
    transcriber = Transcriber(BUNDLED, device="cpu", compute_type="int8", threads=2)
    load_pipelines = transcriber._load
    monkeypatch.setattr(
        transcriber, "_load", lambda: [Cramped(made, 0) for made in load_pipelines()]
    )
    with pytest.raises(TransientError, match="ran out of memory"):
        transcriber.transcribe(samples, speech)


def test_a_model_that_is_not_there_is_said(tmp_path):
    transcriber = Transcriber(str(tmp_path), device="cpu", compute_type="int8", threads=1)
    with pytest.raises(ModelError, match="cannot be loaded on cpu"):
        transcriber.transcribe(np.zeros((1, SAMPLE_RATE), np.float32), [spans((0, 1))], "en")

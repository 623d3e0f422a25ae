"""Intake: whatever FFmpeg decodes comes in; what is wrong with a recording is said."""

import hashlib

import numpy as np
import pytest

from pipeline.audio import SAMPLE_RATE, load, sha256_of
from pipeline.errors import RecordingError
from tests.recordings import SAMPLES, encode, raw_wav, sample, write_wav

DAY_S = 86_400


@pytest.fixture(scope="module")
def speech():
    return sample("good_agent")[:, : 8000 * 8]


def loudness_contour(channel):
    """Level of each 100 ms, for telling whether two signals are one recording."""
    frames = channel[: len(channel) // 1600 * 1600].reshape(-1, 1600)
    return np.log10((frames**2).mean(axis=1) + 1e-5)  # -50 dBFS: codecs differ in their silence


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("ulaw.wav", "pcm_mulaw", 8000),
        ("alaw.wav", "pcm_alaw", 8000),
        ("u8.wav", "pcm_u8", 8000),
        ("float.wav", "pcm_f32le", 8000),
        ("s24.wav", "pcm_s24le", 48000),
        ("adpcm.wav", "adpcm_ms", 8000),
        ("g722.wav", "g722", 16000),
        ("call.mp3", "libmp3lame", 44100),
        ("call.flac", "flac", 8000),
        ("call.opus", "libopus", 48000),
        ("call.m4a", "aac", 16000),
    ],
)
def test_formats(tmp_path, speech, name, codec, rate):
    audio = speech[:1] if codec == "g722" else speech
    recording = load(encode(tmp_path / name, audio, codec, rate), max_duration_s=DAY_S)
    assert recording.channels == len(audio)
    assert recording.samples.dtype == np.float32
    assert recording.duration_s == pytest.approx(8.0, abs=0.15)
    reference = load(write_wav(tmp_path / "reference.wav", audio), max_duration_s=DAY_S)
    for channel, expected in zip(recording.samples, reference.samples, strict=True):
        a, b = loudness_contour(channel), loudness_contour(expected)
        n = min(len(a), len(b)) - 1
        # Some codecs begin with up to a frame of their own.
        same = max(np.corrcoef(a[lag : n + lag], b[:n])[0, 1] for lag in (0, 1))
        assert same > 0.9


def test_gsm_is_decoded(tmp_path):
    """No encoder is at hand: GSM 06.10 frames of silence (magic 0xD) around noise-like ones."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (400, 33), dtype=np.uint8)
    frames[:, 0] = 0xD0 | (frames[:, 0] & 0x0F)
    path = tmp_path / "call.gsm"
    path.write_bytes(frames.tobytes())
    assert load(path, max_duration_s=DAY_S).duration_s == pytest.approx(8.0, abs=0.1)


def test_left_and_right_stay_apart(tmp_path, speech):
    silent_right = np.stack([speech[0], np.zeros_like(speech[0])])
    recording = load(write_wav(tmp_path / "a.wav", silent_right), max_duration_s=DAY_S)
    assert np.abs(recording.samples[0]).max() > 0.05
    assert np.abs(recording.samples[1]).max() < 1e-3


def test_hash_is_of_the_content():
    path = SAMPLES / "good_agent.flac"
    assert sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_length(tmp_path, speech):
    path = write_wav(tmp_path / "a.wav", speech)
    assert load(path, max_duration_s=DAY_S).samples.shape == (2, 8 * SAMPLE_RATE)
    with pytest.raises(RecordingError, match=r"a\.wav: longer than"):
        load(path, max_duration_s=5)


@pytest.mark.parametrize("gain", [1.0, 0.5, -1.0])
def test_one_signal_on_both_channels_is_mono(tmp_path, speech, gain):
    both = np.stack([speech[0], gain * speech[0]])
    recording = load(write_wav(tmp_path / "a.wav", both), max_duration_s=DAY_S)
    assert recording.warnings == ("mono_as_stereo",)
    assert recording.samples.shape[0] == 1
    assert recording.channels == 2


def test_stereo_is_no_copy(tmp_path, speech):
    assert load(write_wav(tmp_path / "a.wav", speech), max_duration_s=DAY_S).warnings == ()


@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_clipping_shows_even_when_turned_down_later(tmp_path, speech, gain):
    driven = np.clip(speech * 4 / np.abs(speech).max(), -1, 1) * gain
    recording = load(write_wav(tmp_path / "a.wav", driven), max_duration_s=DAY_S)
    assert "clipped" in recording.warnings


def test_a_quiet_recording_is_not_clipped(tmp_path, speech):
    assert load(write_wav(tmp_path / "a.wav", speech * 0.01), max_duration_s=DAY_S).warnings == ()


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_what_breaks_off_is_loaded_with_a_warning(tmp_path, speech, suffix):
    codec = {"wav": "pcm_s16le", "flac": "flac"}[suffix]
    path = encode(tmp_path / f"a.{suffix}", speech, codec)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    recording = load(path, max_duration_s=DAY_S)
    assert "truncated" in recording.warnings
    assert 2 < recording.duration_s < 6


@pytest.mark.parametrize("offset", [0, 8000])
def test_silence_is_said_also_with_an_offset(tmp_path, offset):
    path = raw_wav(tmp_path / "a.wav", data=offset.to_bytes(2, "little") * 80_000)
    with pytest.raises(RecordingError, match=r"a\.wav: silent"):
        load(path, max_duration_s=DAY_S)

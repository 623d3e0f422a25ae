"""When somebody speaks and where music plays, on the sample calls and their truth."""

import json

import numpy as np
import pytest
from scipy.signal import resample_poly

from pipeline import activity
from pipeline.audio import SAMPLE_RATE, load
from pipeline.spans import overlap_s, total_s
from tests.generator.music import hold_music
from tests.recordings import SAMPLES

CHANNELS = {
    "good_agent": ("agent", "customer"),
    "poor_agent": ("customer", "agent"),
    "abusive_customer": ("agent", "customer"),
}


@pytest.fixture(scope="module")
def calls():
    found = {}
    for name in CHANNELS:
        recording = load(SAMPLES / f"{name}.flac", max_duration_s=600)
        truth = json.loads((SAMPLES / "truth" / f"{name}.json").read_text())
        found[name] = (truth, recording.samples, [activity.listen(c) for c in recording.samples])
    return found


@pytest.mark.parametrize("name", CHANNELS)
def test_turns_begin_and_end_when_they_do(calls, name):
    truth, _, maps = calls[name]
    late = []
    for role, sound in zip(CHANNELS[name], maps, strict=True):
        for turn in (t for t in truth["turns"] if t["speaker"] == role):
            inside = [
                s for s in sound.speech if s.end_s > turn["start"] and s.start_s < turn["end"]
            ]
            assert inside, f"{role} turn at {turn['start']} not heard"
            late += [inside[0].start_s - turn["start"], inside[-1].end_s - turn["end"]]
    assert np.median(np.abs(late)) < 0.03
    assert np.percentile(np.abs(late), 90) < 0.15


@pytest.mark.parametrize("name", CHANNELS)
def test_nobody_is_heard_who_does_not_speak(calls, name):
    truth, _, maps = calls[name]
    for role, sound in zip(CHANNELS[name], maps, strict=True):
        turns = [t for t in truth["turns"] if t["speaker"] == role]
        false = [
            s for s in sound.speech
            if not any(s.end_s > t["start"] and s.start_s < t["end"] for t in turns)
        ]  # fmt: skip
        assert total_s(false) < 0.3


@pytest.mark.parametrize("name", ["good_agent", "poor_agent"])
def test_hold_music_is_music_and_no_speech(calls, name):
    truth, _, maps = calls[name]
    (hold,) = truth["holds"]
    for sound in maps:
        (music,) = sound.music
        assert music.start_s == pytest.approx(hold["music"]["start"], abs=0.5)
        assert music.end_s == pytest.approx(hold["music"]["end"], abs=0.5)
        assert overlap_s(music, sound.speech) < 0.1


def test_a_voice_is_heard_as_well_after_a_minute_of_hold_music(calls):
    """Silero by itself is deaf to this voice once it has heard the music."""
    truth, samples, _ = calls["abusive_customer"]
    turn = next(t for t in truth["turns"] if t["speaker"] == "customer")
    voice = samples[1, round(turn["start"] * SAMPLE_RATE) : round(turn["end"] * SAMPLE_RATE)]
    music = 0.04 * resample_poly(hold_music(60.0, np.random.default_rng(2)), SAMPLE_RATE, 8000)
    line = np.random.default_rng(0).normal(0, 4.5e-4, 11 * SAMPLE_RATE)
    before, after = np.concatenate([line, voice, line]), np.concatenate([line, voice])
    sound = activity.listen(np.concatenate([before, music, after]).astype(np.float32))
    once = total_s(activity.listen(before.astype(np.float32)).speech)
    assert total_s(sound.speech) == pytest.approx(2 * once, rel=0.05)


@pytest.mark.parametrize("over_music", [True, False])
def test_a_prompt_is_spoken_over_the_music_and_an_agent_is_not(calls, over_music):
    truth, samples, _ = calls["good_agent"]
    start, end = (round(truth["holds"][0]["music"][k] * SAMPLE_RATE) for k in ("start", "end"))
    music = samples[0, start:end]
    turn = next(t for t in truth["turns"] if t["speaker"] == "agent" and t["end"] - t["start"] > 4)
    voice = samples[0, round(turn["start"] * SAMPLE_RATE) : round(turn["end"] * SAMPLE_RATE)]
    under = 0.5 * music[: len(voice)] if over_music else np.zeros(0, dtype=np.float32)
    spoken = voice.copy()
    spoken[: len(under)] += under
    line = np.random.default_rng(0).normal(0, 5e-4, SAMPLE_RATE * 3).astype(np.float32)
    sound = activity.listen(np.concatenate([line, music, spoken, music, line]))
    assert bool(sound.prompts) is over_music
    assert (total_s(sound.speech) > 3) is not over_music


@pytest.mark.parametrize("gain_db", [-20, 6])
def test_gain_of_the_line_does_not_matter(calls, gain_db):
    _, samples, maps = calls["good_agent"]
    for channel, sound in zip(samples, maps, strict=True):
        again = activity.listen(channel * np.float32(10 ** (gain_db / 20)))
        assert total_s(again.speech) == pytest.approx(total_s(sound.speech), rel=0.05)
        assert len(again.music) == len(sound.music)


def test_faint_speech_beside_a_shout_is_heard(calls):
    """Calm speech 30 dB under a shout counts: it is the baseline that shouting is told by."""
    truth, samples, _ = calls["good_agent"]
    turn = next(
        t for t in truth["turns"] if t["speaker"] == "customer" and t["end"] - t["start"] > 2
    )
    start, end = (round(turn[k] * SAMPLE_RATE) for k in ("start", "end"))
    voice = samples[1, start:end]
    gap = np.random.default_rng(0).normal(0, 1e-4, SAMPLE_RATE * 4).astype(np.float32)
    call = np.concatenate([gap, voice * 0.05, gap, voice * 1.5, gap])
    faint = [s for s in activity.listen(call).speech if s.end_s < 4 + len(voice) / SAMPLE_RATE + 1]
    assert total_s(faint) > 0.6 * len(voice) / SAMPLE_RATE


def line_noise(seconds):
    noise = np.random.default_rng(0).normal(0, 3e-4, round(seconds * SAMPLE_RATE))
    return noise.astype(np.float32)


def test_a_voice_an_octave_up_is_heard(calls):
    """As high as a shout: Silero by itself takes it for no voice."""
    truth, samples, _ = calls["poor_agent"]
    turn = next(
        t for t in truth["turns"] if t["speaker"] == "customer" and t["end"] - t["start"] > 7
    )
    voice = samples[0, round(turn["start"] * SAMPLE_RATE) : round(turn["end"] * SAMPLE_RATE)]
    high = resample_poly(voice, 1, 2).astype(np.float32)
    sound = activity.listen(np.concatenate([line_noise(1), high, line_noise(1)]))
    assert total_s(sound.speech) > 0.8 * len(high) / SAMPLE_RATE


def spoken_alone(voice_probability, around_s, monkeypatch):
    """What is made of a burst of 0.4 s that Silero finds this much like a voice."""
    burst = np.sin(2 * np.pi * 300 * np.arange(round(0.4 * SAMPLE_RATE)) / SAMPLE_RATE)
    sound = np.concatenate([line_noise(4), 0.1 * burst, line_noise(4)]).astype(np.float32)
    other = round(around_s * SAMPLE_RATE)
    if other:
        sound[: 3 * SAMPLE_RATE] = 0.0
        sound[3 * SAMPLE_RATE - other : 3 * SAMPLE_RATE] = 0.1 * line_noise(around_s) / 3e-4
    found = np.zeros(len(sound) // 160)
    found[400:440] = voice_probability
    monkeypatch.setattr(activity, "_voice_probability", lambda *_: found)
    return activity.listen(sound).speech


def test_a_short_word_by_itself_is_heard(monkeypatch):
    (word,) = spoken_alone(0.2, 0.0, monkeypatch)
    assert (word.start_s, word.end_s) == (
        pytest.approx(4.0, abs=0.05),
        pytest.approx(4.4, abs=0.05),
    )


@pytest.mark.parametrize(("probability", "around_s"), [(0.05, 0.0), (0.2, 0.5)])
def test_a_click_and_a_burst_among_others_are_no_word(probability, around_s, monkeypatch):
    assert spoken_alone(probability, around_s, monkeypatch) == ()


@pytest.mark.parametrize(("after_s", "heard"), [(3.0, False), (0.0, True)])
def test_a_moment_like_a_voice_within_music(after_s, heard, monkeypatch):
    """Between music on both sides it is music; before music, it is somebody who speaks."""
    rng = np.random.default_rng(1)
    music, voice = 0.1 * hold_music(3.0, rng), 0.1 * hold_music(1.0, rng)
    after = 0.1 * hold_music(after_s, rng) if after_s else np.zeros(3 * 8000)
    line = rng.normal(0, 3e-4, 8000 * 3)
    sound = np.concatenate([line, music, voice, after, line])
    sound = resample_poly(sound + rng.normal(0, 3e-4, len(sound)), 2, 1).astype(np.float32)
    found = np.zeros(len(sound) // 160)
    found[600:700] = 0.5
    monkeypatch.setattr(activity, "_voice_probability", lambda *_: found)
    assert bool(activity.listen(sound).speech) is heard


@pytest.mark.parametrize("seconds", [0.005, 0.02, 0.5])
def test_a_moment_of_sound_is_nothing(seconds):
    sound = activity.listen(np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32))
    assert sound == activity.SoundMap((), (), ())

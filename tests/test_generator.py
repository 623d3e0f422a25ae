"""The sample-call generator's maths, without speech synthesis, and the committed sample calls."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.generator.mix import lay_out, mix_call
from tests.generator.music import hold_music
from tests.generator.records import (
    Clip,
    DeadAir,
    Hold,
    Recording,
    ScriptError,
    Turn,
    Word,
)
from tests.generator.script import CONDUCT_CRITERIA, CONTENT_CRITERIA, load_script, script_paths
from tests.generator.speech import speech_of
from tests.generator.telephone import (
    LINE_RATE_HZ,
    active_rms,
    at_level,
    frame_rms,
    mu_law_round_trip,
)
from tests.generator.timeline import schedule
from tests.generator.truth import sidecar_of, truth_of

SAMPLES_DIR = Path(__file__).parent / "samples"
SAMPLES = ("abusive_customer", "good_agent", "mono_call", "poor_agent", "unlabelled")
FRAME_S = 0.01
STEREO = Recording(channels=2, agent_channel="left")
STEPS = (
    Turn(role="agent", text="Good morning there"),
    Turn(role="customer", text="I have a problem with my"),
    Turn(role="agent", text="mm-hm", backchannel_at=0.5),
    Turn(role="agent", text="What is the number please", interrupts_s=0.8),
    Hold(duration_s=10.0, announced=True, reason_given=True, thanked=False, music_on=("customer",)),
    Turn(role="agent", text="Here I am"),
    DeadAir(duration_s=11.0),
    Turn(role="customer", text="At last!", raised=True),
)
LENGTHS_S = (1.2, 3.0, 0.3, 2.0, 1.0, 0.9)


def tone_clip(text: str, length_s: float, *, rate_hz: int = 24_000, lead_s: float = 0.25) -> Clip:
    """A steady tone in silence, its words of equal length."""
    time_s = np.arange(round(length_s * rate_hz)) / rate_hz
    tone = 0.3 * np.sin(2 * np.pi * 700 * time_s)
    silence = np.zeros(round(lead_s * rate_hz))
    texts = text.split()
    edges_s = lead_s + np.linspace(0, length_s, len(texts) + 1)
    words = tuple(
        Word(word, start, end)
        for word, start, end in zip(texts, edges_s[:-1], edges_s[1:], strict=True)
    )
    return Clip(np.concatenate([silence, tone, silence]), rate_hz, words)


def tone_clips() -> list[Clip]:
    turns = [step for step in STEPS if isinstance(step, Turn)]
    return [tone_clip(turn.text, s) for turn, s in zip(turns, LENGTHS_S, strict=True)]


def loudness_dbfs(samples: np.ndarray) -> np.ndarray:
    """Level of each 10 ms frame. shape=(samples,) -> shape=(frames,)"""
    return 20 * np.log10(frame_rms(samples) + 1e-9)


def test_speech_is_trimmed_to_its_sound() -> None:
    speech = speech_of(tone_clip("one two three", 1.5))
    assert speech.duration_s == pytest.approx(1.5, abs=0.03)
    assert speech.words[0].start_s == 0.0
    assert speech.words[-1].end_s == pytest.approx(speech.duration_s)
    assert speech.words[1].start_s == pytest.approx(0.5, abs=0.03)


def test_schedule_places_everything_as_scripted() -> None:
    speeches = [speech_of(clip) for clip in tone_clips()]
    timeline = schedule(STEPS, speeches, np.random.default_rng(1))
    hello, issue, backchannel, cut_in, back, last = timeline.turns
    assert issue.start_s > hello.end_s
    assert cut_in.start_s == pytest.approx(issue.end_s - 0.8)
    assert issue.start_s < backchannel.start_s < backchannel.end_s < issue.end_s
    (hold,) = timeline.holds
    assert (hold.start_s, hold.end_s) == (cut_in.end_s, back.start_s)
    assert hold.end_s - hold.start_s == pytest.approx(10.0)
    assert hold.start_s < hold.music_s[0] < hold.music_s[1] < hold.end_s
    assert timeline.dead_air == ((back.end_s, last.start_s),)
    assert last.start_s - back.end_s == pytest.approx(11.0)
    kinds = [(event.by, event.kind, event.over_turn) for event in timeline.interruptions]
    assert kinds == [("agent", "backchannel", 1), ("agent", "competitive", 1)]
    assert timeline.interruptions[1].end_s == pytest.approx(issue.end_s)


def test_what_is_easily_taken_for_an_interruption_is_placed_too() -> None:
    steps = (
        Turn(role="customer", text="I have a problem with my new machine"),
        Turn(role="agent", text="But you did", contests_at=0.5),
        Turn(role="agent", text="What is it", slips_s=0.2),
        Hold(duration_s=20.0, announced=True, reason_given=True, thanked=True, music_on=("agent",)),
        Turn(role="agent", text="Please hold the line", during_hold_s=5.0, other=True),
        Turn(role="agent", text="I am back"),
    )
    lengths_s = (6.0, 1.2, 1.5, 3.0, 1.0)
    texts = [step.text for step in steps if isinstance(step, Turn)]
    clips = [tone_clip(text, s) for text, s in zip(texts, lengths_s, strict=True)]
    timeline = schedule(steps, [speech_of(clip) for clip in clips], np.random.default_rng(1))
    issue, contest, quick, prompt, back = timeline.turns
    assert issue.start_s + 1.0 < contest.start_s < contest.end_s < issue.end_s
    assert quick.start_s == pytest.approx(issue.end_s - 0.2)
    (hold,) = timeline.holds
    assert prompt.start_s == pytest.approx(hold.start_s + 5.0)
    assert back.start_s == hold.end_s
    assert [(e.by, e.kind, e.turn) for e in timeline.interruptions] == [("agent", "competitive", 1)]
    assert prompt.turn.speaker == "other"
    mixed = mix_call(steps, clips, seed=3)
    music_s = loudness_dbfs(mixed.channels[:, 0])
    at = round((prompt.start_s + 1.0) / FRAME_S)
    assert music_s[at : at + 50].mean() > music_s[at + 400 : at + 450].mean()  # it speaks over it


@pytest.mark.parametrize(
    ("steps", "lengths_s", "message"),
    [
        (
            (
                Turn(role="customer", text="Well"),
                Turn(role="agent", text="No, listen", interrupts_s=0.6),
            ),
            (1.2, 2.0),
            "at least 1.0 s",
        ),
        (
            (
                Turn(role="customer", text="Well"),
                Turn(role="agent", text="No, listen", interrupts_s=0.6),
            ),
            (3.0, 0.5),
            "too short to take the floor",
        ),
        (
            (
                Turn(role="agent", text="Well"),
                Turn(role="agent", text="mm-hm", backchannel_at=0.5),
            ),
            (3.0, 0.5),
            "does not hold the floor",
        ),
        (
            (
                Turn(role="customer", text="Well"),
                Turn(role="agent", text="mm-hm", backchannel_at=0.5),
            ),
            (0.6, 0.5),
            "no room",
        ),
    ],
)
def test_schedule_refuses_what_cannot_be_placed(
    steps: tuple[Turn, ...], lengths_s: tuple[float, ...], message: str
) -> None:
    speeches = [
        speech_of(tone_clip(turn.text, s)) for turn, s in zip(steps, lengths_s, strict=True)
    ]
    with pytest.raises(ScriptError, match=message):
        schedule(steps, speeches, np.random.default_rng(1))


def test_mix_has_sound_where_the_timeline_says() -> None:
    mixed = mix_call(STEPS, tone_clips(), seed=3)
    sound = lay_out(mixed, STEREO) / 32768
    agent, customer = loudness_dbfs(sound[:, 0]), loudness_dbfs(sound[:, 1])
    for placed in mixed.timeline.turns:
        level = agent if placed.turn.role == "agent" else customer
        inside = level[round(placed.start_s / FRAME_S) + 2 : round(placed.end_s / FRAME_S) - 2]
        assert np.median(inside) == pytest.approx(mixed.levels_dbfs[placed.index], abs=1.0)
        before = level[round(placed.start_s / FRAME_S) - 6 : round(placed.start_s / FRAME_S) - 4]
        assert before.max() < -50
    (hold,) = mixed.timeline.holds
    frames = slice(round(hold.music_s[0] / FRAME_S) + 20, round(hold.music_s[1] / FRAME_S) - 20)
    assert np.median(customer[frames]) > -40  # the music
    assert np.median(agent[frames]) < -55
    ((start_s, end_s),) = mixed.timeline.dead_air
    frames = slice(round(start_s / FRAME_S) + 5, round(end_s / FRAME_S) - 5)
    assert max(agent[frames].max(), customer[frames].max()) < -50


def test_raised_turns_are_louder_than_calm_ones() -> None:
    mixed = mix_call(STEPS, tone_clips(), seed=3)
    calm_dbfs, raised_dbfs = mixed.levels_dbfs[1], mixed.levels_dbfs[5]
    assert 6.0 <= raised_dbfs - calm_dbfs <= 14.0


def test_the_seed_decides_the_samples() -> None:
    first, again, other = (
        lay_out(mix_call(STEPS, tone_clips(), seed=seed), STEREO) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_layouts_share_one_mix() -> None:
    mixed = mix_call(STEPS, tone_clips(), seed=3)
    left = lay_out(mixed, STEREO)
    right = lay_out(mixed, Recording(channels=2, agent_channel="right"))
    mono = lay_out(mixed, Recording(channels=1, agent_channel=None))
    assert np.array_equal(left[:, ::-1], right)
    assert mono.shape == (len(left), 1)
    sum_of_both = 0.7 * left.astype(float).sum(axis=1)
    quiet = np.abs(sum_of_both) < 8000  # below the limiter
    error = np.abs(mono[:, 0] - sum_of_both)[quiet]
    assert np.median(error) <= np.median(np.abs(sum_of_both)) * 0.05 + 8


def test_mu_law_keeps_37_db_and_is_idempotent() -> None:
    signal = at_level(np.random.default_rng(0).standard_normal(8000), -20.0)
    once = mu_law_round_trip(signal)
    noise = once / 32767 - signal
    assert 10 * np.log10(np.mean(signal**2) / np.mean(noise**2)) > 36
    assert np.array_equal(once, mu_law_round_trip(once / 32767))
    assert mu_law_round_trip(np.zeros(3)).tolist() == [0, 0, 0]
    assert np.all(once % 4 == 0)  # as G.711 decoders give it


def test_hold_music_is_steady_and_in_key() -> None:
    music = hold_music(6.0, np.random.default_rng(0))
    assert len(music) == 6 * LINE_RATE_HZ
    assert np.sqrt(np.mean(music**2)) == pytest.approx(1.0)
    rms = frame_rms(music)[20:-20]
    assert rms.min() > 0.1  # no gap
    spectrum = np.abs(np.fft.rfft(music * np.hanning(len(music)))) ** 2
    loudest = np.sort(spectrum)[::-1]
    assert loudest[: len(loudest) // 50].sum() > 0.9 * loudest.sum()  # lines, not noise


def test_truth_has_every_key() -> None:
    script = load_script(script_paths(["unlabelled"])[0])
    clips = [tone_clip(turn.text, max(0.4, 0.3 * len(turn.text.split()))) for turn in script.turns]
    truth = truth_of(script, mix_call(script.steps, clips, seed=0), efforts={})
    assert list(truth) == [
        "id",
        "story",
        "audio",
        "channels",
        "channel_params",
        "voices",
        "meta",
        "turns",
        "interruptions",
        "holds",
        "dead_air",
        "raised",
        "rubric",
        "conduct",
        "flags",
    ]
    assert truth["channels"] == {"left": "customer", "right": "agent"}
    assert "agent_channel" not in sidecar_of(script)
    assert json.loads(json.dumps(truth)) == truth


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_matches_its_truth(name: str) -> None:
    sound, rate_hz = soundfile.read(SAMPLES_DIR / f"{name}.flac", always_2d=True)
    truth = json.loads((SAMPLES_DIR / "truth" / f"{name}.json").read_text("utf-8"))
    assert rate_hz == LINE_RATE_HZ
    assert len(sound) / rate_hz == pytest.approx(truth["audio"]["duration"], abs=0.01)
    assert 40 <= truth["audio"]["duration"] <= 70
    assert 0.1 < np.abs(sound).max() < 1.0
    columns = {role: column for column, role in enumerate(truth["channels"].values())}
    for role in ("agent", "customer"):
        level = loudness_dbfs(sound[:, columns.get(role, 0)])
        busy = np.zeros(len(level), dtype=bool)
        for turn in truth["turns"]:
            span = slice(round(turn["start"] / FRAME_S), round(turn["end"] / FRAME_S))
            if turn["speaker"] == role:
                speech = sound[round(turn["start"] * rate_hz) : round(turn["end"] * rate_hz)]
                expected = turn["level_dbfs"] + (20 * np.log10(0.7) if len(columns) == 1 else 0)
                measured = 20 * np.log10(active_rms(speech[:, columns.get(role, 0)]))
                assert measured == pytest.approx(expected, abs=2.0), turn["text"]
            if turn["speaker"] == role or len(columns) == 1:
                busy[max(0, span.start - 4) : span.stop + 4] = True
        for hold in truth["holds"]:
            music = hold["music"]
            frames = slice(int(music["start"] / FRAME_S), int(music["end"] / FRAME_S) + 1)
            if role in music["channels"]:
                assert np.median(level[frames]) > -45
                busy[frames] = True
        assert level[~busy].max() < -48, "sound outside the turns"


@pytest.mark.parametrize("name", SAMPLES)
def test_truth_and_sidecar_agree_with_the_script(name: str) -> None:
    script = load_script(script_paths([name])[0])
    truth = json.loads((SAMPLES_DIR / "truth" / f"{name}.json").read_text("utf-8"))
    sidecar = json.loads((SAMPLES_DIR / f"{name}.json").read_text("utf-8"))
    assert sidecar == sidecar_of(script)
    assert [turn["text"] for turn in truth["turns"]] == [turn.text for turn in script.turns]
    assert tuple(truth["rubric"]) == CONTENT_CRITERIA
    assert tuple(truth["conduct"]) == CONDUCT_CRITERIA
    for part, answers in (("rubric", script.rubric), ("conduct", script.conduct)):
        found = {key: value["answer"] for key, value in truth[part].items()}
        assert found == {key: answer.answer for key, answer in answers.items()}
    for turn in truth["turns"]:
        edges = [time for word in turn["words"] for time in (word["start"], word["end"])]
        assert edges == sorted(edges)
        assert (edges[0], edges[-1]) == (turn["start"], turn["end"])
    raised = {event["speaker"] for event in truth["raised"]}
    for role in ("agent", "customer"):
        assert truth["flags"][f"{role}_raised_voice"] == (role in raised)


def test_samples_are_small() -> None:
    assert sorted(path.stem for path in SAMPLES_DIR.glob("*.flac")) == list(SAMPLES)
    assert sum(path.stat().st_size for path in SAMPLES_DIR.glob("*.flac")) < 3_000_000

"""The bench: calls drawn and built as asked, figures counted right, and one call all the way."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.engines import SpeechEngines
from pipeline.settings import Settings
from tests.bench import clips, report
from tests.bench.__main__ import _recordings, run
from tests.bench.build import build
from tests.bench.compose import compose
from tests.bench.figures import Figures, Tally
from tests.bench.line import CONDITIONS, spoil
from tests.bench.voices import BANK, all_lines, lines_of
from tests.generator.records import DeadAir, Hold, Turn

ROOT = Path(__file__).parents[1]
ACCURACY = ROOT / "tests" / "bench" / "ACCURACY.md"


@pytest.fixture(scope="module")
def speakers():
    return clips.from_samples()


def test_samples_give_both_sides_with_what_a_call_needs(speakers):
    assert {speaker.part for speaker in speakers} == {"agent", "customer"}
    moves = Counter(move for speaker in speakers for move in speaker.lines)
    assert {"greeting", "issue", "statement", "backchannel", "hold", "raised"} <= set(moves)


def test_a_call_is_drawn_from_its_seed(speakers):
    steps, lines, names = compose(np.random.default_rng([1, 2]), speakers)
    assert (steps, names) == compose(np.random.default_rng([1, 2]), speakers)[::2]
    assert len(lines) == sum(isinstance(step, Turn) for step in steps)
    assert steps != compose(np.random.default_rng([1, 3]), speakers)[0]


def test_everything_that_is_measured_is_drawn(speakers):
    drawn = Counter()
    for number in range(40):
        for step in compose(np.random.default_rng([1, number]), speakers)[0]:
            if isinstance(step, Turn):
                drawn[step.kind] += 1
                drawn["raised"] += step.raised
                drawn["slip"] += step.slips_s is not None
            drawn["silent hold"] += isinstance(step, Hold) and not step.music_on
            drawn["music"] += isinstance(step, Hold) and bool(step.music_on)
            drawn["dead air"] += isinstance(step, DeadAir)
    wanted = ("interruption", "contest", "backchannel", "raised", "slip", "silent hold", "music")
    assert all(drawn[kind] for kind in (*wanted, "dead air")), drawn


def test_build_writes_both_layouts_and_the_truth(speakers, tmp_path):
    call = build(0, 1, speakers, tmp_path)
    sound = call.stereo.read_bytes()
    assert build(0, 1, speakers, tmp_path) == call
    assert call.stereo.read_bytes() == sound
    stereo, rate = soundfile.read(call.stereo)
    mono, _ = soundfile.read(call.mono)
    assert stereo.shape == (len(mono), 2)
    assert len(mono) / rate == pytest.approx(call.truth["audio"]["duration"], abs=0.01)
    assert json.loads((tmp_path / "b000.truth.json").read_text()) == call.truth


def test_a_folder_of_clips(tmp_path):
    tone = 0.2 * np.sin(np.arange(16000) / 8)
    for name in ("ann/one.wav", "ann/hm.wav", "ann/raised/loud.wav", "bob/two.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, tone[: 4000 if "hm" in name else None], 8000)
    (tmp_path / "ann/one.txt").write_text("Good morning")
    ann, bob = clips.from_folder(tmp_path)
    assert {move: len(lines) for move, lines in ann.lines.items()} == {
        "backchannel": 1, "statement": 1, "raised": 1,
    }  # fmt: skip
    assert ann.lines["statement"][0].text == "Good morning"
    assert (ann.part, bob.part) == ("agent", "customer")


def test_one_folder_is_not_enough(tmp_path):
    (tmp_path / "ann").mkdir()
    with pytest.raises(SystemExit, match="two speakers"):
        clips.from_folder(tmp_path)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_line_keeps_the_shape_and_spoils_as_it_says(condition):
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.05, (8000, 2)) * [1.0, 0.0]
    spoilt = spoil(sound, condition, rng)
    assert spoilt.shape == sound.shape
    assert bool(np.abs(spoilt[:, 1]).max() > 0) is (condition == "bleed")


def test_every_line_is_spoken_by_somebody():
    for part in ("agent", "customer", "prompt"):
        moves = {move for voice in BANK if voice.part == part for move in lines_of(voice)}
        assert moves == set(all_lines()[part])


TRUTH = {
    "interruptions": [
        {"by": "agent", "start": 5.0, "end": 6.0, "kind": "competitive"},
        {"by": "customer", "start": 9.0, "end": 9.4, "kind": "backchannel"},
    ],
    "holds": [{"start": 20.0, "end": 40.0}],
    "dead_air": [],
    "raised": [{"speaker": "customer", "start": 50.0, "end": 54.0}],
    "turns": [{"speaker": "agent", "start": 0.0, "end": 4.0, "text": "one two three four"}],
}
FOUND = {
    "interruptions": [
        {"by": "agent", "start_s": 5.5, "end_s": 6.0, "kind": "competitive"},
        {"by": "customer", "start_s": 9.1, "end_s": 9.9, "kind": "competitive"},
    ],
    "holds": [{"start_s": 21.0, "end_s": 44.0}],
    "dead_air": [{"start_s": 60.0, "end_s": 71.0}],
    "raised_voice": [{"role": "customer", "start_s": 52.0, "end_s": 56.0}],
    "turns": [{"role": "agent", "start_s": 1.0, "end_s": 4.0, "text": "one too three"}],
}


def test_figures_of_a_call():
    figures = Figures()
    figures.add(TRUTH, FOUND, words_known=True)
    assert figures.competitive == Tally(hit=1, true=1, said=2)
    assert figures.backchannel == Tally(hit=0, true=1, said=0)
    assert figures.punished_backchannels.recall == 1.0
    assert (figures.hold.f1, figures.hold_error_s) == (1.0, [3.0])
    assert figures.dead_air.precision == 0.0
    assert (figures.raised.precision, figures.raised.recall) == (0.5, 0.5)
    assert (figures.role.recall, figures.word_errors.recall) == (0.75, 0.5)


def test_the_report_names_every_figure():
    figures = Figures()
    figures.add(TRUTH, FOUND, words_known=True)
    text = report.markdown({("stereo", "all"): figures, ("stereo", "plain"): figures}, "1 call")
    assert "| competitive interruptions | 0.50 / 1.00 / **0.67** |" in text
    assert "| mean error of hold length | 3.0 s |" in text


def test_readme_quotes_the_bench():
    """The table of README's accuracy section is the one that the bench wrote."""
    table = ACCURACY.read_text(encoding="utf-8").split("\n\n")[1]
    assert table in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("words_known", [True, False])
def test_without_words_the_channel_is_named_and_the_mix_left_out(speakers, tmp_path, words_known):
    call = build(0, 1, speakers, tmp_path, words_known=words_known)
    found = [(kind, metadata.agent_channel) for kind, _, metadata in _recordings(call)]
    if words_known:
        assert found == [("stereo", None), ("mono", None)]
    else:
        side = next(s for s, role in call.truth["channels"].items() if role == "agent")
        assert found == [("stereo", side)]


@pytest.mark.timeout(600)
def test_a_built_call_through_the_pipeline(speakers, tmp_path):
    """No tight figures on one call; that every part of it is read and counted."""
    call = build(0, 1, speakers, tmp_path)
    results = tmp_path / "results.jsonl"
    figures = run([call], SpeechEngines(Settings()), results)
    assert set(figures) == {(s, c) for s in ("stereo", "mono") for c in ("all", "plain")}
    assert figures["stereo", "all"].role.recall > 0.9
    assert figures["stereo", "all"].word_errors.recall < 0.2
    assert len(results.read_text().splitlines()) == 2

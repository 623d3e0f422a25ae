"""The sample calls through the real models, held against their exact truth."""

import json
import re
from dataclasses import replace

import pytest

from pipeline.call import judge, listen
from pipeline.engines import SpeechEngines
from pipeline.metadata import make_metadata, read_fields
from pipeline.records import Metadata
from pipeline.result import facts_from_json, facts_to_json, to_json_line
from pipeline.rubric import load_rubric
from pipeline.settings import Settings
from tests.recordings import SAMPLES, sample, write_wav

NAMES = ("abusive_customer", "good_agent", "mono_call", "poor_agent", "unlabelled")
STEREO = tuple(name for name in NAMES if name != "mono_call")
START_TOLERANCE_S = 0.3

pytestmark = pytest.mark.timeout(600)


def truth_of(name):
    return json.loads((SAMPLES / "truth" / f"{name}.json").read_text())


def metadata_of(path, settings):
    return make_metadata(read_fields(path, settings), path, "0" * 64, settings)


@pytest.fixture(scope="module")
def settings():
    return Settings()


@pytest.fixture(scope="module")
def engines(settings):
    return SpeechEngines(settings)


@pytest.fixture(scope="module")
def heard(settings, engines):
    """Facts of every sample call."""
    paths = {name: SAMPLES / f"{name}.flac" for name in NAMES}
    return {n: listen(p, metadata_of(p, settings), engines) for n, p in paths.items()}


def plain(text):
    return re.sub(r"[^\w' ]+", " ", text.lower()).split()


def error_rate(reference, found):
    """Words inserted, deleted or replaced, as a share of the reference."""
    row = list(range(len(found) + 1))
    for i, r in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, f in enumerate(found, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (r != f))
    return row[-1] / len(reference)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("role", ["agent", "customer"])
def test_words_of_each_side(heard, name, role):
    reference = [
        w for t in truth_of(name)["turns"] if t["speaker"] == role for w in plain(t["text"])
    ]
    found = [w for t in heard[name].turns if t.role == role for w in plain(t.text)]
    assert error_rate(reference, found) < (0.15 if name in STEREO else 0.25)


@pytest.mark.parametrize("name", NAMES)
def test_turns_have_the_right_role_at_the_right_time(heard, name):
    right = total = 0.0
    for turn in truth_of(name)["turns"]:
        total += turn["end"] - turn["start"]
        right += sum(
            max(0.0, min(t.end_s, turn["end"]) - max(t.start_s, turn["start"]))
            for t in heard[name].turns
            if t.role == turn["speaker"]
        )
    assert right / total > (0.97 if name in STEREO else 0.9)


@pytest.mark.parametrize("name", STEREO)
@pytest.mark.parametrize("kind", ["competitive", "backchannel"])
def test_interruptions(heard, name, kind):
    expected = [(e["by"], e["start"]) for e in truth_of(name)["interruptions"] if e["kind"] == kind]
    found = [(e.by, e.start_s) for e in heard[name].sound.interruptions if e.kind == kind]
    assert [by for by, _ in found] == [by for by, _ in expected]
    assert [s for _, s in found] == pytest.approx([s for _, s in expected], abs=START_TOLERANCE_S)


@pytest.mark.parametrize("name", NAMES)
def test_holds_and_dead_air(heard, name):
    truth, sound = truth_of(name), heard[name].sound
    for found, expected in ((sound.holds, truth["holds"]), (sound.dead_air, truth["dead_air"])):
        assert [s.start_s for s in found] == pytest.approx([e["start"] for e in expected], abs=0.3)
        assert [s.end_s for s in found] == pytest.approx([e["end"] for e in expected], abs=0.3)
    assert [(h.announced, h.thanked) for h in sound.holds] == [
        (h["announced"], h["thanked"]) for h in truth["holds"]
    ]


def test_raised_voices(heard):
    customer = truth_of("abusive_customer")["raised"]
    found = heard["abusive_customer"].sound.raised_voice
    assert [r.role for r in found] == ["customer"] * len(customer)
    assert [r.start_s for r in found] == pytest.approx([r["start"] for r in customer], abs=0.5)
    assert heard["good_agent"].sound.raised_voice == ()


def test_nothing_is_heard_in_hold_music(heard):
    for name in ("good_agent", "poor_agent"):
        (hold,) = truth_of(name)["holds"]
        music = hold["music"]
        inside = [
            word.text
            for turn in heard[name].turns
            for word in turn.words
            if music["start"] < word.start_s and word.end_s < music["end"]
        ]
        assert inside == []


def test_the_agent_is_found_where_nobody_says_which_channel(heard):
    """The sample's sidecar names no channel; the agent is on the right."""
    facts = heard["unlabelled"]
    assert facts.metadata.agent_channel is None
    assert 0.5 < facts.roles_confidence < 1
    assert "roles_unsure" not in facts.warnings


def test_a_stereo_call_is_separated_by_its_channels(heard):
    assert heard["good_agent"].engines.diarize == "channels"
    assert heard["mono_call"].engines.diarize.startswith("pyannote/")


@pytest.mark.parametrize("name", ["poor_agent", "mono_call"])
def test_same_input_twice_gives_the_same_bytes(heard, settings, name):
    rubric = load_rubric("leap")
    path = SAMPLES / f"{name}.flac"
    again = listen(path, metadata_of(path, settings), SpeechEngines(settings))
    assert to_json_line(judge(again, rubric)) == to_json_line(judge(heard[name], rubric))


def test_facts_survive_the_database_and_score_the_same(heard):
    rubric = load_rubric("leap")
    for facts in heard.values():
        restored = facts_from_json(facts_to_json(facts))
        assert restored == facts
        assert judge(restored, rubric) == judge(facts, rubric)


def test_every_answer_quotes_words_of_the_call(heard):
    rubric = load_rubric("leap")
    for facts in heard.values():
        for criterion in judge(facts, rubric).scorecard.criteria:
            if criterion.answer in ("met", "partial", "missed"):
                assert criterion.evidence, criterion.id
            for item in criterion.evidence:
                assert any(item.quote in t.text for t in facts.turns if t.role == item.role)


def test_the_good_agent_scores_above_the_poor_one(heard):
    rubric = load_rubric("leap")
    good, poor = (judge(heard[n], rubric).scorecard.score for n in ("good_agent", "poor_agent"))
    assert good > 80
    assert poor < 40


def test_swapped_channels_with_swapped_metadata_change_nothing(heard, engines, tmp_path):
    """The decoder sees the channels in another order: times may move by a frame, answers not."""
    audio = sample("poor_agent")
    path = write_wav(tmp_path / "swapped.wav", audio[::-1])
    original = heard["poor_agent"]
    facts = listen(path, replace(original.metadata, agent_channel="left"), engines)
    rubric = load_rubric("leap")
    answers = [
        [(c.id, c.answer) for c in judge(f, rubric).scorecard.criteria] for f in (original, facts)
    ]
    assert answers[0] == answers[1]
    assert [(t.role, t.text) for t in facts.turns] == [(t.role, t.text) for t in original.turns]


def test_a_soft_voice_beside_a_loud_one_is_written_down(engines, tmp_path):
    """22 dB apart on one channel; at the levels as they come, three of ten words get lost."""
    truth = truth_of("abusive_customer")
    agent, customer = sample("abusive_customer")
    path = write_wav(tmp_path / "soft.wav", (1.5 * agent + 0.12 * customer)[None])
    facts = listen(path, Metadata("soft", language="en"), engines)
    said = " ".join(t["text"] for t in truth["turns"] if t["speaker"] == "customer")
    heard = " ".join(turn.text for turn in facts.turns if turn.role == "customer")
    words = set(re.findall(r"[a-z']+", said.lower()))
    assert len(words & set(re.findall(r"[a-z']+", heard.lower()))) > 0.75 * len(words)

"""The tagger of dialogue moves: what it must be indifferent to, and that it knows other words."""

import json

import numpy as np
import pytest
import torch

from pipeline.certainty import READINGS, plausible
from pipeline.cues import Learnt, cues_folder, load_cues
from pipeline.minilm import load_weights
from pipeline.records import CallFacts, Cue, Engines, Metadata, Turn
from pipeline.tagger import KEEP_FROM, load_tagger, read_tokens, read_words
from pipeline.training import Example, _Network, _parameters

ENGLISH = load_cues("en")


@pytest.fixture(scope="module")
def tagger():
    return load_tagger(cues_folder("en"))


def likely(tagger, *said: tuple[str, str]) -> dict[str, float]:
    """The moves of the last turn, with their probabilities."""
    turns = [Turn(role, text) for role, text in said]
    moves = tagger.find(turns)
    return {move.id: move.probability for move in moves if move.turn == len(turns) - 1}


@pytest.mark.parametrize(
    ("by", "text", "move"),
    [
        # Words that no pattern was written for.
        ("customer", "the kettle gave up the ghost after two brews", "complaint"),
        ("customer", "your driver left the parcel out in the rain and it is ruined", "complaint"),
        ("agent", "That must have spoiled the whole weekend for you.", "acknowledgement"),
        ("agent", "I have popped a fresh one in the post to you.", "solution"),
        ("agent", "I am knocking the forty off your bill as we speak.", "solution"),
        ("agent", "So the lid came off on the very first day, is that it?", "restatement"),
        ("agent", "Somebody will be round with the part on Thursday.", "next_step"),
    ],
)
def test_knows_a_move_in_other_words(tagger, by, text, move):
    turns = [Turn(by, text)]
    assert move not in {cue.id for cue in ENGLISH.find(turns)}
    assert move in {cue.id for cue in ENGLISH.find(turns, tagger.find(turns))}


@pytest.mark.parametrize(
    ("by", "text", "move"),
    [
        ("agent", "I am not sorry about it.", "apology_for_issue"),
        ("agent", "He told me he was sorry about the mess.", "apology_for_issue"),
        ("agent", "Sorry, could you say that again?", "apology_for_issue"),
        ("customer", "Everything works fine, thank you.", "complaint"),
        ("customer", "I would like to order two more of them.", "complaint"),
        ("agent", "Could I take your account number please?", "clarifying_question"),
    ],
)
def test_is_not_misled(tagger, by, text, move):
    turns = [Turn(by, text)]
    assert move not in {cue.id for cue in ENGLISH.find(turns, tagger.find(turns))}


def test_case_punctuation_fillers_contractions_numbers_do_not_reach_it(tagger):
    said = "Um, I've called 3 times, and it's STILL broken!"
    for same in (
        "i have called three times and it is still broken",
        "I have called, uh, 7 times and it's still broken.",
    ):
        assert likely(tagger, ("customer", same)) == likely(tagger, ("customer", said))


def test_a_move_is_shown_by_its_own_words(tagger):
    text = (
        "The lift is out, so take the stairs. We are open until eight. I am so very sorry about "
        "the mix-up with your order. The counter is on the left, and the form is the blue one."
    )
    move = next(m for m in tagger.find([Turn("agent", text)]) if m.id == "apology_for_issue")
    assert "sorry" in text[move.start : move.end]
    assert "eight" not in text[move.start : move.end]
    assert "counter" not in text[move.start : move.end]


def test_who_speaks_decides(tagger):
    turns = [Turn("other", "I'm so sorry about that."), Turn("unknown", "It's broken.")]
    assert tagger.find(turns) == ()
    moves = tagger.find([Turn("agent", "It's broken."), Turn("customer", "I'm so sorry.")])
    sides = dict(zip(tagger.moves, tagger.sides, strict=True))
    assert all(sides[move.id] == ("agent", "customer")[move.turn] for move in moves)
    assert all(move.probability >= KEEP_FROM for move in moves)


def test_words_without_a_voice_and_long_turns(tagger):
    long = " ".join(["and then we looked at it once more"] * 60) + " I'm so sorry about that"
    turns = [Turn("agent", ""), Turn("customer", "[noise]"), Turn("agent", long)]
    found = {move.id: move for move in tagger.find(turns)}
    assert found["apology_for_issue"].start > len(long) - 120  # of 2,123 characters


@pytest.mark.parametrize(
    "text",
    [
        "неисправность холодильника " * 70,
        "冰箱坏了我要退货请你们马上处理" * 60,
        "x" * 900,
    ],
)
def test_more_pieces_than_the_encoder_takes(tagger, text):
    turns = [Turn("customer", text), Turn("agent", "I'm so sorry about that.")]
    assert "apology_for_issue" in {m.id for m in tagger.find(turns) if m.turn == 1}


def test_words_keep_their_place_where_one_becomes_two():
    said = read_words("ill send it")
    assert said.words == ("i will", "send", "it")
    assert said.spans == ((0, 3), (4, 8), (9, 11))


def test_numpy_and_torch_are_the_same_encoder(tagger):
    torch.manual_seed(1)
    network = _Network(len(tagger.moves)).eval()
    for adapted in network.adapted.values():
        torch.nn.init.normal_(adapted.up, std=0.02)
    parameters = {name: v.astype(np.float32) for name, v in _parameters(network).items()}
    from pipeline.minilm import Encoder

    adapter = {n.removeprefix("adapter."): v for n, v in parameters.items() if "." in n}
    example = Example("agent", ("hello", "there"), ("i", "am", "sorry"), np.zeros((3, 1)))
    tokens = read_tokens(example.words, example.before, "agent")
    ours = Encoder(load_weights(), adapter)(tokens.ids, tokens.segments)
    count = len(tokens.ids)
    with torch.inference_mode():
        theirs = network(
            torch.from_numpy(tokens.ids)[None], torch.from_numpy(tokens.segments)[None],
            torch.ones(1, count), torch.eye(count)[None],
        )  # fmt: skip
    logits = ours @ parameters["weight"] + parameters["bias"]
    assert np.abs(logits - theirs[0].numpy()).max() < 0.02  # the parameters are rounded to 16 bits


def test_every_learnt_cue_is_a_cue_and_known_to_the_tagger(tagger):
    sides = dict(zip(tagger.moves, tagger.sides, strict=True))
    by = {d.entry.id: d.entry.by for d in ENGLISH.definitions}
    for name in ENGLISH.learnt.cues:
        assert by[name] == sides[name]
    shares = [share for share, _ in ENGLISH.learnt.certainty]
    right = [was for _, was in ENGLISH.learnt.certainty]
    assert shares == sorted(shares)
    assert right == sorted(right)


def call(*turns):
    return CallFacts(Metadata("c"), turns, Engines("t", "t", "t"))


def test_readings_follow_the_probabilities_and_are_always_the_same():
    cues = [Cue("a", 0, "x", probability=0.25), Cue("b", 1, "y", probability=1.0)]
    facts = call(Turn("agent", "x"), Turn("agent", "y"))
    views = plausible(facts, cues, Learnt()).views
    there = sum(times for seen, times in views if seen.first("a"))
    assert sum(times for _, times in views) == READINGS
    assert abs(there / READINGS - 0.25) <= 1 / READINGS
    assert all(seen.first("b") for seen, _ in views)
    again = plausible(facts, cues[::-1], Learnt()).views
    assert sum(times for seen, times in again if seen.first("a")) == there


def test_confidence_is_what_was_learnt_of_such_a_share():
    learnt = Learnt(certainty=[(0.0, 0.1), (0.5, 0.4), (1.0, 0.9)])
    facts = call(Turn("agent", "x"))
    sure = plausible(facts, [Cue("a", 0, "x", probability=1.0)], learnt)
    assert sure.confidence("met", lambda _: "met") == 0.9
    half = plausible(facts, [Cue("a", 0, "x", probability=0.5)], learnt)
    sure = half.confidence("met", lambda seen: "met" if seen.first("a") else "missed")
    assert sure == pytest.approx(0.4, abs=0.1)


def test_the_shipped_files_are_small():
    folder = cues_folder("en")
    assert (folder / "moves.npz").stat().st_size < 1_500_000
    assert json.loads((folder / "moves.json").read_text())["certainty"]

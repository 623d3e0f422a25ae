"""Answers do not hang on names, fillers, spelling or how turns are cut."""

from itertools import islice

import pytest

from pipeline.cues import cues_folder
from pipeline.dialogues import read_dialogues
from pipeline.records import Turn
from pipeline.rubric import load_rubric
from tests.bench.flips import CHANGES, flips

MOST_FLIPS = 0.02  # of all answers


@pytest.mark.parametrize(
    ("change", "text", "becomes"),
    [
        ("other names", "This is Lena. Lena speaking", "This is Priya. Priya speaking"),
        ("fillers", "one two three four five six seven", "one two three four five six um, seven"),
        ("contracted", "I am sure it is. I have it", "I'm sure it's. I've it"),
        ("written out", "I'm sure it's fine", "I am sure it is fine"),
        ("no case or punctuation", "Yes, I'm HERE!", "yes i'm here"),
        ("numbers spelled out", "22 of 305, number 0041", "twenty two of three hundred and five, "
         "number zero zero four one"),
    ],
)  # fmt: skip
def test_change(change, text, becomes):
    assert [turn.text for turn in CHANGES[change]((Turn("agent", text),))] == [becomes]


def test_changes_of_turns():
    turns = (Turn("agent", "Hello. How can I help?"), Turn("customer", "It broke"))
    assert [t.text for t in CHANGES["turns split by a hum"](turns)] == [
        "Hello.", "Mm-hm.", "How can I help?", "It broke",
    ]  # fmt: skip
    assert CHANGES["small talk first"](turns)[-2:] == turns


def test_few_answers_flip():
    dialogues = islice(read_dialogues(cues_folder("en") / "dialogues"), 0, None, 40)
    compared, flipped, seen = 0, [], set()
    for change, answers, found in flips((d.facts() for d in dialogues), load_rubric()):
        seen.add(change)
        compared += answers
        flipped += found
    assert seen == set(CHANGES)
    assert compared > 400
    assert len(flipped) <= MOST_FLIPS * compared, flipped

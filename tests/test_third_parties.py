"""Machines and second agents are told from the parties by what they say and when."""

import pytest

from pipeline.cues import load_cues
from pipeline.records import Span, Word
from pipeline.third_parties import set_apart
from pipeline.voices import COLLEAGUE, PROMPT, Voice

ENGLISH = load_cues("en")
MENU = "Welcome to our customer service line. For a fault press two."
GREETING = "Good morning you're through to Merrow Water, how can I help?"
ISSUE = "Hello, there is no water in my kitchen since this morning."
TRANSFER = "I'll put you through to my colleague in the billing team."
TAKES_OVER = "Hello, this is Martin from the billing team, I've read the notes."


def call(*lines: tuple[str, float, str]) -> list[Voice]:
    """Voices from (label, start, text), a word each 0.3 s."""
    voices = {}
    for label in ("left", "right", PROMPT):
        own = [
            [Word(start + 0.3 * n, start + 0.3 * n + 0.25, w, 0.9) for n, w in enumerate(t.split())]
            for owner, start, t in lines
            if owner == label
        ]
        speech = tuple(Span(words[0].start_s, words[-1].end_s) for words in own)
        voices[label] = Voice(label, speech, tuple(word for words in own for word in words))
    return list(voices.values())


def said(voices: list[Voice]) -> dict[str, str]:
    return {voice.label: " ".join(word.text for word in voice.words) for voice in voices}


def test_a_menu_before_the_call_is_a_machine():
    found = set_apart(call(("left", 0, MENU), ("left", 6, GREETING), ("right", 10, ISSUE)), ENGLISH)
    assert said(found) == {"left": GREETING, "right": ISSUE, PROMPT: MENU}
    (prompt,) = (voice for voice in found if voice.label == PROMPT)
    assert prompt.speech == (Span(0, pytest.approx(3.25)),)


def test_an_agent_may_pick_up_in_the_same_breath():
    menu = "This call may be recorded for training. For a fault press two."
    voices = call(("left", 0, f"{menu} {GREETING}"), ("right", 14, ISSUE))
    assert said(set_apart(voices, ENGLISH)) == {"left": GREETING, "right": ISSUE, PROMPT: menu}


def test_who_introduces_themselves_is_no_machine():
    for line in (
        "Hello, my name is Ann and this call may be recorded for training.",
        "Thank you for calling, your call is important to us, how may I assist you?",
        "Thank you for calling. Your call is important to us. How may I assist you?",
    ):
        found = set_apart(call(("left", 0, line), ("right", 8, ISSUE)), ENGLISH)
        assert said(found)["left"] == line


def test_words_of_a_menu_in_mid_call_are_the_agents():
    line = "On the next call press two for a fault."
    voices = call(("left", 0, GREETING), ("right", 5, ISSUE), ("left", 12, line))
    assert said(set_apart(voices, ENGLISH))["left"] == f"{GREETING} {line}"


def test_a_colleague_takes_over_after_a_transfer():
    voices = call(
        ("left", 0, GREETING), ("right", 5, ISSUE), ("left", 10, TRANSFER), ("right", 14, "Okay."),
        ("left", 20, TAKES_OVER), ("right", 25, "Yes please."), ("left", 28, "One moment."),
    )  # fmt: skip
    assert said(set_apart(voices, ENGLISH)) == {
        "left": f"{GREETING} {TRANSFER}",
        "right": f"{ISSUE} Okay. Yes please.",
        COLLEAGUE: f"{TAKES_OVER} One moment.",
        PROMPT: "",
    }


def test_without_a_transfer_nobody_takes_over():
    voices = call(("left", 0, GREETING), ("right", 5, ISSUE), ("left", 20, TAKES_OVER))
    assert COLLEAGUE not in said(set_apart(voices, ENGLISH))


def test_an_agent_who_comes_back_is_the_agent():
    back = "Thank you for holding, they will ring you back tomorrow."
    voices = call(("left", 0, GREETING), ("right", 5, ISSUE), ("left", 10, TRANSFER),
                  ("left", 20, back))  # fmt: skip
    assert said(set_apart(voices, ENGLISH))["left"] == f"{GREETING} {TRANSFER} {back}"


def test_an_agent_who_stays_after_offering_a_transfer_is_the_agent():
    refused = "No problem at all, then let me have a look at it myself right now."
    voices = call(
        ("left", 0, GREETING), ("right", 5, ISSUE), ("left", 10, TRANSFER),
        ("right", 14, "No thank you."), ("left", 18, refused), ("left", 26, TAKES_OVER),
    )  # fmt: skip
    assert COLLEAGUE not in said(set_apart(voices, ENGLISH))


def test_who_speaks_alone_may_be_anybody():
    line = "Please stay on the line and you will be connected."
    assert said(set_apart(call(("left", 0, line), ("left", 8, ISSUE)), ENGLISH))[PROMPT] == ""


def test_a_person_who_has_opened_the_call_is_no_machine():
    formula = "This call may be recorded for training purposes."
    voices = call(("left", 0, TAKES_OVER), ("left", 6, formula), ("right", 12, ISSUE))
    assert said(set_apart(voices, ENGLISH))[PROMPT] == ""


def test_nobody_says_anything():
    assert said(set_apart(call(), ENGLISH)) == {"left": "", "right": "", PROMPT: ""}

"""Who is the agent: given, or decided from what is said."""

import pytest

from pipeline.cues import load_cues
from pipeline.records import Metadata, Turn
from pipeline.roles import cast
from pipeline.voices import PROMPT, Voice

ENGLISH = load_cues("en")
CALL = [
    ("a", "Thank you for calling Birchwood Energy, how can I help you?"),
    ("b", "Hi, my bill is twice what I usually pay and I don't understand why."),
    ("a", "Let me have a look. Could I have your account number, please?"),
    ("b", "It's four four one, nine two."),
]


def roles(lines, *, metadata=None, cues=ENGLISH, labels=("a", "b")):
    voices = [Voice(label, (), ()) for label in (*labels, PROMPT)]
    said = [(voice, Turn("unknown", text)) for voice, text in lines]
    return cast(voices, said, metadata or Metadata("c"), cues)


def test_from_what_is_said():
    found = roles(CALL)
    assert found.role_of == {"a": "agent", "b": "customer", PROMPT: "other"}
    assert 0.5 < found.confidence < 1


def test_whoever_speaks_first():
    """Outbound, the customer answers the phone."""
    outbound = [
        ("b", "Hello?"),
        ("a", "Good morning, this is Ann from Birchwood Energy."),
        *CALL[1:],
    ]
    found = roles(outbound, metadata=Metadata("c", direction="outbound"))
    assert found.role_of["a"] == "agent"


@pytest.mark.parametrize("agent", ["left", "right"])
def test_metadata_comes_first(agent):
    lines = [({"a": "left", "b": "right"}[voice], text) for voice, text in CALL]
    metadata = Metadata("c", agent_channel=agent)
    found = roles(lines, metadata=metadata, labels=("left", "right"))
    assert found.role_of[agent] == "agent"
    assert found.confidence == 1


def test_a_channel_means_nothing_on_mono():
    assert roles(CALL, metadata=Metadata("c", agent_channel="right")).role_of["a"] == "agent"


def test_too_close_to_call_is_unknown():
    found = roles([("a", "Hello."), ("b", "Hello."), ("a", "Nice weather."), ("b", "Yes.")])
    assert found.role_of == {"a": "unknown", "b": "unknown", PROMPT: "other"}


def test_no_cues_for_the_language_is_unknown():
    assert set(roles(CALL, cues=None).role_of.values()) == {"unknown", "other"}


def test_nobody_says_anything():
    assert set(roles([]).role_of.values()) == {"unknown", "other"}

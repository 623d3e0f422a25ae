"""Stereo by channel, without what leaks over; prompts are a voice of their own."""

import numpy as np
import pytest

from pipeline import activity, bleed
from pipeline.activity import SoundMap
from pipeline.audio import SAMPLE_RATE, load
from pipeline.records import Span, Word
from pipeline.separate import by_channel
from pipeline.spans import total_s
from pipeline.voices import PROMPT
from tests.recordings import SAMPLES


@pytest.fixture(scope="module")
def call():
    return load(SAMPLES / "abusive_customer.flac", max_duration_s=600).samples


@pytest.mark.parametrize("leak_db", [-12, -20])
def test_a_leak_is_found_and_taken_out(call, leak_db):
    gain = np.float32(10 ** (leak_db / 20))
    leaking = np.stack([call[0] + gain * np.roll(call[1], 80), call[1]])
    clean = by_channel(call, [activity.listen(c) for c in call])
    found = by_channel(leaking, [activity.listen(c) for c in leaking])
    assert clean.warnings == ()
    assert found.warnings == ("channel_bleed",)
    assert total_s(found.speech["left"]) == pytest.approx(total_s(clean.speech["left"]), rel=0.15)
    assert total_s(found.speech["right"]) == pytest.approx(total_s(clean.speech["right"]), rel=0.05)


def test_two_people_at_once_are_no_leak(call):
    """Half a second of both together, all through the call."""
    mixed = np.stack([call[0], np.roll(call[0], SAMPLE_RATE * 7)])
    left, right = bleed.find(mixed[0], mixed[1])
    assert total_s(left) + total_s(right) < 0.5


def test_a_prompt_on_both_channels_is_read_once():
    prompt = Span(5, 8)
    maps = [
        SoundMap((Span(0, 1),), (Span(3, 10),), (prompt,)),
        SoundMap((Span(11, 12),), (Span(3, 10),), (prompt,)),
    ]
    silence = np.zeros((2, SAMPLE_RATE * 13), dtype=np.float32)
    parts = by_channel(silence, maps)
    assert parts.to_recognise() == [(Span(0, 1), prompt), (Span(11, 12),)]
    voices = parts.voices(
        [[Word(0, 1, "hello", 1.0), Word(6, 7, "hold", 1.0)], [Word(11, 12, "yes", 1.0)]]
    )
    said = {voice.label: [w.text for w in voice.words] for voice in voices}
    assert said == {"left": ["hello"], "right": ["yes"], PROMPT: ["hold"]}

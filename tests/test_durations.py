"""Durations that somebody says, as seconds."""

import pytest

from pipeline.cues import load_cues
from pipeline.durations import read_durations
from pipeline.errors import RubricError
from pipeline.yamlfile import read_yaml

ENGLISH = load_cues("en").durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("It should take about two minutes.", 120),
        ("One to two minutes, please.", 120),
        ("a minute or two", 120),
        ("Just half a minute!", 30),
        ("around 30 seconds", 30),
        ("a couple of minutes", 120),
        ("thirty seconds, or at most a minute", 60),
        ("half an hour", 1800),
        ("two hours", 7200),
        ("twenty five minutes", 1500),
        ("one and a half minutes", 90),
        ("two minutes and three agents", 120),
        ("Just a minute.", None),
        ("Just one second, please.", None),
        ("One moment.", None),
        ("The minutes of the meeting.", None),
    ],
)
def test_english(text, seconds):
    assert ENGLISH.longest_s(text) == seconds


def test_a_mistake_is_named(tmp_path):
    path = tmp_path / "durations.yaml"
    path.write_text("numbers: {two: second}\n")
    with pytest.raises(RubricError, match=r"durations\.yaml"):
        read_durations(read_yaml(path))

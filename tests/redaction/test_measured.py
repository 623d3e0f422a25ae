"""What the finder reached on the marked excerpts, it goes on reaching.

w1 to w5 were read while it was made. HELD_BACK are files of other writers that nobody read who
made it: only their counts were seen.
"""

import pytest

from pipeline.records import KINDS
from tests.bench.redaction import UTTERANCES, measure, read_excerpt, table

# Lowest share of marked stretches that are wholly hidden, and lowest precision: somewhat below
# what was measured (python -m tests.bench.redaction).
SEEN = {
    "card": 0.97, "cvv": 0.95, "account": 0.97, "id": 0.95, "phone": 0.97, "email": 0.96,
    "address": 0.95, "name": 0.95, "birth_date": 0.96, "secret": 0.95,
}  # fmt: skip
HELD_BACK: dict[str, float] = {}


@pytest.mark.parametrize(
    ("files", "recall", "precision"),
    [("w[1-5]-*.txt", SEEN, 0.97), ("w[678]-*.txt", HELD_BACK, 0.90)],
)
def test_measured(files, recall, precision):
    if not recall:
        pytest.skip("not measured yet")
    figures = measure(sorted(UTTERANCES.glob(files)))
    low = [kind for kind in KINDS if figures.recall(kind) < recall[kind]]
    assert not low, table(figures)
    assert figures.precision >= precision, table(figures)


def test_an_excerpt_is_read_with_its_marks():
    turns, (mark,) = read_excerpt("A: And your name? | C: It's <name>Siobhan O'Rourke</name>.")
    assert [turn.text for turn in turns] == ["And your name?", "It's Siobhan O'Rourke."]
    assert (mark.kind, mark.turn) == ("name", 1)
    assert turns[1].text[mark.start : mark.end] == "Siobhan O'Rourke"

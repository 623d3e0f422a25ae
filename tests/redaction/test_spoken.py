"""Digits and letters are read as they are spoken and written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.redaction.spoken import read_runs, tokens_of
from pipeline.redaction.words import words_of

NUMBERS = words_of("en").numbers
DIGITS = {value: word for word, value in NUMBERS.digits.items() if word not in ("nought", "niner")}


def read(text: str) -> list[str]:
    return [run.value for run in read_runs(text, tokens_of(text), NUMBERS)]


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("four one double two", "4122"),
        ("triple oh", "000"),
        ("oh seven nine", "079"),
        ("forty-one twenty-two", "4122"),
        ("nineteen eighty-four", "1984"),
        ("nine hundred, one two three", "900123"),
        ("4 1 2 2", "4122"),
        ("4122-8765", "41228765"),
        ("four one, uh, two two", "4122"),
        ("four one, let me see, two two", "4122"),
        ("three dash four space five", "345"),
        ("S M Y T H E", "SMYTHE"),
        ("J as in Juliet, four", "J4"),
        ("b for bravo one two", "B12"),
        ("X-ray Quebec seven", "XQ7"),
        ("IE18 AIBK 9320", "IE18AIBK9320"),
        ("IE60 AIBK and then 7542", "IE60AIBK7542"),
        ("eight hundred and twelve", "812"),
        ("a hundred and six", "106"),
        ("two thousand and four", "2004"),
        ("a dash four four one", "A441"),
        ("seven t for tango a", "7TA"),
        ("J S, that's S for sugar, two", "JSS2"),
        ("Q for queen, no, J for Juliet, four", "QJ4"),
        ("k a zed", "KAZ"),
        ("two thousand five hundred", "2500"),
        ("A dash four four one", "A441"),
        ("N-I-I, thank you", "NII"),
        ("gb39 nwbk 6022", "GB39NWBK6022"),
        ("bt seven one nn", "BT71NN"),
    ],
)
def test_read(said, value):
    assert "".join(read(said)) == value


def test_words_are_no_letters():
    assert read("I have a question about my bill") == []


@pytest.mark.parametrize(
    ("said", "values"),
    [("with a Q", ["Q"]), ("nine oh two, I think", ["902"]), ("from 2-4 PM", ["24"])],
)
def test_articles_pronouns_and_units_are_no_letters(said, values):
    assert read(said) == values


def test_a_run_ends_where_other_words_come():
    assert read("four one is the first and nine nine the second") == ["41", "99"]


def test_a_run_knows_its_place():
    text = "Sure, it's four one double two, thanks."
    (run,) = read_runs(text, tokens_of(text), NUMBERS)
    assert text[run.start : run.end] == "four one double two"


@settings(max_examples=60, deadline=None)
@given(st.text("0123456789", min_size=1, max_size=16))
def test_any_digits_come_back_however_they_are_said(digits):
    said = " ".join(DIGITS[digit] for digit in digits)
    assert read(said) == [digits]
    assert read(" ".join(digits)) == [digits]

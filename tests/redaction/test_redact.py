"""Stand-ins take the place of personal data in texts and in timed words."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import KINDS, STAND_INS, Turn, Word
from pipeline.redaction.redact import redact, redact_text


def timed(text: str) -> Turn:
    words = tuple(
        Word(float(at), at + 0.5, word, 0.5 + at / 100) for at, word in enumerate(text.split())
    )
    return Turn("customer", text, 0.0, float(len(words)), words)


def test_the_words_under_a_stand_in_become_one():
    turn = timed("My Visa is 4111 1111 1111 1111, thanks.")
    redacted = redact([turn], KINDS)
    (shown,) = redacted.turns
    assert shown.text == "My Visa is [card], thanks."
    assert [word.text for word in shown.words] == ["My", "Visa", "is", "[card],", "thanks."]
    card = shown.words[3]
    assert (card.start_s, card.end_s) == (3.0, 6.5)
    assert card.probability == sum(word.probability for word in turn.words[3:7]) / 4
    (redaction,) = redacted.redactions
    assert (redaction.kind, redaction.turn, redaction.offset) == ("card", 0, 11)
    assert (redaction.start_s, redaction.end_s) == (3.0, 6.5)
    assert redacted.words == ("4111 1111 1111 1111",)


def test_text_stays_its_words():
    turn = timed(
        "Priya's card is 4111 1111 1111 1111, mail j.smith@example.com or ring 020 7946 0123."
    )
    (shown,) = redact([turn], KINDS).turns
    assert shown.text == " ".join(word.text for word in shown.words)


def test_without_words_there_are_no_times():
    redacted = redact([Turn("customer", "Mail me at j.smith@example.com.")], KINDS)
    assert [(r.start_s, r.end_s) for r in redacted.redactions] == [(None, None)]


def test_only_the_wanted_kinds_are_hidden():
    text = "My Visa is 4111 1111 1111 1111, mail j.smith@example.com."
    assert redact_text(text, ["email"]) == "My Visa is 4111 1111 1111 1111, mail [email]."
    assert redact_text(text, []) == text


def test_the_stand_in_of_a_birth_date_has_two_words():
    assert STAND_INS["birth_date"] == "[birth date]"


def test_what_is_hidden_is_known_by_offset():
    turns = [timed("My name is Priya Okafor, born 3 May 1981, ring 020 7946 0123.")]
    redacted = redact(turns, KINDS)
    for redaction, words in zip(redacted.redactions, redacted.words, strict=True):
        shown = redacted.turns[redaction.turn].text
        assert shown[redaction.offset :].startswith(STAND_INS[redaction.kind])
        assert words in turns[0].text


SOME_WORDS = (
    "my name is Priya card four one double two 4111 at gmail dot com , . ? call me on pin [phone] "
    "[name] [birth date] Street 42 password order Leeds O'Dowd"
)
PIECES = st.sampled_from(SOME_WORDS.split(" "))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(PIECES, min_size=1, max_size=14), min_size=1, max_size=4))
def test_redacting_again_changes_nothing(said):
    turns = [timed(" ".join(words)) for words in said]
    once = redact(turns, KINDS)
    twice = redact(once.turns, KINDS)
    assert twice.turns == once.turns
    assert twice.redactions == ()
    for turn in once.turns:
        assert turn.text == " ".join(word.text for word in turn.words)

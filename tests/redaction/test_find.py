"""Each kind of personal data is found as people say it, and what only looks like it is not."""

import pytest

from pipeline.records import KINDS, Turn
from pipeline.redaction.redact import redact


def shown(*said: str, language: str = "en") -> str:
    """Turns of an agent and a customer in turn, after redaction."""
    turns = [Turn("customer" if number % 2 else "agent", text) for number, text in enumerate(said)]
    return " | ".join(turn.text for turn in redact(turns, KINDS, language).turns)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My Visa is 4111 1111 1111 1111, thanks.", "My Visa is [card], thanks."),
        ("It's on the card ending in four two four two.", "It's on the card ending in [card]."),
        ("The security code is three one nine.", "The security code is [cvv]."),
        ("My account number is 4457 88213.", "My account number is [account]."),
        ("It's GB82 WEST 1234 5698 7654 32.", "It's [account]."),
        ("My social is 219-09-9999.", "My social is [id]."),
        (
            "Call me on oh seven seven double oh, nine hundred, one two three.",
            "Call me on [phone].",
        ),
        ("Write to j.smith@example.com please.", "Write to [email] please."),
        ("It's john dot smith at gmail dot com.", "It's [email]."),
        ("I live at 42 Elm Street, Springfield.", "I live at [address]."),
        ("My name is Priya Okafor.", "My name is [name]."),
        ("I was born on the ninth of July 1976.", "I was born on [birth date]."),
        ("My PIN is two five eight oh.", "My PIN is [secret]."),
        (
            "The password is sunshine77, all lower case.",
            "The password is [secret], all lower case.",
        ),
    ],
)
def test_found_in_a_turn(text, expected):
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("And the long number?", "Four one two oh, eight seven six six.", "[card]."),
        ("When does the card expire?", "August twenty-seven.", "[card]."),
        ("And the three digits on the back?", "Oh one nine.", "[cvv]."),
        ("Sort code, please?", "Forty, forty-seven, eighty-one.", "[account]."),
        ("The last four of your social?", "Six six one oh.", "[id]."),
        ("Best number to reach you?", "9 1 7, 4 4 0, 2 2 1 8.", "[phone]."),
        ("What's the surname?", "Okonkwo.", "[name]."),
        ("Date of birth?", "Two twelve eighty-nine.", "[birth date]."),
        ("Your mother's maiden name?", "Fernandes.", "[secret]."),
        ("And the postcode?", "S W one A, two A A.", "[address]."),
    ],
)
def test_found_in_answers(question, answer, expected):
    assert shown(question, answer).split(" | ")[1] == expected


def test_a_card_number_over_several_turns():
    said = shown("Go ahead.", "4539 3011", "Uh-huh.", "2703 5958")
    assert said == "Go ahead. | [card] | Uh-huh. | [card]"


def test_what_is_read_back_is_hidden_too():
    said = shown("Your account number?", "It's 7740 1229.", "So that was 7740 1229?")
    assert said.endswith("So that was [account]?")


def test_a_name_comes_again():
    assert shown("My name is Niamh.", "Thanks, Niamh.") == "My name is [name]. | Thanks, [name]."


@pytest.mark.parametrize(
    "text",
    [
        "Your order number is 40-2281-9937, please keep that safe.",
        "The tracking number is C E four four one, nine oh two, seven double eight.",
        "It was 1,249.99 and I paid on the 4th of May, 2023.",
        "I want the Mercedes part and a Dyson from the Lincoln branch.",
        "The meter says oh oh seven three four point six.",
        "My password is wrong and I forgot my PIN.",
        "Flight BA 2490 leaves at 7:45 from gate 32.",
        "Is the card still valid, and is my account in credit?",
    ],
)
def test_harmless(text):
    assert shown(text) == text


def test_other_languages_have_the_rules_without_words():
    assert shown("Meine Karte ist 4111 1111 1111 1111.", language="de") == "Meine Karte ist [card]."
    assert shown("IBAN DE89 3704 0044 0532 0130 00", language="de") == "IBAN [account]"
    assert shown("an anna.schmidt@example.de", language="de") == "an [email]"

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
        ("Ring 07911 dash 204 dash 551 about order 77120.", "Ring [phone] about order 77120."),
        (
            "The line with the fault on it is oh one two one four nine six oh one double eight.",
            "The line with the fault on it is [phone].",
        ),
        (
            "They want my NHS number for the travel claim, 485 777 3456.",
            "They want my NHS number for the travel claim, [id].",
        ),
        ("Irish passport, LK double two oh nine seven one.", "Irish passport, [id]."),
        ("Write to j.smith@example.com please.", "Write to [email] please."),
        ("It's john dot smith at gmail dot com.", "It's [email]."),
        ("I live at 42 Elm Street, Springfield.", "I live at [address]."),
        ("My name is Priya Okafor.", "My name is [name]."),
        ("I was born on the ninth of July 1976.", "I was born on [birth date]."),
        ("My PIN is two five eight oh.", "My PIN is [secret]."),
        (
            "My date of birth is the 3rd of May 1982 and my PIN is 4711.",
            "My date of birth is [birth date] and my PIN is [secret].",
        ),
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


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        # A false start, a correction two turns later, the part that the other side read.
        (("The card is four six two, no wait, 4626 8649 8372 5818.",), "The card is [card]."),
        (
            ("Card number?", "5486 0461 9032 2376.", "That's not accepted.", "Oh, it's 2367."),
            "Oh, it's [card].",
        ),
        (("I only got 4270 9597.", "Okay, and then 7558 6755."), "Okay, and then [card]."),
        # Parts of a number, by where they stand in it.
        (("Your TFN?", "876 543 210.", "Last digit zero?"), "Last digit [id]?"),
        (("Call me on 312 664 0173 extension 22.",), "Call me on [phone]."),
        # E-mail addresses as recognisers hear them, and their parts.
        (("It's jsmith77 at the rate gmail dot com.",), "It's [email]."),
        (("Email?", "dmitri at seahotel dot ee", "Is it dimitri with an I?"), None),
        # Secrets one letter at a time, again, and with signs.
        (
            ("First and third letters of your password?", "B and, uh, T."),
            "[secret] and, uh, [secret].",
        ),
        (("Your first pet?", "Biscuit? Or Tibbs? Try Biscuit."), None),
        (("The wifi key is S, dollar sign, 4 4, hash.",), "The wifi key is [secret]."),
        # Addresses without a number or cue of their own.
        (("First line of the address?", "The Old Forge, Mill Lane."), "[address]."),
        (("Your address?", "Elm Road 77.", "So Elm Road 77?", "No, seventeen."), None),
        (("I've 12th of June 1959 as your date of birth.", "No, the twenty-first."), None),
        # A name that is spelt, and one that is all of the answer.
        (("My name? Ng. N G.",), "My name? [name]."),
        (("Last name?", "Ng.", "I N G?"), "[name]?"),
        (("You're Dr K?", "Osei, initial V."), "[name], initial [name]."),
        # Without capitals, where speakers say who they are.
        (("hiya its bolanle from claims",), "hiya its [name] from claims"),
        (("ask for chuks in returns", "chuks is on lunch"), "[name] is on lunch"),
        # What a number is may be told after it, or with where it is printed.
        (
            ("Where to?", "Nine nine, oh four, double two is the sort code."),
            "[account] is the sort code.",
        ),
        (
            ("Your account number, on the top of the invoice?", "Seven oh, one four, double two."),
            None,
        ),
        (
            ("Reading back: 4659 4005 2369 2786, expiring 11/26.",),
            "Reading back: [card], expiring [card].",
        ),
        # Two things in one breath.
        (("It's 4129 2765 6242 1754, eleven twenty-seven.",), "It's [card]."),
        (("Ending three eight seven four, two payments.",), "Ending [card], two payments."),
        # What is sent, set or remembered.
        (("We've sent a code, it says 830 274.",), "We've sent a code, it says [secret]."),
        (("Password?", "I changed it to tangerine dream."), "I changed it to [secret]."),
        (("Your memorable date?", "The first of May two thousand and four."), "[secret]."),
        # E-mails with a domain that is spelt, and the domain alone.
        (("It's maeve at hughes dash lynch dot i e.",), "It's [email]."),
        (("Login?", "Fern@", "And then harrowgate-legal.co.uk?"), "And then [email]?"),
        (("And the street?", "Mill Rise."), "[address]."),
        (("postcode", "bt seven one nn"), "[address]"),
        (("Who am I speaking with?", "Padraig Nee."), "[name]."),
        (("Who am I talking to?", "Tam, and I'm ringing for my dad who can't hear well."), None),
        # Secrets that are chosen, and years alone.
        (
            ("Which memorable word would you like?", "Can we use lighthouse?"),
            "Can we use [secret]?",
        ),
        (("What year were you born?", "Uh, seventy-three."), "Uh, [birth date]."),
        (("Date of birth?", "The 9th of June 1981. No, it should be the tenth."), None),
        # Addresses that are said again.
        (("I've 2240 Alder Court here.", "Yes, twenty-two forty."), "Yes, [address]."),
        (("So 14 Beech Avenue, Perth?", "Yes, number fourteen."), "Yes, number [address]."),
        (("It's Primrose Cottage, Duck Lane.", "Primrose Cottage?"), "[address]?"),
    ],
)
def test_found_by_what_was_said_before(said, expected):
    last = shown(*said).split(" | ")[-1]
    if expected is None:
        hidden = (
            "Seven oh",
            "dimitri",
            "Biscuit",
            "Tibbs",
            "seventeen",
            "twenty-first",
            "Tam",
            "tenth",
        )
        assert not any(word in last for word in hidden), last
    else:
        assert last == expected


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
        "The previous reading was 20417 and today's is 20933, so that's 516 units.",
        "The outage runs from 0900 to 1530 and from 1000 to 1400.",
        "Dial *86 for voicemail, or 911 in an emergency.",
        "The postcode for your Manchester branch, please?",
        "I'd like Bluegum Landscaping to send a SEPA mandate for Ward 32.",
        "The case number is oh oh five, one eight double six, three.",
        "The reference on the card the driver left is nine nine four, one one two, six oh eight.",
        "The limit is two thousand five hundred dollars, and it was sixty-one pounds forty.",
        "hi its cancelled again and its raining here",
        "St Brendan's Primary School, please, at number one in the queue.",
        "Your confirmation number is zero one six one, four four nine, two eight eight seven.",
        "Of course, one second. Wendy's has it, or the one in Chelmsford.",
        "The expiry on the voucher? It says thirty-first of December.",
        "Your case is with the Farm House, Mill Lane branch.",
    ],
)
def test_harmless(text):
    assert shown(text) == text


def test_other_languages_have_the_rules_without_words():
    assert shown("Meine Karte ist 4111 1111 1111 1111.", language="de") == "Meine Karte ist [card]."
    assert shown("IBAN DE89 3704 0044 0532 0130 00", language="de") == "IBAN [account]"
    assert shown("an anna.schmidt@example.de", language="de") == "an [email]"

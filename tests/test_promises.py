"""When what an agent promised is due."""

from datetime import datetime

import pytest

from pipeline.promises import find_promises

BEGAN = "2026-05-12T09:14:00+01:00"  # a Tuesday


def result(
    quote: str,
    said: str = "",
    turn: str | None = None,
    what: str = "next step",
    language: str | None = "en",
) -> dict:
    """A result in the documented form, as far as it is about promises."""
    evidence = [{"role": "agent", "start_s": 60.0, "end_s": 62.0, "quote": quote, "what": what}]
    if said:
        evidence.append(evidence[0] | {"quote": said, "what": "time or manner"})
    return {
        "language": language,
        "turns": [{"role": "agent", "text": turn or f"{quote} {said}"}],
        "criteria": [{"id": "follow_up", "evidence": evidence}],
    }


@pytest.mark.parametrize(
    ("said", "due"),
    [
        ("in half an hour", "2026-05-12T08:45"),
        ("within the next hour", "2026-05-12T09:15"),
        ("within 24 to 48 hours", "2026-05-14T08:15"),
        ("this afternoon", "2026-05-12T22:59"),
        ("right away", "2026-05-12T22:59"),
        ("by tomorrow noon at the latest", "2026-05-13T22:59"),
        ("in two days", "2026-05-14T22:59"),
        ("within 3-5 business days", "2026-05-19T22:59"),  # not on Saturday or Sunday
        ("on Thursday", "2026-05-14T22:59"),
        ("by Tuesday", "2026-05-19T22:59"),  # the day of the call is over sooner
        ("next Friday", "2026-05-22T22:59"),  # either Friday; the later
        ("by the end of the week", "2026-05-17T22:59"),
        ("at the end of the month", "2026-05-31T22:59"),
        ("on May 15th", "2026-05-15T22:59"),
        ("on the 3rd", "2026-06-03T22:59"),
        ("on the 5th of November", "2026-11-05T22:59"),
        ("ships tonight and arrives within two weeks", "2026-05-26T22:59"),
    ],
)
def test_due_is_the_end_of_what_was_said(said, due):
    (promise,) = find_promises(result("We will see to it", said), BEGAN)
    assert promise.told == "due"
    assert promise.due is not None
    # The zone of the call: its days end an hour before UTC's in summer time.
    assert promise.due.replace(second=0) == datetime.fromisoformat(due)


def test_a_date_of_the_new_year():
    (promise,) = find_promises(result("We'll ring you", "on January 5th"), "2026-12-29T10:00:00Z")
    assert promise.due == datetime(2027, 1, 5, 23, 59, 59)


@pytest.mark.parametrize(
    "said",
    [
        "soon",
        "by email",
        "you were charged on March 6th",
        "it was shipped 3 days ago",
        "since Monday",
        "our 30-day return window",
    ],
)
def test_no_time_said(said):
    (promise,) = find_promises(result("We will see to it", said), BEGAN)
    assert (promise.told, promise.due) == ("no time", None)


@pytest.mark.parametrize(
    ("said", "began"),
    [
        ("within five days once we have received it", BEGAN),  # nobody knows when that is
        ("at 3 pm", BEGAN),  # of which day?
        ("on the fourteenth", BEGAN),  # of days in words only this much is read
        ("tomorrow", None),  # nobody knows when the call was
    ],
)
def test_what_cannot_be_told_is_said(said, began):
    (promise,) = find_promises(result("We will see to it", said), began)
    assert (promise.told, promise.due) == ("unclear", None)


def test_a_language_without_words_for_it_cannot_be_told():
    (promise,) = find_promises(result("Wir melden uns", "morgen", language="de"), BEGAN)
    assert promise.told == "unclear"


def test_the_time_may_come_later_in_the_turn():
    turn = "I'll email you. The refund itself takes two days."
    (promise,) = find_promises(result("I'll email you", "I'll email you", turn), BEGAN)
    assert promise.due == datetime(2026, 5, 14, 22, 59, 59)


def test_a_vague_promise_is_one_and_the_same_words_are_not_two():
    found = result("I'll look into it", what="vague promise")
    found["criteria"].append(found["criteria"][0] | {"id": "solve"})
    assert [promise.told for promise in find_promises(found, BEGAN)] == ["no time"]

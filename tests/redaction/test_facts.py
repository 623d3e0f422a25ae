"""Facts whose personal data is hidden: the rest stays what it was, wherever it lies now."""

import threading
import time
from dataclasses import replace

import pytest

from pipeline.normalise import normalise
from pipeline.records import (
    KINDS,
    STAND_INS,
    CallFacts,
    Engines,
    Metadata,
    Move,
    Turn,
    Word,
)
from pipeline.redaction import find
from pipeline.redaction.facts import hide, redaction_key

PHONE = "020 7946 0123"
SAID = f"Ring me on {PHONE}, please, or write to jo.bloggs@example.com today."


def facts_of(*texts: str, moves: tuple[Move, ...] = ()) -> CallFacts:
    turns = tuple(Turn("customer", text) for text in texts)
    return CallFacts(Metadata("c1"), turns, Engines("t", "d", "0"), language="en", moves=moves)


def move_over(turn: int, text: str, words: str) -> Move:
    start = text.index(words)
    return Move("next_step", turn, start, start + len(words), 0.9)


def test_moves_keep_the_words_that_make_them():
    covered = ("Ring me on", "please", "today", f"me on {PHONE}, please", SAID)
    moves = tuple(move_over(0, SAID, words) for words in covered)
    found = hide(facts_of(SAID, moves=moves), KINDS).facts
    text = found.turns[0].text
    assert text == "Ring me on [phone], please, or write to [email] today."
    shown = [text[move.start : move.end] for move in found.moves or ()]
    assert shown == ["Ring me on", "please", "today", "me on [phone], please", text]


def test_a_move_that_cuts_into_what_is_hidden_takes_all_of_it():
    found = hide(facts_of(SAID, moves=(move_over(0, SAID, "on 020"),)), KINDS).facts
    (move,) = found.moves or ()
    assert found.turns[0].text[move.start : move.end] == "on [phone]"


def test_what_was_hidden_is_given_apart_in_order():
    hidden = hide(facts_of("Hello.", SAID), KINDS)
    assert hidden.words == (PHONE, "jo.bloggs@example.com")
    assert [(r.kind, r.turn) for r in hidden.facts.redactions] == [("phone", 1), ("email", 1)]


def test_hiding_more_later_keeps_what_was_hidden_before():
    once = hide(facts_of(SAID), ("email",))
    twice = hide(once.facts, KINDS)
    assert twice.words == (PHONE, "")
    assert twice.facts.turns == hide(facts_of(SAID), KINDS).facts.turns
    for redaction in twice.facts.redactions:
        stand_in = STAND_INS[redaction.kind]
        text = twice.facts.turns[redaction.turn].text
        assert text[redaction.offset : redaction.offset + len(stand_in)] == stand_in


def test_nothing_is_hidden_where_nothing_is_asked_for():
    facts = facts_of(SAID)
    assert hide(facts, ()).facts == facts


def test_times_of_hidden_words_are_kept():
    words = tuple(
        Word(float(at), at + 0.9, text, 0.9) for at, text in enumerate(f"Ring {PHONE} now.".split())
    )
    turn = Turn("customer", f"Ring {PHONE} now.", 0.0, 4.9, words)
    facts = replace(facts_of(SAID), turns=(turn,))
    found = hide(facts, KINDS).facts
    (redaction,) = found.redactions
    assert (redaction.start_s, redaction.end_s) == (1.0, 3.9)
    assert [word.text for word in found.turns[0].words] == ["Ring", "[phone]", "now."]


def test_patterns_read_stand_ins_as_words_of_their_kind():
    text = "I am [name], ring [phone] or mail [email] [noise] now"
    assert normalise(text).text == "i am name ring 0 or mail email now "
    start = text.index("[phone]")
    assert (start, start + 7) in normalise(text).spans


def test_the_key_of_stored_facts_tells_what_is_hidden():
    keys = {
        redaction_key(kinds, keep=keep)
        for kinds in ((), ("card",), ("card", "name"), KINDS)
        for keep in (False, True)
    }
    assert len(keys) == 7  # nothing that is hidden can be kept of nothing
    assert redaction_key(("name", "card"), keep=False) == redaction_key(
        ("card", "name"), keep=False
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_so_many_threads_read(threads, monkeypatch):
    readers = set()
    together = threading.Barrier(threads)

    def read(views, view):  # noqa: ARG001 - as the finder calls it
        readers.add(threading.get_ident())
        together.wait(timeout=5)
        time.sleep(0.01)  # the other turns are taken by other threads, if there are any

    monkeypatch.setattr(find, "likely_words", read)
    hide(facts_of("Hello.", "Yes.", "Fine.", "Thanks."), ("phone",), threads=threads)
    assert len(readers) == threads


def test_without_a_number_as_many_threads_read_as_there_are_cores(monkeypatch):
    asked = []

    class Pool(find.ThreadPoolExecutor):
        def __init__(self, workers: int | None = None) -> None:
            asked.append(workers)
            super().__init__(workers)

    monkeypatch.setattr(find, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(find.os, "cpu_count", lambda: 3)
    hide(facts_of("Hello."), ("phone",))
    assert set(asked) == {3}

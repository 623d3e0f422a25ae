from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from pipeline.coaching.calls import ScoredCall, scored_calls
from pipeline.coaching.excerpts import anonymous
from pipeline.coaching.moments import candidates_of, verdicts_of, window_of
from pipeline.coaching.windows import LONGEST_S, SHORTEST_S, lines_within, window_round
from pipeline.records import Evidence
from pipeline.result import to_dict
from pipeline.review.corrections import correct
from pipeline.review.people import add_person
from pipeline.review_tables import ReadingRow, SampleRow
from pipeline.tables import utc_now
from tests.coaching.world import NEWEST, dialogues, judged, keep, places_with

CALL = ScoredCall(
    1, "c1", "ag-1", None, datetime(2026, 11, 1), 1, 50.0, {"empathize": "missed"}, frozenset(),
    False,
)  # fmt: skip


def turn(role: str, text: str, start_s: float) -> dict[str, Any]:
    words = [
        {"start_s": start_s + n * 0.5, "end_s": start_s + n * 0.5 + 0.4, "text": word}
        | {"probability": 0.9}
        for n, word in enumerate(text.split())
    ]
    return {
        "role": role, "text": text, "words": words, "start_s": start_s, "end_s": words[-1]["end_s"],
    }  # fmt: skip


TURNS = [
    turn("agent", "How can I help", 0.0),
    turn("customer", "You charged me twice and nobody calls me back", 3.0),
    turn("agent", "You must have made a mistake there", 9.0),
    turn("customer", "I did not", 14.0),
]
SAID = Evidence("agent", 9.0, 11.9, "You must have made a mistake", "blame")
ASKED = Evidence("customer", 3.0, 7.4, "You charged me twice and nobody calls me back", "complaint")


def result(answer: str = "missed", confidence: float = 0.9, **parts: Any) -> dict[str, Any]:
    evidence = [
        {
            "role": part.role, "start_s": part.start_s, "end_s": part.end_s, "quote": part.quote,
            "what": part.what,
        }
        for part in (ASKED, SAID)
    ]  # fmt: skip
    found = {
        "id": "empathize", "answer": answer, "confidence": confidence, "evidence": evidence,
        "reason": "So.",
    }  # fmt: skip
    return {"turns": TURNS, "criteria": [found | parts]}


def test_a_moment_is_the_evidence_with_what_was_said_before_it():
    window = window_round(TURNS, SAID, [ASKED])
    assert window is not None
    assert set(window.evidence) == {SAID, ASKED}
    assert window.span.start_s < 3.0
    assert window.span.end_s > 12.4
    lines = lines_within(TURNS, window)
    assert [line.role for line in lines] == ["customer", "agent"]
    ((start, end),) = lines[1].marks
    assert lines[1].text[start:end] == "You must have made a mistake"


def test_what_was_only_called_for_is_shown_with_the_reply():
    window = window_round(TURNS, ASKED, with_reply=True)
    assert window is not None
    assert [line.role for line in lines_within(TURNS, window)][-2:] == ["customer", "agent"]


def test_a_short_moment_is_shown_with_what_led_to_it():
    turns = [*TURNS, turn("agent", "Okay", 16.0)]
    window = window_round(turns, Evidence("agent", 16.0, 16.4, "Okay", "how the call ended"))
    assert window is not None
    assert window.said.duration_s >= SHORTEST_S
    assert [line.text for line in lines_within(turns, window)][-3:] == [
        "You must have made a mistake there",
        "I did not",
        "Okay",
    ]


def test_a_long_turn_is_cut_and_its_evidence_is_not():
    long = [turn("customer", "Well " * 100, 0.0), turn("agent", "I see " * 40, 60.0)]
    said = Evidence("agent", 80.0, 84.9, "I see", "acknowledgement")
    window = window_round(long, said)
    assert window is not None
    assert window.said.duration_s <= LONGEST_S
    assert window.span.start_s < 80.0
    assert window.span.end_s > 84.9
    (line,) = lines_within(long, window)
    assert line.text.startswith("… ")


def test_evidence_that_is_too_long_to_hear_is_not_shown():
    assert window_round(TURNS, replace(SAID, end_s=SAID.start_s + LONGEST_S + 1)) is None
    assert window_round(TURNS, replace(SAID, start_s=None, end_s=None)) is None


def test_only_what_is_sure_or_confirmed_is_shown():
    assert len(candidates_of(CALL, result(), {})) == 1
    assert candidates_of(CALL, result(confidence=0.7), {}) == []
    confirmed = {(1, "empathize"): True}
    assert candidates_of(CALL, result(confidence=0.7), confirmed)[0].confirmed
    assert candidates_of(CALL, result(), {(1, "empathize"): False}) == []


@pytest.mark.parametrize(
    "call",
    [
        replace(CALL, disputed=True),
        replace(CALL, flags=frozenset({"abusive_customer"})),
        replace(CALL, answers={"empathize": "met"}),
    ],
    ids=["disputed", "abusive", "corrected"],
)
def test_nothing_is_shown_of_calls_and_answers_that_do_not_stand(call):
    assert candidates_of(call, result(), {}) == []


def test_a_turn_with_something_amiss_is_not_praised():
    call = replace(CALL, answers={"empathize": "met", "composure": "met"})
    both = result("met")
    both["criteria"].append(both["criteria"][0] | {"id": "positive_language", "answer": "missed"})
    assert candidates_of(call, result("met"), {}) != []
    assert [c.criterion for c in candidates_of(call, both, {})] == []


def test_that_nothing_was_amiss_is_shown_of_good_calls_alone():
    calm = {
        "role": "agent", "start_s": 0.0, "end_s": 1.9, "quote": "", "what": "calm throughout",
    }  # fmt: skip
    call = replace(CALL, answers={"empathize": "met", "composure": "met"})
    good = result("met", evidence=[calm], id="composure")
    assert len(candidates_of(call, good, {})) == 1
    good["criteria"].append(result()["criteria"][0])
    assert candidates_of(call, good, {}) == []


def test_missing_follow_up_is_heard_at_the_end_of_the_call():
    place = next(
        place for place in places_with("follow_up", "missed")
        if any(
            found.id == "follow_up" and found.answer == "missed"
            and all(part.role == "customer" for part in found.evidence)
            for found in judged(place).scorecard.criteria
        )
    )  # fmt: skip
    whole = to_dict(judged(place))
    answers = {found["id"]: found["answer"] for found in whole["criteria"]}
    call = replace(CALL, answers=answers)
    found = [
        candidate
        for candidate in candidates_of(call, whole, {(1, "follow_up"): True})
        if candidate.criterion == "follow_up"
    ]
    window = window_of(found[0], whole)
    assert window is not None
    last = [turn for turn in dialogues()[place].turns if turn.role == "agent"][-1]
    assert window.evidence[0].quote == " ".join(last.text.split())


def test_people_confirm_or_doubt_what_the_machine_said(store):
    place = places_with("apologize", "met")[0]
    for name in ("read", "doubted", "corrected"):
        keep(store, place, name, NEWEST, agent_id="ag-1")
    with store.read() as session:
        numbers = {call.call_id: call.number for call in scored_calls(session, "ag-1", None, None)}
    person = add_person(store, "qa", "qa")
    with store.write() as session:
        for name, answer in (("read", "met"), ("doubted", "missed")):
            sample = SampleRow(call=numbers[name], drawn_at=utc_now())
            session.add(sample)
            session.flush()
            session.add(
                ReadingRow(
                    sample=sample.id, person=person.id, criterion="apologize", answer=answer,
                    machine="met", rubric="leap 1", at=utc_now(),
                )
            )  # fmt: skip
    correct(store, numbers["corrected"], "apologize", "missed", "None came.", person)
    with store.read() as session:
        calls = scored_calls(session, "ag-1", None, None)
        found = verdicts_of(session, calls)
    assert found == {
        (numbers["read"], "apologize"): True,
        (numbers["doubted"], "apologize"): False,
        (numbers["corrected"], "apologize"): False,
    }


def test_a_colleagues_name_is_neither_read_nor_heard():
    whole = {"language": "en", "turns": [turn("agent", "This is Laura, good morning", 5.0)]}
    for known in ("Laura Hale", None):  # whatever the metadata say
        hidden, said = anonymous(whole, known)
        assert hidden["turns"][0]["text"] == "This is [name], good morning"
        assert [(span.start_s, span.end_s) for span in said] == [(6.0, 6.4)]
    rare = {"language": "en", "turns": [turn("agent", "Qwzx here, yes", 5.0)]}
    hidden, said = anonymous(rare, "Qwzx Hale")
    assert hidden["turns"][0]["text"] == "[name] here, yes"
    assert [(span.start_s, span.end_s) for span in said] == [(5.0, 5.4)]

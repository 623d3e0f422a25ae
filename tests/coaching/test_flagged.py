from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from pipeline.coaching.calls import ScoredCall
from pipeline.coaching.flagged import count_flags, flag_calls
from pipeline.coaching.rules import load_rules

CALL = ScoredCall(1, "c1", "ag-1", None, datetime(2026, 11, 1), 1, 90.0, {}, frozenset(), False)
RULES = {rule.id: rule for rule in load_rules()}


def result(**parts: Any) -> dict[str, Any]:
    turns = [
        {"role": "customer", "start_s": 0.0, "end_s": 9.0, "text": "It broke again", "words": []},
        {"role": "agent", "start_s": 8.0, "end_s": 12.0, "text": "Just restart it", "words": []},
    ]
    nothing: dict[str, Any] = {
        "turns": turns, "criteria": [], "interruptions": [], "raised_voice": [], "holds": [],
        "flags": [], "escalation": None,
    }  # fmt: skip
    return nothing | parts


def criterion(name: str, answer: str) -> dict[str, Any]:
    evidence = {"role": "agent", "start_s": 8.0, "end_s": 12.0, "quote": "Just", "what": "this"}
    return {"id": name, "answer": answer, "evidence": [evidence]}


def cut(**parts: Any) -> dict[str, Any]:
    return {"by": "agent", "start_s": 8.0, "end_s": 9.0, "kind": "competitive"} | parts


CUTS = {"interruptions": [cut(), cut(start_s=9.0)]}
RAISED = {"raised_voice": [{"role": "agent", "start_s": 8.0, "end_s": 9.5}]}
HELD = {"holds": [{"start_s": 12.0, "end_s": 140.0}]}


@pytest.mark.parametrize(
    ("rule", "score", "parts"),
    [
        ("low_score", 40.0, {"criteria": [criterion("solve", "missed")]}),
        ("talked_over", 90.0, CUTS),
        ("agent_raised_voice", 90.0, RAISED),
        ("long_hold", 90.0, HELD),
    ],
)
def test_a_call_is_flagged_with_the_words_that_show_it(rule, score, parts):
    call = replace(CALL, score=score, answers={"solve": "missed"})
    (found,) = flag_calls(tuple(RULES.values()), [(call, result(**parts))])
    assert found.rule.id == rule
    assert found.evidence
    assert found.evidence[0].role == "agent"
    assert found.evidence[0].quote


@pytest.mark.parametrize(
    "parts",
    [
        {"interruptions": [cut(), cut(certain=False)]},
        {"interruptions": [cut(), cut(kind="backchannel")]},
        {"interruptions": [cut(by="customer"), cut(by="customer")]},
        {"raised_voice": [{"role": "customer", "start_s": 8.0, "end_s": 11.0}]},
        {"raised_voice": [{"role": "agent", "start_s": 8.0, "end_s": 8.5}]},
        {"holds": [{"start_s": 12.0, "end_s": 100.0}]},
    ],
)
def test_what_is_unsure_short_or_the_customers_flags_nothing(parts):
    assert flag_calls(tuple(RULES.values()), [(CALL, result(**parts))]) == []


ALL_MET = dict.fromkeys(("listen_first", "empathize", "apologize", "solve", "follow_up"), "met")


def test_a_call_with_an_abusive_customer_leads_to_care_alone():
    flags = frozenset({"abusive_customer", "asks_manager"})
    call = replace(CALL, score=10.0, flags=flags, answers=ALL_MET)
    said = {"role": "customer", "start_s": 0.0, "end_s": 1.0, "quote": "!", "what": "abuse"}
    abused = result(flags=[{"id": "abusive_customer", "evidence": [said]}], **CUTS, **RAISED)
    (found,) = flag_calls(tuple(RULES.values()), [(call, abused)])
    assert (found.rule.id, found.rule.leads_to) == ("abusive_customer", "care")
    assert found.evidence[0].what == "abuse"
    calm = replace(call, flags=flags - {"abusive_customer"})
    rules = {flag.rule.id for flag in flag_calls(tuple(RULES.values()), [(calm, abused)])}
    assert {"turned_around", "low_score"} <= rules


def test_a_disputed_call_leads_to_no_talk():
    call = replace(CALL, score=10.0, disputed=True)
    assert flag_calls(tuple(RULES.values()), [(call, result(**CUTS))]) == []


def calls_that(*answers: str) -> list[tuple[ScoredCall, dict[str, Any]]]:
    return [
        (
            replace(CALL, number=number, answers={"apologize": answer}),
            result(criteria=[criterion("apologize", answer)]),
        )
        for number, answer in enumerate(answers)
    ]


def test_three_misses_of_the_last_ten_are_a_habit():
    calls = calls_that("missed", *["met"] * 8, "missed", "not_applicable", "missed")
    found = flag_calls((RULES["often_missed"],), calls)
    # The first is the eleventh last that was judged.
    assert found == []
    found = flag_calls((RULES["often_missed"],), calls[1:] + calls_that("missed"))
    assert [flag.call.number for flag in found] == [9, 11, 0]
    assert count_flags((RULES["often_missed"],), found)[0].calls == 3


UPSET = {"first": "customer", "other_stayed_calm": True, "until_calm_s": None}


@pytest.mark.parametrize(
    ("answers", "flags", "escalation", "praised"),
    [
        (ALL_MET, {"asks_manager"}, None, True),
        (ALL_MET, set(), UPSET, True),
        (ALL_MET, set(), None, False),
        (ALL_MET, {"asks_manager"}, UPSET | {"first": "agent"}, False),
        (ALL_MET, set(), UPSET | {"other_stayed_calm": None}, False),
        (ALL_MET | {"solve": "partial"}, {"asks_manager"}, None, False),
        ({"solve": "met"}, {"asks_manager"}, None, False),
    ],
)
def test_who_turned_an_upset_customer_round_is_praised(answers, flags, escalation, praised):
    call = replace(CALL, answers=answers, flags=frozenset(flags))
    criteria = [criterion(name, answer) for name, answer in answers.items()]
    found = flag_calls(
        (RULES["turned_around"],), [(call, result(criteria=criteria, escalation=escalation))]
    )
    assert [flag.rule.leads_to for flag in found] == ["praise"] * praised

"""Which calls the flagging rules point at, and by what evidence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.coaching.calls import ScoredCall
from pipeline.coaching.records import FlagCount
from pipeline.coaching.rules import (
    Flagged,
    Interruptions,
    LongHold,
    OftenMissed,
    RaisedVoice,
    Rule,
    ScoreBelow,
    TurnedAround,
)
from pipeline.records import Evidence, Role

LED_TO_A_HOLD_S = 1.0
"""What is said so shortly before a hold belongs to it."""


@dataclass(frozen=True, slots=True)
class FlaggedCall:
    """A call that a rule points at; ``evidence`` may be empty: a score has none but its answers."""

    rule: Rule
    call: ScoredCall
    evidence: tuple[Evidence, ...]


def flag_calls(
    rules: Sequence[Rule], calls: Iterable[tuple[ScoredCall, Mapping[str, Any]]]
) -> list[FlaggedCall]:
    """Of an agent's calls, oldest first with their results in the documented form.

    A call with an abusive customer, or one that is disputed, leads to care and to nothing else.
    """
    found: list[FlaggedCall] = []
    missed: list[tuple[ScoredCall, dict[str, tuple[Evidence, ...]]]] = []
    for call, result in calls:
        for rule in rules:
            if rule.leads_to != "care" and not call.counts:
                continue
            evidence = _evidence(rule, call, result)
            if evidence is not None:
                found.append(FlaggedCall(rule, call, evidence))
        if call.counts:
            missed.append((call, _by_criterion(result)))
    for rule in rules:
        if isinstance(rule, OftenMissed):
            found += _often_missed(rule, missed)
    return found


def count_flags(rules: Sequence[Rule], flagged: Sequence[FlaggedCall]) -> tuple[FlagCount, ...]:
    """How many calls each rule points at; rules that point at none are left out."""
    calls = {
        rule.id: {found.call.number for found in flagged if found.rule is rule} for rule in rules
    }
    return tuple(
        FlagCount(rule.id, rule.title, rule.leads_to, len(calls[rule.id]))
        for rule in rules
        if calls[rule.id]
    )


def evidence_of(found: Mapping[str, Any]) -> tuple[Evidence, ...]:
    """The evidence of a criterion or a flag in the documented form."""
    return tuple(
        Evidence(part["role"], part["start_s"], part["end_s"], part["quote"], part["what"])
        for part in found["evidence"]
    )


def _evidence(
    rule: Rule, call: ScoredCall, result: Mapping[str, Any]
) -> tuple[Evidence, ...] | None:
    """What in a call the rule points at; None: nothing."""
    found: list[Evidence] | None = None
    match rule:
        case ScoreBelow() if call.score is not None and call.score < rule.score:
            found = [
                evidence
                for criterion in result["criteria"]
                if call.answers.get(criterion["id"]) == criterion["answer"] == "missed"
                for evidence in evidence_of(criterion)[-1:]
            ]
        case Interruptions():
            cuts = [
                event for event in result["interruptions"]
                if event["by"] == "agent" and event["kind"] == "competitive"
                and event.get("certain", True)
            ]  # fmt: skip
            if len(cuts) >= rule.at_least:
                found = [_said(result, "agent", cut, "interruption") for cut in cuts]
        case RaisedVoice():
            raised = [part for part in result["raised_voice"] if part["role"] == "agent"]
            if sum(part["end_s"] - part["start_s"] for part in raised) >= rule.at_least_s:
                found = [_said(result, "agent", part, "raised voice") for part in raised]
        case LongHold():
            long = [
                hold for hold in result["holds"]
                if hold["end_s"] - hold["start_s"] > rule.longer_than_s
            ]  # fmt: skip
            if long:
                found = [_before_hold(result, hold) for hold in long]
        case Flagged() if call.flags & set(rule.flags):
            flags = (flag for flag in result["flags"] if flag["id"] in rule.flags)
            found = [evidence for flag in flags for evidence in evidence_of(flag)]
        case TurnedAround() if _turned_around(rule, call, result):
            criteria = (c for c in result["criteria"] if c["id"] in rule.criteria)
            said = (evidence for c in criteria for evidence in evidence_of(c))
            found = [evidence for evidence in said if evidence.role == "agent"]
    return None if found is None else tuple(found)


def _turned_around(rule: TurnedAround, call: ScoredCall, result: Mapping[str, Any]) -> bool:
    rose = result.get("escalation")
    first = None if rose is None else rose["first"]
    if first == "agent" or not (call.flags & set(rule.flags) or first == "customer"):
        return False
    answers = [call.answers.get(criterion) for criterion in rule.criteria]
    if {"partial", "missed"} & set(answers) or answers.count("met") < rule.at_least:
        return False
    if not rule.calmed or rose is None:
        return True
    return rose["until_calm_s"] is not None or rose["other_stayed_calm"] is True


def _often_missed(
    rule: OftenMissed, calls: Sequence[tuple[ScoredCall, Mapping[str, tuple[Evidence, ...]]]]
) -> list[FlaggedCall]:
    """The calls in which a criterion was missed, where that were so many of the last."""
    found = []
    known = {criterion for call, _ in calls for criterion in call.answers}
    for criterion in sorted(rule.criteria or known):
        judged = [
            pair for pair in calls
            if pair[0].answers.get(criterion) in ("met", "partial", "missed")
        ]  # fmt: skip
        missed = [
            pair for pair in judged[-rule.of_last :] if pair[0].answers[criterion] == "missed"
        ]
        if len(missed) >= rule.times:
            found += [FlaggedCall(rule, call, said.get(criterion, ())) for call, said in missed]
    return found


def _by_criterion(result: Mapping[str, Any]) -> dict[str, tuple[Evidence, ...]]:
    return {
        found["id"]: evidence_of(found)
        for found in result["criteria"]
        if found["answer"] == "missed"
    }


def _before_hold(result: Mapping[str, Any], hold: Mapping[str, Any]) -> Evidence:
    start_s = hold["start_s"]
    before = {"start_s": start_s - LED_TO_A_HOLD_S, "end_s": start_s}
    return _said(result, "agent", before, "hold")


def _said(result: Mapping[str, Any], role: Role, span: Mapping[str, Any], what: str) -> Evidence:
    """The turns of a role within a stretch of time, as evidence."""
    start_s, end_s = span["start_s"], span["end_s"]
    turns = [
        turn for turn in result["turns"]
        if turn["role"] == role and turn["start_s"] is not None
        and turn["start_s"] < end_s and turn["end_s"] > start_s
    ]  # fmt: skip
    quote = " ".join(turn["text"] for turn in turns)
    return Evidence(role, start_s, end_s, quote, what)

"""Which moments of calls show a criterion: only what the machine is sure of or people confirmed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.coaching.calls import (
    CHUNK,
    ScoredCall,
    results_of,
    scored_call,
)
from pipeline.coaching.flagged import evidence_of
from pipeline.coaching.windows import LONGEST_S, Window, last_words, window_round
from pipeline.coaching_tables import ConsentRow
from pipeline.records import Evidence
from pipeline.review_tables import ReadingRow, ReviewRow, SampleRow, StandingRow
from pipeline.tables import AnswerRow, CallRow

SURE = 0.8
"""Confidence from which on an answer may be shown to an agent: of such answers about nine in ten
are a careful reader's (README, *How right it is*)."""
FROM_COLLEAGUES = 40
"""So many of their newest calls are looked through: one good one is enough."""
NOTHING_AMISS = ("calm throughout", "longest turn")
"""Evidence that is no act, only a place where nothing was amiss: shown of calls alone in which
nothing was missed at all."""
AT_THE_END = ("follow_up",)
"""What is missed at the end of a call; the machine points at where it was called for."""

Verdicts = Mapping[tuple[int, str], bool]
"""By call and criterion: whether people gave the machine's answer too."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer of a call that could be shown."""

    call: ScoredCall
    criterion: str
    answer: Literal["met", "partial", "missed"]
    confidence: float
    confirmed: bool
    heard: bool
    """It is in the agent's own words, not only in what called for it."""


def verdicts_of(session: Session, calls: Sequence[ScoredCall]) -> dict[tuple[int, str], bool]:
    """What people who read calls blind or decided on disputes said of the machine's answers."""
    found: dict[tuple[int, str], bool] = {}
    for start in range(0, len(calls), CHUNK):
        numbers = [call.number for call in calls[start : start + CHUNK]]
        readings = (
            select(SampleRow.call, ReadingRow.criterion, ReadingRow.answer, ReadingRow.machine)
            .join(ReadingRow, ReadingRow.sample == SampleRow.id)
            .where(SampleRow.call.in_(numbers))
        )
        for call, criterion, answer, machine in session.execute(readings).tuples():
            # One reader who differs is enough to doubt it.
            found[call, criterion] = found.get((call, criterion), True) and answer == machine
        decided = (
            select(ReviewRow.call, ReviewRow.criterion, ReviewRow.answer, ReviewRow.machine)
            .where(ReviewRow.call.in_(numbers), ReviewRow.kind.in_(("rejected", "corrected")))
            .order_by(ReviewRow.id)
        )
        for call, criterion, given, machine in session.execute(decided).tuples():
            found[call, criterion] = given is None or given == machine
    return found


def candidates_of(
    call: ScoredCall, result: Mapping[str, Any], verdicts: Verdicts
) -> list[Candidate]:
    """The answers of a call that may be shown: none of a call that is disputed, was abusive, or
    whose words are deleted.
    """
    if not call.counts or not result["turns"]:
        return []
    found = []
    amiss = _amiss(result)
    for criterion in result["criteria"]:
        answer, name = criterion["answer"], criterion["id"]
        # Evidence is the machine's: of an answer that somebody changed there is none.
        if answer not in ("met", "partial", "missed") or call.answers.get(name) != answer:
            continue
        verdict = verdicts.get((call.number, name))
        if verdict is False or (verdict is None and criterion["confidence"] < SURE):
            continue
        shown = _shown(criterion, result["turns"])
        if shown is None or not _fits(shown):
            continue
        if answer == "met" and not _to_be_praised(shown, result, amiss):
            continue
        heard = shown.role == "agent"
        found.append(Candidate(call, name, answer, criterion["confidence"], bool(verdict), heard))
    return found


def window_of(candidate: Candidate, result: Mapping[str, Any]) -> Window | None:
    """The stretch of the call that shows a candidate."""
    criterion = next(c for c in result["criteria"] if c["id"] == candidate.criterion)
    shown = _shown(criterion, result["turns"])
    if shown is None:
        return None
    others = evidence_of(criterion)
    return window_round(result["turns"], shown, others, with_reply=shown.role == "customer")


def best_missed(
    candidates: Iterable[Candidate], criterion: str, most: int, taken: frozenset[int] = frozenset()
) -> list[Candidate]:
    """The clearest moments in which it was missed, each of another call, not of those ``taken``
    if there are others.
    """
    ranked = sorted(
        (c for c in candidates if c.criterion == criterion and c.answer != "met"),
        key=lambda c: (
            c.call.number in taken,
            not c.confirmed,
            c.answer != "missed",
            not c.heard,
            -c.call.at.timestamp(),
            c.call.number,
        ),
    )
    return ranked[:most]


def best_met(
    candidates: Iterable[Candidate],
    criterion: str,
    like: ScoredCall | None = None,
    taken: frozenset[int] = frozenset(),
    first: frozenset[int] = frozenset(),
) -> Candidate | None:
    """The best moment in which it was done well, of another call than those ``taken``.

    Calls in ``first`` go before others, then those of the same queue as ``like``.
    """
    queue = None if like is None else like.queue
    ranked = sorted(
        (
            c for c in candidates
            if c.criterion == criterion and c.answer == "met" and c.call.number not in taken
        ),
        key=lambda c: (
            c.call.number not in first,
            not c.heard,
            queue is None or c.call.queue != queue,
            not c.confirmed,
            -round(c.confidence, 2),
            -c.call.at.timestamp(),
            c.call.number,
        ),
    )  # fmt: skip
    return ranked[0] if ranked else None


def from_colleagues(session: Session, agent_id: str, criterion: str) -> list[Candidate]:
    """Moments of colleagues who consented, in which they did it well."""
    rows = (
        select(StandingRow, CallRow.call_id, CallRow.queue)
        .join(CallRow, StandingRow.call == CallRow.id)
        .join(ConsentRow, ConsentRow.agent_id == StandingRow.agent_id)
        .join(AnswerRow, AnswerRow.result == StandingRow.result)
        .where(
            StandingRow.agent_id != agent_id,
            AnswerRow.criterion == criterion,
            AnswerRow.answer == "met",
            AnswerRow.confidence >= SURE,
        )
        .order_by(StandingRow.at.desc(), StandingRow.call)
        .limit(FROM_COLLEAGUES)
    )
    calls = [scored_call(*row) for row in session.execute(rows).tuples()]
    verdicts = verdicts_of(session, calls)
    return [
        candidate
        for call, result in results_of(session, calls)
        for candidate in candidates_of(call, result, verdicts)
        if candidate.criterion == criterion and candidate.answer == "met"
    ]


def _shown(criterion: Mapping[str, Any], turns: Sequence[Mapping[str, Any]]) -> Evidence | None:
    """What of a criterion's evidence a moment is built round: the agent's words if it has any."""
    evidence = evidence_of(criterion)
    said = [part for part in evidence if part.role == "agent"]
    if said:
        return said[0]
    if criterion["answer"] == "missed" and criterion["id"] in AT_THE_END:
        return last_words(turns)
    return evidence[0] if evidence else None


def _amiss(result: Mapping[str, Any]) -> list[Evidence]:
    """What the agent said that was half right or wrong."""
    return [
        part
        for criterion in result["criteria"]
        if criterion["answer"] in ("partial", "missed")
        for part in evidence_of(criterion)
        if part.role == "agent" and part.start_s is not None
    ]


def _to_be_praised(shown: Evidence, result: Mapping[str, Any], amiss: Sequence[Evidence]) -> bool:
    """Whether a turn may be praised: nothing that was amiss is heard in it."""
    if shown.what in NOTHING_AMISS:
        return all(criterion["answer"] != "missed" for criterion in result["criteria"])
    # The whole of the agent's turn is heard.
    heard = [
        turn for turn in result["turns"]
        if turn["role"] == shown.role and turn["start_s"] is not None
        and turn["start_s"] < (shown.end_s or 0.0) and turn["end_s"] > (shown.start_s or 0.0)
    ]  # fmt: skip
    start = min((turn["start_s"] for turn in heard), default=shown.start_s or 0.0)
    end = max((turn["end_s"] for turn in heard), default=shown.end_s or 0.0)
    return not any((part.start_s or 0.0) < end and (part.end_s or 0.0) > start for part in amiss)


def _fits(shown: Evidence) -> bool:
    if shown.start_s is None or shown.end_s is None:
        return False
    return shown.end_s - shown.start_s <= LONGEST_S

"""What stands of a call: its newest result, with the answers that people gave in place of ours.

Kept in one row a call, so that pages can list and average thousands of them.
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from pipeline.contacts import keep_contact
from pipeline.day_sums import count_in, count_out
from pipeline.fulltext import keep_words
from pipeline.records import AnswerValue, CriterionResult
from pipeline.review_tables import ReviewRow, StandingRow
from pipeline.rubric_file import RubricFile
from pipeline.score import SHARE, total
from pipeline.tables import CallRow, ResultRow, RubricRow

log = logging.getLogger(__name__)

AUTO_FAIL = "failed_by"
"""Reviewed like a criterion: ``not_applicable`` says that the rule which failed the call does not
apply to it."""
LOW_SCORE = "low_score"


@dataclass(frozen=True, slots=True)
class Standing:
    """The totals of a call after corrections, and its flags."""

    score: float | None
    uncapped_score: float | None
    coverage: float
    failed_by: str | None
    flags: tuple[str, ...]


def asked(result: Mapping[str, Any]) -> frozenset[str]:
    """What can be reviewed of a result: its criteria, and the rule that failed it if one did."""
    criteria = frozenset(criterion["id"] for criterion in result["criteria"])
    return criteria | {AUTO_FAIL} if result["failed_by"] else criteria


def corrections(result: Mapping[str, Any], history: Iterable[ReviewRow]) -> dict[str, str]:
    """The answers of a result that people gave, by criterion; ``history`` in order of time.

    What is disputed but not upheld changes nothing. That a rule does not apply was said of one
    rule, and holds for no other.
    """
    known = asked(result)
    given = [row for row in history if row.kind in ("corrected", "upheld")]
    return {
        row.criterion: row.answer
        for row in given
        if row.answer is not None
        and row.criterion in known
        and (row.criterion != AUTO_FAIL or row.rule == result["failed_by"])
    }


def open_disputes(result: Mapping[str, Any], history: Sequence[ReviewRow]) -> list[ReviewRow]:
    """Disputes of a result that nobody decided on. A correction of the same criterion decides.

    What the newest result does not ask any more is not disputed any more.
    """
    known = asked(result)
    waiting: dict[str, ReviewRow] = {}
    for row in history:
        if row.criterion not in known:
            continue
        if row.kind == "disputed":
            waiting[row.criterion] = row
        else:
            waiting.pop(row.criterion, None)
    return list(waiting.values())


def stand(
    result: Mapping[str, Any], corrected: Mapping[str, str], rubric: RubricFile | None
) -> Standing:
    """Adds a call up again with the corrected answers.

    ``result`` is the documented form, ``rubric`` what judged it (None: it was not stored; then no
    rule about answers is applied anew). A rule about words or measures that failed the call goes on
    to do so, unless a reviewer said that it does not apply.
    """
    flags = tuple(flag["id"] for flag in result["flags"])
    if not corrected:
        return Standing(
            result["score"],
            result["uncapped_score"],
            result["coverage"],
            result["failed_by"],
            flags,
        )
    criteria = [_criterion(found, corrected) for found in result["criteria"]]
    uncapped, coverage = total(criteria)
    score, failed_by = _capped(uncapped, criteria, result, corrected, rubric)
    if rubric is not None:
        flags = tuple(flag for flag in flags if flag != LOW_SCORE)
        if score is not None and score < rubric.flags.low_score_below:
            flags += (LOW_SCORE,)
    return Standing(score, uncapped, coverage, failed_by, flags)


def refresh(session: Session, call: int, *, scored: bool) -> None:
    """Brings up to date what pages show of a call, after it was scored or reviewed.

    Who writes about the same call at the same time waits: totals are made of what stood before.
    """
    lock(session, call)
    newest = (
        select(ResultRow, CallRow)
        .join(CallRow, ResultRow.call == CallRow.id)
        .where(ResultRow.call == call)
        .order_by(ResultRow.scored_at.desc(), ResultRow.id.desc())
        .limit(1)
    )
    row, call_row = session.execute(newest).tuples().one()
    in_time = select(ReviewRow).where(ReviewRow.call == call).order_by(ReviewRow.id)
    history = session.scalars(in_time).all()
    result = json.loads(row.result_json)
    corrected = corrections(result, history)
    rubric = stored_rubric(session, row.rubric_hash) if corrected else None
    totals = stand(result, corrected, rubric)
    answers = {
        found["id"]: corrected.get(found["id"], found["answer"]) for found in result["criteria"]
    }
    before = session.get(StandingRow, call, populate_existing=True)
    standing = StandingRow(
        call=call,
        result=row.id,
        at=call_row.started_at_utc or (before.at if before else row.scored_at),
        scored_at=row.scored_at,
        agent_id=call_row.agent_id,
        team=call_row.team,
        score=totals.score,
        uncapped_score=totals.uncapped_score,
        coverage=totals.coverage,
        failed_by=totals.failed_by,
        flags=spaced(totals.flags),
        answers=spaced(f"{criterion}={answer}" for criterion, answer in answers.items()),
        corrected=len(corrected),
        disputed=len(open_disputes(result, history)),
    )
    if before is not None:
        count_out(session, before)
    session.merge(standing)
    count_in(session, standing, call_row.agent_name)
    if before is None or scored:
        keep_words(session, call, (turn["text"] for turn in result["turns"]))
        keep_contact(session, call_row, standing, result)


def lock(session: Session, call: int) -> None:
    """Lets nobody else write about a call until the transaction ends (SQLite has one writer)."""
    session.execute(select(CallRow.id).where(CallRow.id == call).with_for_update())


def take_in(connection: Connection) -> None:
    """What was scored by a version that kept nothing for the pages.

    A result that cannot be read stays out: nothing else must fail by it.
    """
    with Session(connection) as session:
        missing = (
            select(ResultRow.call)
            .where(ResultRow.call.not_in(select(StandingRow.call)))
            .distinct()
            .order_by(ResultRow.call)
        )
        for call in session.scalars(missing).all():
            try:
                with session.begin_nested():
                    refresh(session, call, scored=True)
            except (KeyError, TypeError, ValueError) as error:
                log.error(
                    "call number %d: its stored result is not understood (%s)",
                    call,
                    type(error).__name__,
                )
            session.expunge_all()
        session.flush()


def spaced(ids: Iterable[str]) -> str:
    """Ids in one text, each between two spaces: found by `` id `` in either database."""
    joined = " ".join(ids)
    return f" {joined} " if joined else ""


def _criterion(found: Mapping[str, Any], corrected: Mapping[str, str]) -> CriterionResult:
    criterion = CriterionResult(
        id=found["id"],
        answer=found["answer"],
        points=found["points"],
        max_points=found["max_points"],
        confidence=found["confidence"],
        reason="",
        bonus=found.get("bonus", False),
    )
    answer: AnswerValue | None = corrected.get(criterion.id)  # type: ignore[assignment]
    if answer is None:
        return criterion
    share = SHARE.get(answer)
    points = None if share is None else share * criterion.max_points
    return replace(criterion, answer=answer, points=points)


def _capped(
    uncapped: float | None,
    criteria: Sequence[CriterionResult],
    result: Mapping[str, Any],
    corrected: Mapping[str, str],
    rubric: RubricFile | None,
) -> tuple[float | None, str | None]:
    failed_by = result["failed_by"]
    if uncapped is None or (rubric is None and failed_by is None):
        return uncapped, None
    lifted = corrected.get(AUTO_FAIL) == "not_applicable"
    if rubric is None:
        return (uncapped, None) if lifted else (min(uncapped, result["score"]), failed_by)
    answers = {criterion.id: criterion.answer for criterion in criteria}
    applying = [
        rule for rule in rubric.auto_fail
        if (rule.criterion is not None and answers.get(rule.criterion) == rule.answer)
        or (rule.criterion is None and rule.id == failed_by)
    ]  # fmt: skip
    applying = [rule for rule in applying if not (lifted and rule.id == failed_by)]
    if not applying:
        return uncapped, None
    lowest = min(applying, key=lambda rule: rule.score_at_most)
    return min(uncapped, lowest.score_at_most), lowest.id


def stored_rubric(session: Session, rubric_hash: str) -> RubricFile | None:
    """What judged a result, as it was written; None where it was not stored."""
    row = session.get(RubricRow, rubric_hash)
    if row is None:
        return None
    text = next(iter(json.loads(row.files_json).values()))
    return RubricFile.model_validate(yaml.safe_load(text))

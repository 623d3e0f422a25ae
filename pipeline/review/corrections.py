"""Answers that people give in place of the machine's: corrections, disputes, decisions on them.

Every step is a row of its own, and none is ever changed: the history of a call is all its rows.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.errors import PermanentError
from pipeline.records import AnswerValue
from pipeline.report import points
from pipeline.review import audit
from pipeline.review.access import find_call, visible
from pipeline.review.people import Person
from pipeline.review_tables import ReviewRow, StandingRow
from pipeline.score import SHARE
from pipeline.standing import AUTO_FAIL, corrections, lock, open_disputes, refresh
from pipeline.store import Store
from pipeline.tables import CallRow, ResultRow, utc_now

ANSWERS: tuple[AnswerValue, ...] = get_args(AnswerValue)
AUTO_FAIL_ANSWERS = ("missed", "not_applicable")
"""A rule that failed the call applies, or does not."""
LONGEST_COMMENT = 2000


class ReviewError(PermanentError):
    """A correction, dispute or decision that cannot be taken; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A call as it was scored, and what people said of that."""

    call: CallRow
    standing: StandingRow
    result: dict[str, Any]
    history: tuple[ReviewRow, ...]
    corrected: dict[str, str]
    """The answers that people gave, by criterion."""
    disputes: dict[str, ReviewRow]
    """The open ones, by criterion."""

    @property
    def decided(self) -> frozenset[str]:
        """Where a reviewer has had the last word on a dispute of this result."""
        final = ("upheld", "rejected")
        mine = (row for row in self.history if row.result == self.standing.result)
        return frozenset(row.criterion for row in mine if row.kind in final)

    def machine(self, criterion: str) -> str:
        """The machine's answer. Raises ReviewError where the call has no such criterion."""
        if criterion == AUTO_FAIL and self.result["failed_by"]:
            return "missed"
        for found in self.result["criteria"]:
            if found["id"] == criterion:
                answer: str = found["answer"]
                return answer
        raise ReviewError(f"{criterion}: the rubric of this call asks no such thing; reload")

    def points(self, criterion: Mapping[str, Any]) -> str:
        """What the answer that stands earns, of what it could."""
        share = SHARE.get(self.answer(criterion["id"]))
        earned = None if share is None else share * criterion["max_points"]
        return points({"points": earned, "max_points": criterion["max_points"]})

    def answer(self, criterion: str) -> str:
        """The answer that stands."""
        return self.corrected.get(criterion) or self.machine(criterion)


def load_reviewed(session: Session, number: int, person: Person) -> Reviewed:
    """A call that the person may see, with its history. Raises 404 as :func:`find_call`."""
    call = find_call(session, number, person)
    standing = session.get_one(StandingRow, number, populate_existing=True)
    text = session.get_one(ResultRow, standing.result).result_json
    in_time = select(ReviewRow).where(ReviewRow.call == number).order_by(ReviewRow.id)
    history = tuple(session.scalars(in_time))
    result = json.loads(text)
    disputes = {row.criterion: row for row in open_disputes(result, history)}
    corrected = corrections(result, history)
    return Reviewed(call, standing, result, history, corrected, disputes)


def correct(
    store: Store,
    number: int,
    criterion: str,
    answer: str,
    comment: str,
    person: Person,
    seen: str | None = None,
) -> None:
    """A reviewer's answer takes the place of the one that stands; an open dispute is decided by it.

    ``seen`` is the answer that the reviewer saw: if another stands by now, nothing is changed.
    """
    _check_answer(criterion, answer)
    with store.write() as session:
        lock(session, number)
        reviewed = load_reviewed(session, number, person)
        stands = reviewed.answer(criterion)
        if seen is not None and seen != stands:
            raise ReviewError("somebody changed this answer meanwhile; reload the page")
        if answer == stands and criterion not in reviewed.disputes:
            raise ReviewError("that is the answer already; choose another")
        _add(session, reviewed, criterion, "corrected", answer, comment, person)


def dispute(
    store: Store,
    number: int,
    criterion: str,
    answer: str,
    comment: str,
    person: Person,
    window_days: int,
) -> None:
    """An agent asks for another answer, while the call is open to dispute."""
    _check_answer(criterion, answer)
    with store.write() as session:
        lock(session, number)
        reviewed = load_reviewed(session, number, person)
        if utc_now() >= disputable_until(reviewed.standing, window_days):
            raise ReviewError(
                f"the {window_days} days for a dispute are over; speak with your supervisor"
            )
        if criterion in reviewed.disputes:
            raise ReviewError("this answer is disputed already; wait for the decision")
        if criterion in reviewed.decided:
            raise ReviewError("a reviewer has decided on this answer; speak with your supervisor")
        if answer == reviewed.answer(criterion):
            raise ReviewError("that is the answer already; choose the one you think right")
        _add(session, reviewed, criterion, "disputed", answer, comment, person)


def decide(
    store: Store, number: int, criterion: str, kind: str, comment: str, person: Person
) -> None:
    """A reviewer upholds or rejects an open dispute, or the agent withdraws it."""
    with store.write() as session:
        lock(session, number)
        reviewed = load_reviewed(session, number, person)
        asked = reviewed.disputes.get(criterion)
        if asked is None:
            raise ReviewError("there is no open dispute of this answer; reload the page")
        if kind == "withdrawn" and asked.person != person.id:
            raise ReviewError("only who disputed it can withdraw it")
        answer = asked.answer if kind == "upheld" else None
        _add(session, reviewed, criterion, kind, answer, comment, person)


def disputable_until(standing: StandingRow, window_days: int) -> datetime:
    return standing.scored_at + timedelta(days=window_days)


@dataclass(frozen=True, slots=True)
class Dispute:
    """An open dispute, for the list of those who decide."""

    call: int
    call_id: str
    agent_id: str
    team: str | None
    criterion: str
    stands: str
    wanted: str
    comment: str
    by: str
    at: datetime


def list_disputes(store: Store, person: Person) -> list[Dispute]:
    """The open disputes of the calls that the person may see, the oldest first."""
    with store.read() as session:
        disputed = select(StandingRow.call).join(CallRow, StandingRow.call == CallRow.id)
        numbers = session.scalars(disputed.where(StandingRow.disputed > 0, visible(person))).all()
        reviewed = [load_reviewed(session, number, person) for number in numbers]
    waiting = [(row, one.call) for one in reviewed for row in one.disputes.values()]
    return [_dispute(row, call) for row, call in sorted(waiting, key=lambda pair: pair[0].id)]


def regression_cases(store: Store, person: Person) -> Iterator[dict[str, Any]]:
    """Calls whose answers people changed, as transcript input with the right answers beside it.

    ``callscore score --transcript`` reads them; ``labels`` says what should come out. Disputes that
    were upheld and corrections both count.
    """
    with store.read() as session:
        numbers = session.scalars(
            select(StandingRow.call)
            .join(CallRow, StandingRow.call == CallRow.id)
            .where(StandingRow.corrected > 0, visible(person))
            .order_by(StandingRow.call)
        ).all()
    for number in numbers:
        with store.read() as session:
            reviewed = load_reviewed(session, number, person)
        labels = {k: v for k, v in reviewed.corrected.items() if k != AUTO_FAIL}
        result = reviewed.result
        if labels and result["turns"]:  # none: its words were deleted
            yield {
                "call_id": result["call_id"],
                "language": result["language"],
                "turns": [
                    {key: turn[key] for key in ("role", "text", "start_s", "end_s")}
                    for turn in result["turns"]
                ],
                "labels": labels,
                "machine": {criterion: reviewed.machine(criterion) for criterion in labels},
                "rubric": result["rubric"],
            }


def _check_answer(criterion: str, answer: str) -> None:
    allowed: Sequence[str] = AUTO_FAIL_ANSWERS if criterion == AUTO_FAIL else ANSWERS
    if answer not in allowed:
        raise ReviewError(f"{answer[:40]!r} is no answer; choose one of {', '.join(allowed)}")


def _add(
    session: Session,
    reviewed: Reviewed,
    criterion: str,
    kind: str,
    answer: str | None,
    comment: str,
    person: Person,
) -> None:
    comment = comment.strip()
    if not comment and kind != "withdrawn":
        raise ReviewError("say why, in a few words: the other side will want to know")
    if len(comment) > LONGEST_COMMENT:
        raise ReviewError(f"the comment is longer than {LONGEST_COMMENT} characters; shorten it")
    session.add(
        ReviewRow(
            call=reviewed.call.id,
            criterion=criterion,
            kind=kind,
            answer=answer,
            before=reviewed.answer(criterion),
            machine=reviewed.machine(criterion),
            result=reviewed.standing.result,
            rule=reviewed.result["failed_by"] if criterion == AUTO_FAIL else None,
            comment=comment,
            person=person.id,
            person_name=person.name,
            at=utc_now(),
        )
    )
    session.flush()
    refresh(session, reviewed.call.id, scored=False)
    audit.add(session, person, "change", f"{kind} {criterion}", reviewed.call.call_id)


def _dispute(row: ReviewRow, call: CallRow) -> Dispute:
    return Dispute(
        call=call.id,
        call_id=call.call_id,
        agent_id=call.agent_id,
        team=call.team,
        criterion=row.criterion,
        stands=row.before,
        wanted=row.answer or "",
        comment=row.comment,
        by=row.person_name,
        at=row.at,
    )

"""Taking calls out of the database: whole, or their words alone.

Most rows go with their call (``ON DELETE CASCADE``). What is named by a recording's content stays
as long as another call needs it. Sums are taken back, the customer's other calls are compared anew,
causes that nobody names any more go. Two kinds of rows outlive their call, without its names: what
a batch did, and what people did (the audit log).
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    cast,
    delete,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from pipeline import contacts
from pipeline.coaching_tables import CoachingMomentRow
from pipeline.day_sums import count_out_all
from pipeline.deletion.traces import (
    BY_RECORDING,
    Removed,
    count,
    names_call,
    path_of,
    trace,
    unshared,
)
from pipeline.forgotten import hold_off_storing, never_again
from pipeline.fulltext import forget_all_words, has_words
from pipeline.privacy_tables import ForgottenRow
from pipeline.result import dump_line, facts_from_json, facts_to_json, without_words
from pipeline.review_tables import (
    AuditRow,
    CauseMemberRow,
    CauseRow,
    ContactRow,
    PromiseRow,
    SavedViewRow,
    StandingRow,
    StatementRow,
)
from pipeline.store import metadata_of
from pipeline.tables import BatchRow, CallRow, FactsRow, OutcomeRow, ResultRow, SeenFileRow, utc_now
from pipeline.worklist import WAITING, WORKING

GONE = "deleted; nothing is kept of it"
LINES = "lines of batches without their names"
_WITH_WORDS = ("listenings", "hidden words", "second opinions")
TABLES = (
    *("answers", "audit", "batches", "call_words", "calls", "cause_members", "causes"),
    *("coaching_moments", "contacts", "facts", "opinions", "originals", "outcomes", "promises"),
    *("readings", "receipts", "results", "reviews", "samples", "saved_views", "seen_files"),
    *("standings", "statements"),
)
"""From which rows are deleted, or changed, here and for receipts."""


def remove_calls(session: Session, calls: Sequence[CallRow], receipt: str) -> Removed:
    """Takes whole calls out. Their recordings are not scored again.

    A recording that a worker has in hand just now keeps its line in the work list: the worker ends
    it as skipped.
    """
    hold_off_storing(session)
    numbers = [call.id for call in calls]
    ids = {call.call_id for call in calls}
    removed = trace(session, calls)
    removed.counts += count(session, numbers)
    own = unshared(session, removed.sources, CallRow.id.not_in(numbers))
    standings = session.scalars(select(StandingRow).where(StandingRow.call.in_(numbers))).all()
    customers, causes = _to_compare(session, numbers), _causes_of(session, numbers)
    count_out_all(session, standings)
    forget_all_words(session, numbers)
    _unname_outcomes(session, calls, own, receipt, removed)
    _delete_by_recording(session, own, BY_RECORDING, removed)
    _hand_over(session, numbers, set(removed.sources) - set(own))
    never_again(session, removed.sources, receipt, utc_now())
    session.flush()
    session.expunge_all()
    session.execute(delete(CallRow).where(CallRow.id.in_(numbers)))
    for customer in customers:
        contacts.link(session, customer)
    _delete_empty(session, causes, removed)
    ids -= set(session.scalars(select(CallRow.call_id).where(CallRow.call_id.in_(ids))))
    _unname_audit(session, ids, receipt, removed)
    _delete_views(session, ids, removed)
    _unname_batches(session, ids, own, receipt, removed)
    return removed


def remove_words(session: Session, calls: Sequence[CallRow], receipt: str) -> Removed:
    """Takes the words of calls out; scores, answers and sums stay.

    Moments of coaching go whole: their sound is words too. What was heard in a recording stays as
    long as another call with its words has the same recording.
    """
    hold_off_storing(session)
    numbers, at = [call.id for call in calls], utc_now()
    removed = trace(session, calls)
    own = unshared(session, removed.sources, and_(CallRow.id.not_in(numbers), has_words()))
    causes = _causes_of(session, numbers)
    for row in session.scalars(select(ResultRow).where(ResultRow.call.in_(numbers))):
        row.result_json = dump_line(without_words(json.loads(row.result_json), at))
        removed.counts["results without their words"] += 1
    session.flush()
    forget_all_words(session, numbers)
    removed.counts["full texts"] += len(numbers)
    _delete_by_recording(session, own, _WITH_WORDS, removed)
    never_again(session, removed.sources, receipt, at)
    promises = update(PromiseRow).where(PromiseRow.call.in_(numbers)).values(quote="", said="")
    removed.counts["promises without their words"] += _rows(session, promises)
    for kind, table in (("coaching moments", CoachingMomentRow), ("statements", StatementRow)):
        gone = delete(table).where(table.call.in_(numbers))
        removed.counts[kind] += _rows(session, gone)
    _delete_empty(session, causes, removed)
    return removed


def remove_names(
    session: Session, recordings: Collection[str] | Select[tuple[str]], receipt: str
) -> Counter[str]:
    """Takes out what batches noted since of recordings that no call is stored of any more."""
    counts: Counter[str] = Counter()
    of_these = OutcomeRow.recording_sha256.in_(recordings)
    counts[LINES] += _unname_lines(session, of_these, receipt)
    seen = delete(SeenFileRow).where(SeenFileRow.recording_sha256.in_(recordings))
    counts["known files"] += _rows(session, seen)
    return counts


def all_forgotten() -> Select[tuple[str]]:
    """The recordings that were forgotten, and that no call is stored of any more."""
    stored = select(CallRow.id).where(CallRow.recording_sha256 == ForgottenRow.recording_sha256)
    return select(ForgottenRow.recording_sha256).where(~stored.exists())


def _rows(session: Session, statement: Any) -> int:
    return int(getattr(session.execute(statement), "rowcount", 0))


def _to_compare(session: Session, numbers: Collection[int]) -> list[str]:
    """Customers with other calls that lean on these."""
    leaning = or_(ContactRow.previous.in_(numbers), ContactRow.again.in_(numbers))
    others = select(ContactRow.customer_id).where(leaning, ContactRow.call.not_in(numbers))
    return sorted(set(session.scalars(others)))


def _causes_of(session: Session, numbers: Collection[int]) -> list[int]:
    named = (
        select(CauseMemberRow.cause)
        .join(StatementRow, StatementRow.id == CauseMemberRow.statement)
        .where(StatementRow.call.in_(numbers))
    )
    return sorted(set(session.scalars(named)))


def _delete_empty(session: Session, causes: Collection[int], removed: Removed) -> None:
    left = select(CauseMemberRow.cause)
    empty = delete(CauseRow).where(CauseRow.id.in_(causes), CauseRow.id.not_in(left))
    removed.counts["causes"] += _rows(session, empty)


def _delete_by_recording(
    session: Session, recordings: Collection[str], kinds: Iterable[str], removed: Removed
) -> None:
    for kind in kinds:
        table = BY_RECORDING[kind]
        gone = delete(table).where(table.recording_sha256.in_(recordings))
        removed.counts[kind] += _rows(session, gone)


def _hand_over(session: Session, numbers: Collection[int], shared: Collection[str]) -> None:
    """What was heard in a recording says whose call it was: from now on, that of another."""
    for facts in session.scalars(select(FactsRow).where(FactsRow.recording_sha256.in_(shared))):
        of_others = select(CallRow).where(
            CallRow.recording_sha256 == facts.recording_sha256, CallRow.id.not_in(numbers)
        )
        other = session.scalars(of_others.order_by(CallRow.id)).first()
        if other is not None:
            heard = replace(facts_from_json(facts.facts_json), metadata=metadata_of(other))
            facts.facts_json = facts_to_json(heard)


def _unname_outcomes(
    session: Session,
    calls: Sequence[CallRow],
    own: Collection[str],
    receipt: str,
    removed: Removed,
) -> None:
    """What batches did stays, for their counts; which recording it was does not."""
    numbers = [call.id for call in calls]
    results = select(ResultRow.id).where(ResultRow.call.in_(numbers))
    not_others: ColumnElement[bool] = or_(
        OutcomeRow.recording_sha256.is_(None), OutcomeRow.recording_sha256.in_(own)
    )
    paths = {call.path for call in calls}
    of_path = and_(OutcomeRow.path.in_(paths), OutcomeRow.result.is_(None), not_others)
    theirs = or_(OutcomeRow.result.in_(results), OutcomeRow.recording_sha256.in_(own), of_path)
    removed.counts[LINES] += _unname_lines(session, theirs, receipt)


def _unname_lines(session: Session, theirs: ColumnElement[bool], receipt: str) -> int:
    never = update(OutcomeRow).where(theirs, OutcomeRow.status == WAITING)
    session.execute(never.values(status="skipped", at=utc_now()))
    name = literal(f"deleted {receipt} ") + cast(OutcomeRow.id, String)
    unnamed = update(OutcomeRow).where(theirs, OutcomeRow.status != WORKING)
    values = {"path": name, "source": None, "recording_sha256": None, "result": None}
    return _rows(session, unnamed.values(reason=GONE, **values))


def _unname_audit(session: Session, ids: Collection[str], receipt: str, removed: Removed) -> None:
    noted = update(AuditRow).where(AuditRow.call_id.in_(ids)).values(call_id=receipt)
    removed.counts["lines of the audit log without the call's id"] += _rows(session, noted)


def _delete_views(session: Session, ids: Collection[str], removed: Removed) -> None:
    """Saved searches for the calls by name."""
    for view in session.scalars(select(SavedViewRow)):
        values = [value for _, value in parse_qsl(view.query)] + [view.name]
        if any(names_call(value, call_id) for value in values for call_id in ids):
            session.delete(view)
            removed.counts["saved searches"] += 1


def _unname_batches(
    session: Session,
    ids: Collection[str],
    own: Collection[str],
    receipt: str,
    removed: Removed,
) -> None:
    """Batches that were started for these very recordings, by name."""
    paths = {path_of(source) for sha256 in own for source in removed.sources[sha256]}
    for batch in session.scalars(select(BatchRow).where(BatchRow.scope.like("[[%"))):
        given, *others = json.loads(batch.scope or "[[]]")
        telling = {
            path
            for path in given
            if path in paths or any(names_call(path, call_id) for call_id in ids)
        }
        if telling:
            kept = [f"deleted {receipt}" if path in telling else path for path in given]
            was_open = batch.open_scope is not None
            batch.scope = json.dumps([kept, *others])
            batch.open_scope = f"{batch.scope} {batch.id}" if was_open else None
            removed.started_for.add(batch.id)
            removed.counts["batches without the recording's name"] += 1

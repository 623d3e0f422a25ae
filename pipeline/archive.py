"""What is stored, call by call: to verify results, and to judge calls again without any model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import case, select

from pipeline.fulltext import has_words
from pipeline.records import CallFacts, SecondOpinion
from pipeline.result import facts_from_json, metadata_from_json
from pipeline.store import Judging, Store, metadata_of
from pipeline.tables import CallRow, FactsRow, ResultRow

# Rows read at once: a call's facts are some 50 kB.
CHUNK = 200
# The facts that a result of a call was judged from.
_JUDGED_FROM = (FactsRow.recording_sha256 == CallRow.recording_sha256) & (
    FactsRow.listening_key == ResultRow.listening_key
)


@dataclass(frozen=True, slots=True)
class StoredFacts:
    """What was heard in a stored call (None: no longer there), and where the call came from."""

    call_id: str
    recording_sha256: str
    path: str
    call_id_given: bool
    listening_key: str
    facts: CallFacts | None


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A stored result with the facts that it was judged from."""

    heard: StoredFacts
    judging: Judging
    opinion: SecondOpinion | None
    result_json: str


def stored_results(store: Store, call_ids: Sequence[str] = ()) -> Iterator[StoredResult]:
    """Every stored result, of these calls or of all, in the order they were made."""
    numbers = select(ResultRow.id).join(CallRow, ResultRow.call == CallRow.id)
    if call_ids:
        numbers = numbers.where(CallRow.call_id.in_(call_ids))
    with store.read() as session:
        wanted = list(session.scalars(numbers.order_by(ResultRow.id)))
    for chunk in _chunks(wanted):
        with store.read() as session:
            rows = session.execute(
                select(ResultRow, CallRow, case((has_words(), FactsRow.facts_json)))
                .join(CallRow, ResultRow.call == CallRow.id)
                .outerjoin(FactsRow, _JUDGED_FROM)
                .where(ResultRow.id.in_(chunk))
                .order_by(ResultRow.id)
            )
            for row, call, facts_json in rows:
                judging = Judging(row.rubric_hash, row.code_version, row.listening_key, row.asked)
                heard = _heard(call, row.listening_key, facts_json)
                if heard.facts is not None and row.metadata_json is not None:
                    judged_with = metadata_from_json(row.metadata_json)
                    heard = replace(heard, facts=replace(heard.facts, metadata=judged_with))
                opinion = store.find_opinion(call.recording_sha256, judging)
                yield StoredResult(heard, judging, opinion, row.result_json)


def stored_calls(store: Store) -> Iterator[StoredFacts]:
    """Every call with what was heard in it when it was last scored, but for those without words.

    Words that were deleted stay so, though another call of the same recording may still have them.
    """
    in_time = select(ResultRow.call, ResultRow.id).order_by(ResultRow.scored_at, ResultRow.id)
    with store.read() as session:
        newest = dict(session.execute(in_time).tuples().all())
    for chunk in _chunks(sorted(newest.values())):
        with store.read() as session:
            rows = session.execute(
                select(CallRow, FactsRow.listening_key, FactsRow.facts_json)
                .join(ResultRow, ResultRow.call == CallRow.id)
                .join(FactsRow, _JUDGED_FROM)
                .where(ResultRow.id.in_(chunk), has_words())
                .order_by(CallRow.id)
            )
            for call, listening_key, facts_json in rows:
                yield _heard(call, listening_key, facts_json)


def _heard(call: CallRow, listening_key: str, facts_json: str | None) -> StoredFacts:
    facts = None if facts_json is None else facts_from_json(facts_json)
    return StoredFacts(
        call_id=call.call_id,
        recording_sha256=call.recording_sha256,
        path=call.path,
        call_id_given=call.call_id_given,
        listening_key=listening_key,
        facts=None if facts is None else replace(facts, metadata=metadata_of(call)),
    )


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), CHUNK):
        yield numbers[start : start + CHUNK]

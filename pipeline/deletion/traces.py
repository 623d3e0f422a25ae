"""Where something of a call lies: rows by number, content and name, and pages that show it."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from pipeline.coaching_tables import CoachingMomentRow
from pipeline.find import Found
from pipeline.paths import LOCAL, full_path
from pipeline.privacy_tables import OriginalRow
from pipeline.review_tables import (
    CauseMemberRow,
    ContactRow,
    PromiseRow,
    ReadingRow,
    ReviewRow,
    SampleRow,
    StandingRow,
    StatementRow,
)
from pipeline.tables import (
    AnswerRow,
    CallRow,
    FactsRow,
    OpinionRow,
    OutcomeRow,
    ResultRow,
    SeenFileRow,
)

SHORTEST_TELLING = 6
"""Characters: shorter ids are parts of other words and numbers by chance."""
BY_RECORDING: dict[str, type[Any]] = {
    "listenings": FactsRow,
    "hidden words": OriginalRow,
    "second opinions": OpinionRow,
    "known files": SeenFileRow,
}
"""What belongs to a recording's content."""


@dataclass(slots=True)
class Removed:
    """What was taken out of the database, by kind, and what lies elsewhere of the same calls.

    ``batches`` and ``sessions`` are the numbers of those whose pages show the calls; ``sources``
    says under which addresses each recording (by its SHA-256) was read.
    """

    counts: Counter[str] = field(default_factory=Counter)
    sources: dict[str, set[str]] = field(default_factory=dict)
    batches: set[int] = field(default_factory=set)
    sessions: set[int] = field(default_factory=set)
    since: datetime | None = None
    """No export from before then can hold the calls."""
    started_for: set[int] = field(default_factory=set)
    """Batches that were started for one of these very recordings."""


def trace(session: Session, calls: Sequence[CallRow]) -> Removed:
    """What lies elsewhere of calls. Nothing is counted yet."""
    found = Removed()
    numbers = [call.id for call in calls]
    results = select(ResultRow.id).where(ResultRow.call.in_(numbers))
    scored = select(func.min(ResultRow.scored_at)).where(ResultRow.call.in_(numbers))
    begun = [call.started_at_utc for call in calls]
    times = [*begun, *(call.stored_at for call in calls), session.scalar(scored)]
    found.since = min(time for time in times if time is not None)
    for call in calls:
        found.sources.setdefault(call.recording_sha256, set()).add(call.path)
    of_calls = OutcomeRow.result.in_(results)
    of_content = OutcomeRow.recording_sha256.in_(list(found.sources))
    for where in (of_calls, of_content):  # one after the other: each has an index
        shown = select(OutcomeRow.batch, OutcomeRow.recording_sha256, OutcomeRow.source)
        for batch, sha256, source in session.execute(shown.where(where)).tuples():
            found.batches.add(batch)
            if source is not None and sha256 in found.sources:
                found.sources[sha256].add(source)
    # Copies: scored under other paths, or seen by a night.
    scored_as = (
        select(CallRow.recording_sha256, OutcomeRow.path)
        .join(ResultRow, ResultRow.call == CallRow.id)
        .join(OutcomeRow, OutcomeRow.result == ResultRow.id)
        .where(CallRow.id.in_(numbers))
    )
    seen = select(SeenFileRow.recording_sha256, SeenFileRow.source).where(
        SeenFileRow.recording_sha256.in_(list(found.sources))
    )
    for copies in (scored_as, seen):
        for sha256, path in session.execute(copies).tuples():
            found.sources[sha256].add(path)
    moments = select(CoachingMomentRow.session).where(CoachingMomentRow.call.in_(numbers))
    found.sessions |= set(session.scalars(moments.distinct()))
    return found


def count(session: Session, numbers: Collection[int]) -> Counter[str]:
    """How many rows go with calls, by kind."""
    results = select(ResultRow.id).where(ResultRow.call.in_(numbers))
    statements = select(StatementRow.id).where(StatementRow.call.in_(numbers))
    samples = select(SampleRow.id).where(SampleRow.call.in_(numbers))
    conditions: dict[str, tuple[type[Any], ColumnElement[bool]]] = {
        "calls": (CallRow, CallRow.id.in_(numbers)),
        "results": (ResultRow, ResultRow.call.in_(numbers)),
        "answers": (AnswerRow, AnswerRow.result.in_(results)),
        "full texts": (StandingRow, StandingRow.call.in_(numbers)),
        "corrections and disputes": (ReviewRow, ReviewRow.call.in_(numbers)),
        "calibration samples": (SampleRow, SampleRow.call.in_(numbers)),
        "calibration readings": (ReadingRow, ReadingRow.sample.in_(samples)),
        "contacts of a customer": (ContactRow, ContactRow.call.in_(numbers)),
        "promises": (PromiseRow, PromiseRow.call.in_(numbers)),
        "statements": (StatementRow, StatementRow.call.in_(numbers)),
        "statements in causes": (CauseMemberRow, CauseMemberRow.statement.in_(statements)),
        "coaching moments": (CoachingMomentRow, CoachingMomentRow.call.in_(numbers)),
    }
    return Counter(
        {
            kind: session.scalar(select(func.count()).select_from(table).where(condition)) or 0
            for kind, (table, condition) in conditions.items()
        }
    )


def unshared(
    session: Session, recordings: Iterable[str], needed_by: ColumnElement[bool]
) -> list[str]:
    """Those recordings that no call needs for which the condition holds."""
    wanted = list(recordings)
    needed = select(CallRow.recording_sha256).where(CallRow.recording_sha256.in_(wanted), needed_by)
    return sorted(set(wanted) - set(session.scalars(needed)))


def path_of(source: str) -> str:
    """The path or address that people see of where a recording was read."""
    return Found.at(source).name if source.startswith(LOCAL) else full_path(source)


def names_call(text: str, call_id: str) -> bool:
    """Whether a text is an id of a call, or holds one that is in no other words by chance."""
    return text == call_id or (len(call_id) >= SHORTEST_TELLING and call_id in text)

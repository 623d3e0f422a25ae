"""``callscore redact``: hides personal data in what is stored already.

Scores and answers stay as they are; only words change. What an older version stored, or this one
while less was hidden, becomes what it would be now.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from pipeline.call import judge
from pipeline.coaching_tables import CoachingMomentRow
from pipeline.deletion.kept_files import FilesRemoved, remove_pages, remove_sound, sound_of
from pipeline.errors import RubricError
from pipeline.fulltext import has_words
from pipeline.privacy_tables import LegalHoldRow, OriginalRow
from pipeline.records import CallFacts
from pipeline.redaction.facts import HIDES, HiddenFacts, hide, redaction_key
from pipeline.redaction.redact import redact_text
from pipeline.report import delete_reports
from pipeline.result import (
    dump_line,
    facts_from_json,
    facts_to_json,
    metadata_from_json,
    to_dict,
    with_transcript,
)
from pipeline.review_tables import ReviewRow
from pipeline.rubric import restore_rubric
from pipeline.settings import Settings
from pipeline.standing import lock, refresh
from pipeline.store import Store
from pipeline.tables import CallRow, FactsRow, OpinionRow, ResultRow, RubricRow, utc_now

TABLES = (
    *("answers", "call_words", "cause_members", "coaching_moments", "facts", "opinions"),
    *("originals", "promises", "results", "reviews", "statements"),
)
"""In which words are replaced."""


@dataclass(slots=True)
class Changes:
    """What was hidden, in how many recordings; what quoted it and was deleted."""

    hidden: int = 0
    recordings: int = 0
    held: int = 0
    moments: int = 0
    sessions: set[int] = field(default_factory=set)
    sounds: list[Path] = field(default_factory=list)


def redact_stored(settings: Settings, say: Callable[[str], None]) -> None:
    """Hides what the settings name in all stored calls, one recording at a time.

    Calls under legal hold stay as they are. Coaching moments of changed calls are deleted: their
    sound has no tones where the words were.
    """
    changes = Changes()
    with Store.of(settings) as store:
        with store.read() as session:
            numbers = session.scalars(select(FactsRow.id).order_by(FactsRow.id)).all()
        for number in numbers:
            with store.write() as session:
                _redact_recording(session, number, settings, changes)
        _redact_comments(store, settings)
        files = FilesRemoved()
        remove_pages(settings, (), changes.sessions, files)
        remove_sound(changes.sounds, files)
        left = [*files.failed, *store.wipe(TABLES)]
    say(
        f"{changes.hidden} pieces of personal data newly hidden, in {changes.recordings} of "
        f"{len(numbers)} recordings."
    )
    if changes.held:
        say(f"{changes.held} recordings of calls under legal hold were passed over.")
    if changes.moments:
        say(f"{changes.moments} coaching moments that held them are deleted.")
    reports = delete_reports(settings)
    if reports:
        say(f"{reports} reports that quoted calls as they were are deleted.")
    for place in left:
        say(f"May still hold what was stored before: {place}")


def _redact_recording(session: Session, number: int, settings: Settings, changes: Changes) -> None:
    """Hides personal data in one stored recording and all made of it."""
    row = session.get(FactsRow, number)
    if row is None:  # deleted meanwhile
        return
    facts = facts_from_json(row.facts_json)
    hidden = hide(facts, settings.redact)
    newly = sum(bool(words) for words in hidden.words)
    old_key, new_key = row.listening_key, _key(row.listening_key, settings)
    if not newly and old_key == new_key:
        return
    calls = select(CallRow.id).where(CallRow.recording_sha256 == row.recording_sha256)
    held = select(LegalHoldRow.call).where(LegalHoldRow.call.in_(calls))
    if session.scalar(held.limit(1)) is not None:
        changes.held += 1
        return
    of_recording = {"recording_sha256": row.recording_sha256, "listening_key": old_key}
    if _is_there(session, row.recording_sha256, new_key) and old_key != new_key:
        # Listened to again since; what the older listening left goes on under its own key.
        new_key = old_key
    row.facts_json, row.listening_key = facts_to_json(hidden.facts), new_key
    _keep_words(session, of_recording, new_key, hidden, keep=settings.keep_originals)
    for opinion in session.scalars(select(OpinionRow).filter_by(**of_recording)):
        quoted = _requote(json.loads(opinion.opinion_json), facts, hidden, settings)
        opinion.opinion_json = json.dumps(quoted, ensure_ascii=False, separators=(",", ":"))
        opinion.listening_key = new_key
    judged = (
        select(ResultRow, CallRow.id)
        .join(CallRow, ResultRow.call == CallRow.id)
        .where(CallRow.recording_sha256 == row.recording_sha256, ResultRow.listening_key == old_key)
        .where(has_words())
    )
    for result, call in session.execute(judged).tuples().all():
        lock(session, call)
        result.result_json = _shown(session, result, facts, hidden, settings)
        result.listening_key = new_key
        session.flush()
        refresh(session, call, scored=True)
    if newly:
        changes.hidden, changes.recordings = changes.hidden + newly, changes.recordings + 1
        changes.sounds += sound_of(settings, [row.recording_sha256])
        _delete_moments(session, calls, changes)


def _shown(
    session: Session,
    row: ResultRow,
    facts: CallFacts,
    hidden: HiddenFacts,
    settings: Settings,
) -> str:
    """A stored result with the words that are left.

    Judged again where that gives the same answers, so that it verifies; else only its words change.
    """
    before = json.loads(row.result_json)
    shown = _requote(before, facts, hidden, settings)
    textual = dump_line(with_transcript(shown, hidden.facts))
    files = session.get(RubricRow, row.rubric_hash)
    if files is None or row.metadata_json is None or row.asked is not None:
        return textual
    try:
        rubric = restore_rubric(json.loads(files.files_json))
    except RubricError:
        return textual
    metadata = metadata_from_json(row.metadata_json)
    again = to_dict(judge(replace(hidden.facts, metadata=metadata), rubric))
    same = all(again[key] == before.get(key) for key in ("score", "coverage", "engines"))
    answers = [[(c["id"], c["answer"]) for c in found["criteria"]] for found in (before, again)]
    return dump_line(again) if same and answers[0] == answers[1] else textual


def _redact_comments(store: Store, settings: Settings) -> None:
    """Of corrections and disputes: people may have typed anything."""
    with store.read() as session:
        numbers = session.scalars(select(ReviewRow.id)).all()
    for number in numbers:
        with store.write() as session:
            review = session.get(ReviewRow, number)
            if review is not None and session.get(LegalHoldRow, review.call) is None:
                review.comment = redact_text(review.comment, settings.redact)


def _delete_moments(session: Session, calls: Select[tuple[int]], changes: Changes) -> None:
    of_calls = CoachingMomentRow.call.in_(calls)
    sessions = session.scalars(select(CoachingMomentRow.session).where(of_calls)).all()
    changes.sessions |= set(sessions)
    changes.moments += len(sessions)
    session.execute(delete(CoachingMomentRow).where(of_calls))


def _key(listening_key: str, settings: Settings) -> str:
    """The key under which facts are found that hide what the settings say."""
    before, _, _ = listening_key.partition(HIDES)
    return f"{before.rstrip()} {redaction_key(settings.redact, keep=settings.keep_originals)}"


def _is_there(session: Session, sha256: str, listening_key: str) -> bool:
    same = select(FactsRow.id).filter_by(recording_sha256=sha256, listening_key=listening_key)
    return session.scalar(same) is not None


def _keep_words(
    session: Session,
    of_recording: dict[str, str],
    new_key: str,
    hidden: HiddenFacts,
    *,
    keep: bool,
) -> None:
    """Keeps apart what was hidden now beside what was before, or lets go of both."""
    row = session.scalar(select(OriginalRow).filter_by(**of_recording))
    if not keep:
        session.execute(delete(OriginalRow).filter_by(**of_recording))
        return
    before = iter(json.loads(row.words_json) if row is not None else ())
    words = [words or next(before, "") for words in hidden.words]
    session.execute(delete(OriginalRow).filter_by(**of_recording))
    key = of_recording | {"listening_key": new_key}
    session.add(OriginalRow(words_json=json.dumps(words), stored_at=utc_now(), **key))


def _requote(found: Any, facts: CallFacts, hidden: HiddenFacts, settings: Settings) -> Any:
    """A stored result or opinion with its quotes as the turns say them now."""
    if isinstance(found, list):
        return [_requote(item, facts, hidden, settings) for item in found]
    if not isinstance(found, dict):
        return found
    shown = {
        key: value if key in ("turns", "redactions") else _requote(value, facts, hidden, settings)
        for key, value in found.items()
    }
    if shown.get("quote"):
        shown["quote"] = _quote(shown, facts, hidden, settings)
    if "quotes_dropped" in shown:  # a language model's reason: it may say anything
        shown["reason"] = redact_text(shown["reason"], settings.redact)
    return shown


def _quote(
    evidence: dict[str, Any], facts: CallFacts, hidden: HiddenFacts, settings: Settings
) -> str:
    quote: str = evidence["quote"]
    said = [
        (abs((turn.start_s or 0.0) - (evidence["start_s"] or 0.0)), number, turn.text.find(quote))
        for number, turn in enumerate(facts.turns)
        if turn.role == evidence["role"] and quote in turn.text
    ]
    if said:
        _, number, at = min(said)
        start, end = hidden.place(number, at, at + len(quote))
        return hidden.facts.turns[number].text[start:end]
    return redact_text(quote, settings.redact)

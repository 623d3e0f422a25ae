"""``callscore redact``: hides personal data in what is stored already.

Scores and answers stay as they are; only words change. What an older version stored, or this one
while less was hidden, becomes what it would be now.
"""

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pipeline.privacy_tables import OriginalRow
from pipeline.records import CallFacts
from pipeline.redaction.facts import HIDES, HiddenFacts, hide, redaction_key
from pipeline.redaction.redact import redact_text
from pipeline.report import delete_reports
from pipeline.result import dump_line, facts_from_json, facts_to_json, with_transcript
from pipeline.review_tables import ReviewRow
from pipeline.settings import Settings
from pipeline.standing import lock, refresh
from pipeline.store import Store
from pipeline.tables import CallRow, FactsRow, OpinionRow, ResultRow, utc_now


def redact_stored(settings: Settings, say: Callable[[str], None]) -> None:
    """Hides what the settings name in all stored calls, one recording at a time."""
    changed = hidden = 0
    with Store.of(settings) as store:
        with store.read() as session:
            numbers = session.scalars(select(FactsRow.id).order_by(FactsRow.id)).all()
        for number in numbers:
            with store.write() as session:
                newly = _redact_recording(session, number, settings)
            changed, hidden = changed + (newly > 0), hidden + newly
    say(
        f"{hidden} pieces of personal data newly hidden, in {changed} of {len(numbers)} recordings."
    )
    reports = delete_reports(settings)
    if reports:
        say(f"{reports} reports that quoted calls as they were are deleted.")


def _redact_recording(session: Session, number: int, settings: Settings) -> int:
    """Hides personal data in one stored recording and all made of it; says how much is new."""
    row = session.get(FactsRow, number)
    if row is None:  # deleted meanwhile
        return 0
    facts = facts_from_json(row.facts_json)
    hidden = hide(facts, settings.redact)
    newly = sum(bool(words) for words in hidden.words)
    old_key, new_key = row.listening_key, _key(row.listening_key, settings)
    if not newly and old_key == new_key:
        return 0
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
    )
    for result, call in session.execute(judged).tuples().all():
        lock(session, call)
        shown = _requote(json.loads(result.result_json), facts, hidden, settings)
        result.result_json = dump_line(with_transcript(shown, hidden.facts))
        result.listening_key = new_key
        for review in session.scalars(select(ReviewRow).where(ReviewRow.call == call)):
            review.comment = redact_text(review.comment, settings.redact)
        session.flush()
        refresh(session, call, scored=True)
    return newly


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

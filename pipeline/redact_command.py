"""``callscore redact``: hides personal data in what is stored already.

Scores and answers stay as they are; only words change. What an older version stored, or this one
while less was hidden, becomes what it would be now.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
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
from pipeline.wording import counted

TABLES = (
    *("answers", "call_words", "cause_members", "coaching_moments", "facts", "opinions"),
    *("originals", "promises", "results", "reviews", "statements"),
)
"""In which words are replaced."""


Place = tuple[object, ...]
"""What was hidden, and when it is said or in what text: the same in all listenings that heard it
alike."""


@dataclass(slots=True)
class Changes:
    """What was hidden, in how many recordings; what quoted it and was deleted."""

    hidden: int = 0
    recordings: int = 0
    held: int = 0
    quoted: bool = False
    """Whether anything changed that reports may quote."""
    comments: int = 0
    moments: int = 0
    sessions: set[int] = field(default_factory=set)
    files: FilesRemoved = field(default_factory=FilesRemoved)


@dataclass(frozen=True, slots=True)
class Heard:
    """A listening: its row, what was stored, what is left of it, and the words that are known.

    ``words`` go with the redactions of ``hidden``; empty where nobody knows them any more.
    """

    row: FactsRow
    facts: CallFacts
    hidden: HiddenFacts
    words: tuple[str, ...]

    @property
    def newly(self) -> int:
        return sum(bool(words) for words in self.hidden.words)


def redact_stored(settings: Settings, say: Callable[[str], None]) -> None:
    """Hides what the settings name in all stored calls, one recording at a time.

    Calls under legal hold stay as they are. Coaching moments of changed calls are deleted: their
    sound has no tones where the words were. Reports do not say which calls they quote: all of them
    go once anything was hidden.
    """
    changes = Changes()
    with Store.of(settings) as store:
        with store.read() as session:
            recordings = session.scalars(select(FactsRow.recording_sha256).distinct()).all()
        for sha256 in recordings:
            with store.write() as session:
                _redact_recording(session, sha256, settings, changes)
        _redact_comments(store, settings, changes)
        if changes.quoted:
            # Once more: somebody may have written one meanwhile.
            _delete_pages(settings, changes.sessions, changes)
        left = [*changes.files.failed, *store.wipe(TABLES)]
    for line in _lines(changes, len(recordings)):
        say(line)
    for place in left:
        say(f"May still hold what was stored before: {place}")


def _lines(changes: Changes, recordings: int) -> list[str]:
    hidden = counted(changes.hidden, "piece")
    among = counted(recordings, "recording")
    lines = [f"{hidden} of personal data newly hidden, in {changes.recordings} of {among}."]
    if changes.comments:
        comments = counted(changes.comments, "comment")
        lines.append(f"Hidden in {comments} on answers too.")
    if changes.held:
        held = counted(changes.held, "recording")
        lines.append(f"Passed over, because a call is under legal hold: {held}.")
    files = changes.files.counts
    gone = [
        counted(changes.moments, "coaching moment"),
        counted(files["coaching pages"], "coaching page"),
        counted(files["reports"], "report"),
        counted(files["decoded sounds"], "decoded sound"),
    ]
    gone = [told for told in gone if not told.startswith("0 ")]
    if gone:
        lines.append(f"Deleted, because of what they held or quoted: {', '.join(gone)}.")
    return lines


def _delete_pages(settings: Settings, sessions: Collection[int], changes: Changes) -> None:
    """Reports, and the pages of coaching sessions."""
    changes.files.counts["reports"] += delete_reports(settings)
    remove_pages(settings, (), sessions, changes.files)


def _redact_recording(session: Session, sha256: str, settings: Settings, changes: Changes) -> None:
    """Hides personal data in all listenings to a recording, and in all that was made of them."""
    rows = session.scalars(
        select(FactsRow).where(FactsRow.recording_sha256 == sha256).order_by(FactsRow.id)
    ).all()
    listenings = _with_known_words([_hear(session, row, settings) for row in rows])
    stale = [
        heard
        for heard in listenings
        if heard.newly or heard.row.listening_key != _key(heard.row.listening_key, settings)
    ]
    calls = select(CallRow.id).where(CallRow.recording_sha256 == sha256)
    held = select(LegalHoldRow.call).where(LegalHoldRow.call.in_(calls))
    if stale and session.scalar(held.limit(1)) is not None:
        changes.held += 1
        return
    changed = [_replace(session, heard, settings) for heard in stale]
    newly = max((heard.newly for heard in stale), default=0)
    sessions: set[int] = set()
    if newly:
        changes.hidden, changes.recordings = changes.hidden + newly, changes.recordings + 1
        remove_sound(sound_of(settings, [sha256]), changes.files)
        sessions = _delete_moments(session, calls, changes)
    if newly or any(changed):
        changes.quoted = True
        # Before this is stored: cut off after it, nobody would look for them any more.
        _delete_pages(settings, sessions, changes)


def _hear(session: Session, row: FactsRow, settings: Settings) -> Heard:
    """A stored listening with what is to be hidden, and the words that were kept of it before."""
    facts = facts_from_json(row.facts_json)
    hidden = hide(facts, settings.redact, threads=settings.cpu_threads)
    of_listening = {"recording_sha256": row.recording_sha256, "listening_key": row.listening_key}
    kept = session.scalar(select(OriginalRow).filter_by(**of_listening))
    before = iter(json.loads(kept.words_json) if kept is not None else ())
    words = tuple(words or next(before, "") for words in hidden.words)
    return Heard(row, facts, hidden, words)


def _with_known_words(listenings: Sequence[Heard]) -> list[Heard]:
    """What one listening hid without keeping it, another may still know."""
    known = {
        place: said
        for heard in listenings
        for place, said in zip(_places(heard), heard.words, strict=True)
        if said
    }
    return [
        replace(
            heard,
            words=tuple(
                said or known.get(place, "")
                for place, said in zip(_places(heard), heard.words, strict=True)
            ),
        )
        for heard in listenings
    ]


def _places(heard: Heard) -> list[Place]:
    facts = heard.hidden.facts
    return [
        (found.kind, found.turn, found.offset, facts.turns[found.turn].text)
        if found.start_s is None
        else (found.kind, found.start_s, found.end_s)
        for found in facts.redactions
    ]


def _replace(session: Session, heard: Heard, settings: Settings) -> bool:
    """Puts what is left of a listening in place of what was stored, and so in all made of it.

    Says whether a result changed by that, or a second opinion.
    """
    row, facts, hidden = heard.row, heard.facts, heard.hidden
    old_key, new_key = row.listening_key, _key(row.listening_key, settings)
    of_recording = {"recording_sha256": row.recording_sha256, "listening_key": old_key}
    if _is_there(session, row.recording_sha256, new_key) and old_key != new_key:
        # Listened to again since; what the older listening left goes on under its own key.
        new_key = old_key
    row.facts_json, row.listening_key = facts_to_json(hidden.facts), new_key
    session.execute(delete(OriginalRow).filter_by(**of_recording))
    if settings.keep_originals and any(heard.words):
        key = of_recording | {"listening_key": new_key}
        words = json.dumps(heard.words)
        session.add(OriginalRow(words_json=words, stored_at=utc_now(), **key))
    changed = False
    for opinion in session.scalars(select(OpinionRow).filter_by(**of_recording)):
        quoted = _requote(json.loads(opinion.opinion_json), facts, hidden, settings)
        told = json.dumps(quoted, ensure_ascii=False, separators=(",", ":"))
        changed = changed or told != opinion.opinion_json
        opinion.opinion_json, opinion.listening_key = told, new_key
    judged = (
        select(ResultRow, CallRow.id)
        .join(CallRow, ResultRow.call == CallRow.id)
        .where(CallRow.recording_sha256 == row.recording_sha256, ResultRow.listening_key == old_key)
        .where(has_words())
    )
    for result, call in session.execute(judged).tuples().all():
        lock(session, call)
        shown = _shown(session, result, facts, hidden, settings)
        changed = changed or shown != result.result_json
        result.result_json, result.listening_key = shown, new_key
        session.flush()
        refresh(session, call, scored=True)
    return changed


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


def _redact_comments(store: Store, settings: Settings, changes: Changes) -> None:
    """Of corrections and disputes: people may have typed anything."""
    with store.read() as session:
        numbers = session.scalars(select(ReviewRow.id)).all()
    for number in numbers:
        with store.write() as session:
            review = session.get(ReviewRow, number)
            if review is not None and session.get(LegalHoldRow, review.call) is None:
                comment = redact_text(review.comment, settings.redact)
                if comment != review.comment:
                    changes.comments += 1
                    changes.quoted = True
                    review.comment = comment


def _delete_moments(session: Session, calls: Select[tuple[int]], changes: Changes) -> set[int]:
    """The numbers of the sessions that they were of."""
    of_calls = CoachingMomentRow.call.in_(calls)
    sessions = session.scalars(select(CoachingMomentRow.session).where(of_calls)).all()
    changes.sessions |= set(sessions)
    changes.moments += len(sessions)
    session.execute(delete(CoachingMomentRow).where(of_calls))
    return set(sessions)


def _key(listening_key: str, settings: Settings) -> str:
    """The key under which facts are found that hide what the settings say."""
    before, _, _ = listening_key.partition(HIDES)
    return f"{before.rstrip()} {redaction_key(settings.redact, keep=settings.keep_originals)}"


def _is_there(session: Session, sha256: str, listening_key: str) -> bool:
    same = select(FactsRow.id).filter_by(recording_sha256=sha256, listening_key=listening_key)
    return session.scalar(same) is not None


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

"""How long what is kept: ages for recordings, words and whole calls; what is older is deleted.

A call's age counts from when it began; where nobody said, or that is in the future, from when it
was stored. Calls under legal hold are passed over.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, delete, func, or_, select, update
from sqlalchemy.orm import Session

from pipeline.coaching_tables import CoachingMomentRow
from pipeline.deletion import kept_files
from pipeline.deletion.forget import exports_since, finish, finish_all, new_receipt, notes_of
from pipeline.deletion.kept_files import FilesRemoved
from pipeline.deletion.receipts import Receipt, Unfinished, keep_receipt
from pipeline.deletion.removal import all_forgotten, remove_calls, remove_names, remove_words
from pipeline.deletion.traces import BY_RECORDING, Removed, trace
from pipeline.errors import SettingsError
from pipeline.forgotten import hold_off_storing
from pipeline.fulltext import has_words
from pipeline.legal_hold import list_holds
from pipeline.privacy_tables import LegalHoldRow
from pipeline.settings import LONGEST_KEPT_DAYS, Settings
from pipeline.store import Store
from pipeline.tables import CallRow, utc_now

NO_AGE = (
    "no age is set, so nothing is too old; set keep_audio_days, keep_transcripts_days or "
    "keep_scores_days, or give --older-than"
)
CHUNK = 200
"""Calls deleted at once: the review site waits that long, some tenths of a second."""
BREATHER_S = 0.1
"""Between two lots: those who wait for SQLite's one writer look so often whether it is free."""
_DAYS = {"d": 1, "w": 7, "y": 365}
_Remove = Callable[[Session, Sequence[CallRow], str], Removed]


@dataclass(frozen=True, slots=True)
class Ages:
    """Older ones are deleted; None: never. ``words`` are transcripts and what quotes them."""

    recordings: timedelta | None = None
    words: timedelta | None = None
    calls: timedelta | None = None

    @property
    def youngest(self) -> timedelta | None:
        given = [age for age in (self.recordings, self.words, self.calls) if age is not None]
        return min(given, default=None)


@dataclass(frozen=True, slots=True)
class Due:
    """How many calls have something that is too old, by what would be deleted."""

    recordings: int
    words: int
    calls: int
    held: int


def ages_of(settings: Settings) -> Ages:
    """The ages in force. Raises SettingsError where they contradict each other."""
    days = {
        "recordings": settings.keep_audio_days,
        "words": settings.keep_transcripts_days,
        "calls": settings.keep_scores_days,
    }
    ages = Ages(**{kind: None if d is None else timedelta(days=d) for kind, d in days.items()})
    if ages.recordings is not None and ages.calls is not None and ages.recordings > ages.calls:
        raise SettingsError(
            "keep_audio_days is longer than keep_scores_days: where a recording lies is known from "
            "its call alone; make it shorter"
        )
    return ages


def parse_age(text: str) -> timedelta:
    """An age such as ``90d``, ``12w`` or ``2y`` (365 days each). Raises SettingsError."""
    found = re.fullmatch(r"([1-9]\d{0,9})([dwy])", text.strip())
    if found is None:
        raise SettingsError(f"--older-than {text}: expected an age such as 90d, 12w or 2y")
    days = int(found[1]) * _DAYS[found[2]]
    if days > LONGEST_KEPT_DAYS:
        raise SettingsError(
            f"--older-than {text}: no call is so old; expected at most {LONGEST_KEPT_DAYS} days"
        )
    return timedelta(days=days)


def due(store: Store, ages: Ages, now: datetime) -> Due:
    """What a purge would delete."""
    with store.read() as session:

        def counted(age: timedelta | None, *where: ColumnElement[bool]) -> int:
            if age is None:
                return 0
            older = select(func.count()).select_from(CallRow).where(_older(now - age), *where)
            return session.scalar(older) or 0

        return Due(
            counted(ages.recordings, ~_held()),
            counted(ages.words, ~_held(), has_words()),
            counted(ages.calls, ~_held()),
            counted(ages.youngest, _held()),
        )


def purge_old(
    store: Store, settings: Settings, ages: Ages, person_name: str = "", now: datetime | None = None
) -> Receipt:
    """Deletes what is older than ``ages`` say, some calls at a time, and returns the receipt.

    First it goes on with deletions that were cut off. Decoded sound that nobody heard for a week
    goes too, and names that batches noted of what was forgotten. Where nothing went no receipt is
    stored.
    """
    finish_all(store, settings)
    now = now or utc_now()
    receipt = new_receipt(_why(ages), person_name)
    receipt.held = due(store, ages, now).held
    everything = Removed()
    if ages.recordings is not None:
        _purge_recordings(store, settings, now - ages.recordings, receipt)
    if ages.words is not None:
        where = (_older(now - ages.words), has_words())
        _purge_rows(store, where, remove_words, receipt, everything)
        _purge_unscored(store, now - ages.words, receipt)
    if ages.calls is not None:
        _purge_rows(store, (_older(now - ages.calls),), remove_calls, receipt, everything)
        _purge_unscored(store, now - ages.calls, receipt)
    _tidy(store, settings, receipt)
    if not +receipt.removed:
        return receipt
    with store.read() as session:
        if everything.since is not None:
            receipt.exports = exports_since(session, everything.since)
    if receipt.unfinished is None:
        receipt.unfinished = Unfinished()
    return finish(store, settings, receipt, notes_of(store, everything))


def _tidy(store: Store, settings: Settings, receipt: Receipt) -> None:
    """What came back of forgotten recordings by name, and sound that nobody hears any more."""
    with store.write() as session:
        receipt.removed += remove_names(session, all_forgotten(), receipt.id)
    done = FilesRemoved()
    kept_files.remove_unused_sound(settings, done)
    receipt.removed += done.counts
    receipt.left += done.failed


def _why(ages: Ages) -> str:
    given = {"recordings": ages.recordings, "words": ages.words, "calls": ages.calls}
    older = [f"{kind} older than {age.days} days" for kind, age in given.items() if age is not None]
    return f"purge: {', '.join(older) or 'no age is set'}"


def _older(than: datetime) -> ColumnElement[bool]:
    began = CallRow.started_at_utc
    known = began.is_not(None) & (began <= CallRow.stored_at)
    return case((known, began), else_=CallRow.stored_at) < than


def _held() -> ColumnElement[bool]:
    return CallRow.id.in_(select(LegalHoldRow.call))


def _not_held(session: Session, locked: Sequence[CallRow]) -> list[CallRow]:
    """A hold may have been set while we waited for its call."""
    held = {hold.call for hold in list_holds(session, [call.id for call in locked])}
    return [call for call in locked if call.id not in held]


def _purge_rows(
    store: Store,
    where: Sequence[ColumnElement[bool]],
    remove: _Remove,
    receipt: Receipt,
    everything: Removed,
) -> None:
    """Each lot is a transaction of its own, and so is what is noted of it on the receipt."""
    lot = select(CallRow).where(*where, ~_held()).order_by(CallRow.id).limit(CHUNK)
    while True:
        with store.write() as session:
            hold_off_storing(session)  # before any call is locked: who stores does so in that order
            calls = session.scalars(lot.with_for_update()).all()
            if not calls:
                return
            calls = _not_held(session, calls)
            if not calls:
                continue
            removed = remove(session, calls, receipt.id)
            receipt.removed += removed.counts
            receipt.unfinished = receipt.unfinished or Unfinished()
            everything.started_for |= removed.started_for
            everything.since = min(filter(None, (everything.since, removed.since)), default=None)
            removed.sources.clear()  # names; by content they are known as forgotten
            receipt.unfinished.add(removed)
            keep_receipt(session, receipt)
        time.sleep(BREATHER_S)


def _purge_unscored(store: Store, before: datetime, receipt: Receipt) -> None:
    """What was heard in recordings that never became calls."""
    with store.write() as session:
        for kind, table in BY_RECORDING.items():
            if not hasattr(table, "stored_at"):
                continue
            calls = select(CallRow.recording_sha256)
            orphaned = (table.stored_at < before) & table.recording_sha256.not_in(calls)
            gone = session.execute(delete(table).where(orphaned))
            receipt.removed[kind] += getattr(gone, "rowcount", 0)


def _purge_recordings(store: Store, settings: Settings, before: datetime, receipt: Receipt) -> None:
    """Recordings, decoded sound, clips and the coaching pages that hold them."""
    done = FilesRemoved()
    last = 0
    needed = select(CallRow.recording_sha256).where(or_(_held(), ~_older(before)))
    lot = select(CallRow).where(_older(before), ~_held(), CallRow.recording_sha256.not_in(needed))
    while True:
        with store.write() as session:
            of_lot = lot.where(CallRow.id > last).order_by(CallRow.id).limit(CHUNK)
            calls = session.scalars(of_lot.with_for_update()).all()
            if not calls:
                break
            last = calls[-1].id
            calls = _not_held(session, calls)
            if not calls:
                continue
            found = trace(session, calls)
            clips = update(CoachingMomentRow).where(
                CoachingMomentRow.call.in_([call.id for call in calls]),
                CoachingMomentRow.clip.is_not(None),
            )
            cut = session.execute(clips.values(clip=None))
            receipt.removed["clips"] += getattr(cut, "rowcount", 0)
        for sha256, sources in found.sources.items():
            with store.write() as session:
                # Who sets a hold waits, or we see it.
                same = select(CallRow).where(CallRow.recording_sha256 == sha256)
                rows = session.scalars(same.with_for_update()).all()
                if list_holds(session, [row.id for row in rows]):
                    continue
                kept_files.remove_recordings({sha256: sources}, done, with_sidecars=False)
                kept_files.remove_sound(kept_files.sound_of(settings, {sha256}), done)
        kept_files.remove_pages(settings, (), found.sessions, done)
    receipt.removed += done.counts
    receipt.left += [*done.left, *done.failed]

"""Forgetting a call: everything that was made of it goes, with a receipt, and a check afterwards.

The database is one transaction; then come the files. What is cut off between the two, or fails, is
gone on with by the next :func:`forget_call` or :func:`pipeline.deletion.retention.purge_old`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from secrets import token_hex

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.as_scored import found_at
from pipeline.deletion import kept_files
from pipeline.deletion.kept_files import FilesRemoved
from pipeline.deletion.nothing_left import bytes_left, rows_left
from pipeline.deletion.receipts import Receipt, Unfinished, keep_receipt, unfinished_receipts
from pipeline.deletion.removal import TABLES, remove_calls, remove_names
from pipeline.deletion.traces import SHORTEST_TELLING, Removed
from pipeline.forgotten import FORGET, hold_off_storing
from pipeline.legal_hold import HoldError, calls_named, list_holds
from pipeline.paths import SIDECAR_SUFFIX, is_address, printable
from pipeline.review_tables import AuditRow
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tables import CallRow, utc_now


def forget_call(
    store: Store,
    settings: Settings,
    call_id: str,
    *,
    recordings: bool = False,
    person_name: str = "",
) -> Receipt:
    """Deletes all that was made of the calls of an id, and returns the receipt.

    ``recordings``: the recordings go too, with the metadata beside them. Else they stay where they
    lie, and no batch scores them again.

    Raises
    ------
    HoldError
        No such call is stored, or one is under legal hold.
    """
    finish_all(store, settings)
    receipt = new_receipt(FORGET, person_name)
    try:
        with store.write() as session:
            hold_off_storing(session)
            calls = calls_named(session, call_id)
            held = list_holds(session, [call.id for call in calls])
            if held:
                raise HoldError(f"{held[0].told()}; lift it first (callscore lift)")
            removed = remove_calls(session, calls, receipt.id)
            receipt.removed += removed.counts
            receipt.exports = exports_since(session, removed.since)
            receipt.unfinished = Unfinished([call_id], recordings=recordings)
            receipt.unfinished.add(removed)
            keep_receipt(session, receipt)
    except HoldError:
        # On another host, or by hand, it may have been forgotten before: pages may be left here.
        pages = FilesRemoved()
        if not _is_stored(store, call_id) and len(call_id) >= SHORTEST_TELLING:
            pages = kept_files.remove_pages_naming(settings, call_id)
        if not +pages.counts:
            raise
        removed = Removed(pages.counts)
        receipt.removed += pages.counts
        receipt.unfinished = Unfinished([call_id])
    return finish(store, settings, receipt, notes_of(store, removed))


def finish_all(store: Store, settings: Settings) -> None:
    """Goes on with deletions that were cut off, or in which something failed."""
    with store.read() as session:
        waiting = unfinished_receipts(session)
    for receipt in waiting:
        finish(store, settings, receipt)


def finish(
    store: Store, settings: Settings, receipt: Receipt, notes: Sequence[str] = ()
) -> Receipt:
    """Deletes the files of a deletion, wipes the database, and checks that nothing is left.

    ``notes`` are more things that are left for people to delete.
    """
    todo = receipt.unfinished or Unfinished()
    receipt.left += notes
    done = FilesRemoved()
    own = _own(store, todo, receipt)
    kept_files.remove_pages(settings, todo.batches, todo.sessions, done)
    kept_files.remove_orphaned_sound(store, settings, done)
    if todo.recordings:
        kept_files.remove_recordings(own, done, with_sidecars=True)
    elif receipt.why == FORGET:
        kept_files.list_recordings(own, done)
    receipt.removed += done.counts
    receipt.left += done.left
    receipt.unfinished = Unfinished()  # without names, until all is wiped and checked
    with store.write() as session:
        receipt.removed += remove_names(session, list(own), receipt.id)
        keep_receipt(session, receipt)
    receipt.left += store.wipe(TABLES)
    known = {found_at(s).path for named in own.values() for s in named if not is_address(s)}
    known |= {path.with_suffix(SIDECAR_SUFFIX) for path in known}
    with store.read() as session:
        rows = rows_left(session, todo.call_ids, list(own))
        files = bytes_left(session, settings, todo.call_ids, known)
    failed = [*done.failed, *rows, *(f"{printable(p)}: the call's id stands in it" for p in files)]
    receipt.left += failed
    receipt.clean = not failed
    receipt.unfinished = replace(todo) if failed else None
    with store.write() as session:
        keep_receipt(session, receipt)
    return receipt


def new_receipt(why: str, person_name: str) -> Receipt:
    return Receipt(token_hex(8), utc_now(), why, person_name)


def notes_of(store: Store, removed: Removed) -> list[str]:
    """What nobody can delete from here."""
    notes = [
        f"Prefect's flow runs of batch {batch}, if any: their parameters name the recording"
        for batch in sorted(removed.started_for)
    ]
    if not store.name.startswith("sqlite"):
        notes.append("data_dir of other hosts (reports, decoded sound): run it there too")
    return notes


def exports_since(session: Session, since: datetime | None) -> list[str]:
    """Who exported what since then, as lines of a receipt."""
    exported = select(AuditRow).where(AuditRow.action == "export").order_by(AuditRow.id)
    if since is not None:
        exported = exported.where(AuditRow.at >= since)
    return [
        f"{row.at:%Y-%m-%d %H:%M} UTC, {row.person_name}: {row.what}"
        for row in session.scalars(exported)
    ]


def _own(store: Store, todo: Unfinished, receipt: Receipt) -> dict[str, list[str]]:
    """The recordings of which no other call is stored."""
    with store.read() as session:
        known = select(CallRow.recording_sha256).where(
            CallRow.recording_sha256.in_(list(todo.sources))
        )
        shared = set(session.scalars(known))
    if shared and receipt.why == FORGET:
        receipt.left.append("the recording: another stored call has the same")
    return {sha256: named for sha256, named in todo.sources.items() if sha256 not in shared}


def _is_stored(store: Store, call_id: str) -> bool:
    with store.read() as session:
        return session.scalar(select(CallRow.id).where(CallRow.call_id == call_id)) is not None

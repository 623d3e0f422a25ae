"""The check after a deletion: does anything still name the calls?

Rows are looked through in every table, column by column; then the bytes of all files in data_dir
and of an SQLite database. Sealed columns cannot be searched: what is in them went with its call.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import ColumnElement, String, Table, func, make_url, or_, select
from sqlalchemy.orm import Session

from pipeline.deletion.kept_files import files_with
from pipeline.deletion.traces import BY_RECORDING, SHORTEST_TELLING
from pipeline.encryption import SealedText
from pipeline.settings import Settings
from pipeline.tables import Base, CallRow


def rows_left(
    session: Session, call_ids: Collection[str], recordings: Collection[str]
) -> list[str]:
    """Tables that name calls by their ids, or hold what was made of recordings (by SHA-256)."""
    found = [
        f"table {table.__tablename__}"
        for table in BY_RECORDING.values()
        if _any(session, table.__table__, table.recording_sha256.in_(list(recordings)))
    ]
    for table in Base.metadata.sorted_tables:
        for column in _open_text(table):
            if any(_any(session, table, _names(column, call_id)) for call_id in call_ids):
                found.append(f"table {table.name}, column {column.name}")
    return found


def bytes_left(
    session: Session, settings: Settings, call_ids: Collection[str], known: Collection[Path]
) -> list[Path]:
    """Files in which ids of calls stand, but for those that are ``known``.

    Ids that are short, or parts of other calls' ids, are looked for in rows alone.
    """
    words = {
        form.encode()
        for call_id in call_ids
        if len(call_id) >= SHORTEST_TELLING and not _is_part_of_others(session, call_id)
        for form in (call_id, escape(call_id), quote(call_id), json.dumps(call_id)[1:-1])
    }
    if not words:
        return []
    address = make_url(settings.database_url)
    sqlite = address.get_backend_name() == "sqlite"
    database = Path(address.database or "").absolute() if sqlite else None
    return [path for path in files_with(settings, words, database) if path not in known]


def _open_text(table: Table) -> Iterator[ColumnElement[str]]:
    for column in table.columns:
        if isinstance(column.type, String) and not isinstance(column.type, SealedText):
            yield column


def _names(column: ColumnElement[str], call_id: str) -> ColumnElement[bool]:
    if len(call_id) < SHORTEST_TELLING:
        return column == call_id
    return or_(*(column.contains(form, autoescape=True) for form in {call_id, quote(call_id)}))


def _any(session: Session, table: object, condition: ColumnElement[bool]) -> bool:
    counted = select(func.count()).select_from(table).where(condition)  # type: ignore[arg-type]
    return bool(session.scalar(counted))


def _is_part_of_others(session: Session, call_id: str) -> bool:
    others: Sequence[str] = session.scalars(
        select(CallRow.call_id).where(CallRow.call_id.contains(call_id, autoescape=True)).limit(1)
    ).all()
    return bool(others)

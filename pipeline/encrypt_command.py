"""``callscore encrypt``: seals what is stored with the newest key, or opens it for good.

Row by row, while others read and write; cut off, it goes on where it is started again.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import LargeBinary, Table, Text, and_, select, type_coerce, update
from sqlalchemy.orm import Session

from pipeline import coaching_tables, review_tables  # noqa: F401 - their tables count too
from pipeline.encryption import SealedBytes, SealedText, in_plain, open_sealed
from pipeline.errors import SettingsError
from pipeline.fulltext import has_words, index_words
from pipeline.privacy_tables import SealRow
from pipeline.report import delete_reports
from pipeline.review_tables import StandingRow
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tables import Base, CallRow, ResultRow
from pipeline.wording import counted

AT_ONCE = 200
"""Rows changed in one transaction: a result of an hour's call is half a megabyte."""


def encrypt_stored(settings: Settings, say: Callable[[str], None], *, off: bool = False) -> None:
    """Seals all that holds words of calls with the first key; ``off``: stores it in plain again.

    Raises SettingsError without a key.
    """
    with Store.of(settings, switching=True) as store:
        if store.keys is None:
            raise SettingsError(
                "encryption_key: not set; callscore encrypt --new-key prints one to set"
            )
        # First, so that nobody goes on as it was.
        store.mark_sealed(sealing=not off)
        changed, touched = 0, ["call_words"]
        for table, columns in sealed_columns():
            touched.append(table.name)
            if table is not SealRow.__table__:
                changed += _change(store, table, columns, off=off)
        _index(store, off=off)
        if off:
            # Last: until then nobody gets in who cannot read what is still sealed.
            with store.write() as session:
                session.get_one(SealRow, 1).probe = ""
        for place in store.wipe(tuple(touched)):
            say(f"May still hold what was stored before: {place}")
    reports = 0 if off else delete_reports(settings)
    if reports:
        say(f"Deleted, because of what they quoted: {counted(reports, 'report')}.")
    rows = counted(changed, "row")
    if off:
        say(f"{rows} put in plain again. The key can go from the settings now.")
    else:
        say(f"{rows} newly sealed. Who has not this key yet cannot store anything now.")


def sealed_columns() -> Iterator[tuple[Table, list[str]]]:
    """The tables with words of calls, and the columns in which they are."""
    for table in Base.metadata.sorted_tables:
        names = [c.name for c in table.columns if isinstance(c.type, SealedText | SealedBytes)]
        if names:
            yield table, names


def _change(store: Store, table: Table, columns: list[str], *, off: bool) -> int:
    keys = list(table.primary_key.columns)
    with store.read() as session:
        rows = [tuple(row) for row in session.execute(select(*keys).order_by(*keys))]
    changed = 0
    for start in range(0, len(rows), AT_ONCE):
        with store.write() as session:
            for row in rows[start : start + AT_ONCE]:
                this = and_(*(key == value for key, value in zip(keys, row, strict=True)))
                changed += _change_row(session, store, table, columns, this, off=off)
    return changed


def _change_row(
    session: Session, store: Store, table: Table, columns: list[str], this: Any, *, off: bool
) -> bool:
    raw = {name: type_coerce(table.c[name], _plain_type(table, name)) for name in columns}
    row = session.execute(select(*raw.values()).where(this).with_for_update()).first()
    if row is None:  # deleted meanwhile
        return False
    values = {}
    for (name, plain), value in zip(raw.items(), row, strict=True):
        if value is None:
            continue
        stored = value.encode() if isinstance(value, str) else bytes(value)
        assert store.keys is not None
        opened = in_plain(open_sealed(stored, store.keys)) if off else None
        now = store.keys.seal_anew(stored) if opened is None else opened
        if now != stored:
            new = now.decode() if isinstance(value, str) else now
            values[name] = type_coerce(new, plain.type)
    if values:
        session.execute(update(table).where(this).values(values))
    return bool(values)


def _index(store: Store, *, off: bool) -> None:
    """Empties the full-text index, or fills it again."""
    with store.read() as session:
        kept = (
            select(StandingRow.call, StandingRow.result)
            .join(CallRow, CallRow.id == StandingRow.call)
            .where(has_words())  # those whose words were deleted have none
        )
        standing = session.execute(kept).tuples().all()
    for start in range(0, len(standing), AT_ONCE):
        with store.write() as session:
            for call, result in standing[start : start + AT_ONCE]:
                row = session.get(ResultRow, result)
                if row is not None:
                    turns = json.loads(row.result_json)["turns"] if off else ()
                    index_words(session, call, [turn["text"] for turn in turns])


def _plain_type(table: Table, name: str) -> Any:
    return Text() if isinstance(table.c[name].type, SealedText) else LargeBinary()

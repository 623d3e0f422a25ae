"""Receipts of deletions: what was removed, by kind and number. A stored one never says whose.

Until a deletion is finished, its receipt also holds where the rest of it lies, so that what was cut
off in the middle goes on: the next deletion does that first.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.deletion.traces import Removed
from pipeline.privacy_tables import ReceiptRow

MOST_LISTED = 50
"""Lines of one kind on a printed receipt; of more, the number is told."""


@dataclass(slots=True)
class Unfinished:
    """What is still to be done of a deletion: by name, so it is kept only until it is done.

    ``recordings`` says whether the recordings themselves go, and what lies beside them.
    """

    call_ids: list[str] = field(default_factory=list)
    sources: dict[str, list[str]] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    sessions: list[int] = field(default_factory=list)
    recordings: bool = False

    def add(self, removed: Removed) -> None:
        for sha256, sources in removed.sources.items():
            self.sources[sha256] = sorted({*self.sources.get(sha256, ()), *sources})
        self.batches = sorted({*self.batches, *removed.batches})
        self.sessions = sorted({*self.sessions, *removed.sessions})


@dataclass(slots=True)
class Receipt:
    """What a deletion removed, and what is left for people to delete.

    ``left`` and ``exports`` name names: they are printed, and not stored. ``clean`` says whether
    the check found nothing; None: not checked yet.
    """

    id: str
    at: datetime
    why: str
    person_name: str
    removed: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)
    exports: list[str] = field(default_factory=list)
    held: int = 0
    """Calls under legal hold that were passed over."""
    clean: bool | None = None
    unfinished: Unfinished | None = None

    @classmethod
    def of(cls, row: ReceiptRow) -> Self:
        known: dict[str, Any] = json.loads(row.removed_json)
        unfinished = known.get("unfinished")
        return cls(
            row.id,
            row.at,
            row.why,
            row.person_name,
            removed=Counter(known["removed"]),
            held=known["held"],
            clean=known["clean"],
            unfinished=None if unfinished is None else Unfinished(**unfinished),
        )


def keep_receipt(session: Session, receipt: Receipt) -> None:
    """Stores a receipt, in place of what was stored of it before."""
    known: dict[str, Any] = {
        "removed": dict(+receipt.removed),
        "held": receipt.held,
        "clean": receipt.clean,
    }
    if receipt.unfinished is not None:
        known["unfinished"] = {
            name: getattr(receipt.unfinished, name) for name in Unfinished.__dataclass_fields__
        }
    session.merge(
        ReceiptRow(
            id=receipt.id,
            at=receipt.at,
            why=receipt.why,
            person_name=receipt.person_name,
            removed_json=json.dumps(known),
        )
    )


def list_receipts(session: Session, limit: int = 100) -> list[Receipt]:
    """The newest first."""
    rows = session.scalars(select(ReceiptRow).order_by(ReceiptRow.at.desc()).limit(limit))
    return [Receipt.of(row) for row in rows]


def unfinished_receipts(session: Session) -> list[Receipt]:
    """Of deletions that are not finished, the oldest first."""
    rows = select(ReceiptRow).where(ReceiptRow.removed_json.like('%"unfinished"%'))
    return [Receipt.of(row) for row in session.scalars(rows.order_by(ReceiptRow.at))]


def receipt_lines(receipt: Receipt, of: str) -> list[str]:
    """A receipt as it is printed; ``of``: what was deleted, in words."""
    lines = [f"Receipt {receipt.id}, {receipt.at:%Y-%m-%d %H:%M} UTC: {of}"]
    counted = [f"{kind}: {count}" for kind, count in (+receipt.removed).items()]
    lines.append(f"Removed – {'; '.join(counted)}." if counted else "Nothing was removed.")
    if receipt.removed["coaching pages"]:
        lines.append("Coaching pages went whole; what they showed of other calls is still stored.")
    if receipt.held:
        lines.append(f"Passed over, under legal hold – calls: {receipt.held}.")
    lines += _listed("Left, for you to delete:", receipt.left)
    lines += _listed("Exported since, so ask who did for the files:", receipt.exports)
    if receipt.clean:
        lines.append("Checked: nothing else of it is left in the database and in data_dir.")
    elif receipt.clean is not None:
        lines.append("Not all of it could be removed; callscore purge tries again.")
    return lines


def _listed(heading: str, items: Sequence[str]) -> list[str]:
    if not items:
        return []
    shown = [f"  {item}" for item in items[:MOST_LISTED]]
    if len(items) > MOST_LISTED:
        shown.append(f"  and {len(items) - MOST_LISTED} more")
    return [heading, *shown]

"""Full-text search in the words of calls: FTS5 in SQLite, ``tsvector`` in PostgreSQL.

The table ``call_words`` holds the words of each call's newest result; migrations make it. Where
stored words are encrypted it holds none: an index of words is as good as the words.
"""

import re
from collections.abc import Collection, Iterable

from sqlalchemy import Boolean, ColumnElement, Integer, column, literal_column, text
from sqlalchemy.orm import Session

from pipeline.encryption import seals
from pipeline.errors import SettingsError
from pipeline.review_tables import StandingRow

_TERM = re.compile(r'"([^"]+)"|(\S+)')


def keep_words(session: Session, call: int, spoken: Iterable[str]) -> None:
    """Stores the words of a call in place of those stored before; none where they are encrypted."""
    index_words(session, call, () if seals(session) else spoken)


def index_words(session: Session, call: int, spoken: Iterable[str]) -> None:
    """The same, whether words are encrypted or not."""
    forget_words(session, call)
    session.execute(
        text("INSERT INTO call_words (rowid, words) VALUES (:call, :words)"),
        {"call": call, "words": "\n".join(spoken)},
    )


def forget_words(session: Session, call: int) -> None:
    forget_all_words(session, [call])


def forget_all_words(session: Session, calls: Collection[int]) -> None:
    """Deletes the words of calls from the index."""
    numbers = [{"call": call} for call in calls]
    if numbers:
        session.execute(text("DELETE FROM call_words WHERE rowid = :call"), numbers)


def has_words() -> ColumnElement[bool]:
    """Whether the words of a call are stored, for a query over ``calls``."""
    inside = "EXISTS (SELECT 1 FROM call_words WHERE call_words.rowid = calls.id)"
    return literal_column(inside, Boolean)


def terms(query: str) -> list[str]:
    """The words and the "quoted phrases" of a query."""
    found = (phrase or word for phrase, word in _TERM.findall(query))
    return [term for term in found if re.search(r"\w", term)]


def matches(session: Session, query: str) -> ColumnElement[bool]:
    """Whether all terms of a query were said in a call, in any order; inflections count.

    Raises SettingsError where words are encrypted.
    """
    if seals(session):
        raise SettingsError(
            "words cannot be looked for: what is stored is encrypted (encryption_key); search by "
            "agent, date, flag or answer"
        )
    if session.get_bind().dialect.name == "sqlite":
        # Quoted, so that nothing in it is taken for FTS5's own language.
        wanted = " ".join('"{}"'.format(term.replace('"', " ")) for term in terms(query))
        inside = "SELECT rowid FROM call_words WHERE call_words MATCH :wanted"
    else:
        wanted = " ".join(f'"{term}"' for term in terms(query))
        inside = (
            "SELECT rowid FROM call_words WHERE found @@ websearch_to_tsquery('english', :wanted)"
        )
    matching = text(inside).bindparams(wanted=wanted).columns(column("rowid", Integer))
    return StandingRow.call.in_(matching)

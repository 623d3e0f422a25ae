"""Full-text search in the words of calls: FTS5 in SQLite, ``tsvector`` in PostgreSQL.

The table ``call_words`` holds the words of each call's newest result; migrations make it.
"""

import re
from collections.abc import Iterable

from sqlalchemy import ColumnElement, Integer, column, text
from sqlalchemy.orm import Session

from pipeline.review_tables import StandingRow

_TERM = re.compile(r'"([^"]+)"|(\S+)')


def keep_words(session: Session, call: int, spoken: Iterable[str]) -> None:
    """Stores the words of a call in place of those stored before."""
    forget_words(session, call)
    session.execute(
        text("INSERT INTO call_words (rowid, words) VALUES (:call, :words)"),
        {"call": call, "words": "\n".join(spoken)},
    )


def forget_words(session: Session, call: int) -> None:
    session.execute(text("DELETE FROM call_words WHERE rowid = :call"), {"call": call})


def terms(query: str) -> list[str]:
    """The words and the "quoted phrases" of a query."""
    found = (phrase or word for phrase, word in _TERM.findall(query))
    return [term for term in found if re.search(r"\w", term)]


def matches(session: Session, query: str) -> ColumnElement[bool]:
    """Whether all terms of a query were said in a call, in any order; inflections count."""
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

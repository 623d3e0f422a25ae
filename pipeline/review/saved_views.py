"""Searches that people want to find again; each sees their own."""

from collections.abc import Sequence

from sqlalchemy import delete, select

from pipeline.review.people import Person
from pipeline.review_tables import SavedViewRow
from pipeline.store import Store


def list_views(store: Store, person: Person) -> Sequence[SavedViewRow]:
    mine = select(SavedViewRow).where(SavedViewRow.person == person.id).order_by(SavedViewRow.name)
    with store.read() as session:
        return session.scalars(mine).all()


def save_view(store: Store, person: Person, name: str, query: str) -> None:
    """``query``: the parameters of the search; one of the same name is replaced."""
    with store.write() as session:
        same = (SavedViewRow.person == person.id) & (SavedViewRow.name == name)
        session.execute(delete(SavedViewRow).where(same))
        session.add(SavedViewRow(person=person.id, name=name, query=query))


def remove_view(store: Store, person: Person, number: int) -> bool:
    """Whether there was such a view of theirs."""
    mine = (SavedViewRow.id == number) & (SavedViewRow.person == person.id)
    with store.write() as session:
        gone = session.execute(delete(SavedViewRow).where(mine).returning(SavedViewRow.id))
        return gone.first() is not None

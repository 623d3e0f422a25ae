"""Legal holds: calls that nothing may delete until the hold is lifted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pipeline.errors import PermanentError
from pipeline.privacy_tables import LegalHoldRow
from pipeline.tables import CallRow, utc_now

LONGEST_REASON = 500  # characters


class HoldError(PermanentError):
    """A call is under legal hold, or is not, or is not there; the message says which."""


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A call that is held; ``person_name`` is empty where it was done from the command line."""

    call: int
    call_id: str
    reason: str
    person_name: str
    at: datetime

    def told(self) -> str:
        """For messages: since when it is held, and why."""
        return f"{self.call_id}: under legal hold since {self.at:%Y-%m-%d} ({self.reason})"


def hold_calls(session: Session, calls: Collection[int], reason: str, person_name: str) -> None:
    """Holds calls, by their numbers.

    Raises HoldError where all are held already (the first reason stands: lift that hold to give
    another), where there is no reason, or one that is too long.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise HoldError("say why, in a few words: who lifts the hold will want to know")
    if len(reason) > LONGEST_REASON:
        raise HoldError(f"the reason is longer than {LONGEST_REASON} characters; shorten it")
    standing = list_holds(session, calls)
    held = {hold.call for hold in standing}
    if held and held >= set(calls):
        raise HoldError(
            f"{standing[0].told()}; that reason stands: to give another, lift the hold first"
        )
    for call in sorted(set(calls) - held):
        session.add(LegalHoldRow(call=call, reason=reason, person_name=person_name, at=utc_now()))


def lift_holds(session: Session, calls: Collection[int]) -> None:
    """Lets calls, by their numbers, be deleted again. Raises HoldError where none was held."""
    lifted = delete(LegalHoldRow).where(LegalHoldRow.call.in_(calls)).returning(LegalHoldRow.call)
    if not session.scalars(lifted).all():
        raise HoldError("there is no legal hold on this call")


def list_holds(session: Session, calls: Collection[int] | None = None) -> list[LegalHold]:
    """The holds, of these calls or of all, the newest first."""
    held = select(LegalHoldRow, CallRow.call_id).join(CallRow, CallRow.id == LegalHoldRow.call)
    if calls is not None:
        held = held.where(LegalHoldRow.call.in_(calls))
    rows = session.execute(held.order_by(LegalHoldRow.at.desc(), LegalHoldRow.call.desc()))
    return [
        LegalHold(row.call, call_id, row.reason, row.person_name, row.at)
        for row, call_id in rows.tuples()
    ]


def calls_named(session: Session, call_id: str) -> Sequence[CallRow]:
    """All calls of an id: several recordings may bear the same. Raises HoldError: there is none.

    Nobody else writes about them until the transaction ends.
    """
    named = select(CallRow).where(CallRow.call_id == call_id).order_by(CallRow.id)
    found = session.scalars(named.with_for_update()).all()
    if not found:
        raise HoldError(f"{call_id}: no call of this id is stored; see callscore outcomes")
    return found

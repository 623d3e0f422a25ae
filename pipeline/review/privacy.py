"""What administrators do for privacy: legal holds, forgetting calls, the receipts."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.deletion.forget import forget_call
from pipeline.deletion.receipts import Receipt, list_receipts, receipt_lines
from pipeline.deletion.retention import Ages, ages_of
from pipeline.errors import PermanentError, SettingsError
from pipeline.legal_hold import LegalHold, calls_named, hold_calls, lift_holds, list_holds
from pipeline.review import audit
from pipeline.review.access import find_call
from pipeline.review.people import Person
from pipeline.review.site import Site


class ConfirmationError(PermanentError):
    """What was typed is not the id of the call."""


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is in force: ages (None: the settings contradict each other), holds, receipts."""

    ages: Ages | None
    holds: Sequence[LegalHold]
    receipts: Sequence[Receipt]


@dataclass(frozen=True, slots=True)
class ForgottenCall:
    """The receipt of a deletion, and its lines for who asked for it: they name names."""

    receipt: Receipt
    lines: Sequence[str]


def in_force(site: Site) -> Privacy:
    with site.store.read() as session:
        holds, receipts = list_holds(session), list_receipts(session)
    try:
        ages = ages_of(site.settings)
    except SettingsError:
        ages = None
    return Privacy(ages, holds, receipts)


def hold(site: Site, person: Person, number: int, reason: str) -> None:
    """Puts all calls of the same id under legal hold. Raises 404 or HoldError."""
    with site.store.write() as session:
        call_id = find_call(session, number, person).call_id
        calls = [call.id for call in calls_named(session, call_id)]
        hold_calls(session, calls, reason, person.name)
        audit.add(session, person, "change", "set a legal hold", call_id)


def lift(site: Site, person: Person, number: int) -> None:
    """Lifts the legal hold on all calls of the same id. Raises 404 or HoldError."""
    with site.store.write() as session:
        call_id = find_call(session, number, person).call_id
        lift_holds(session, [call.id for call in calls_named(session, call_id)])
        audit.add(session, person, "change", "lifted a legal hold", call_id)


def forget(
    site: Site, person: Person, number: int, confirm: str, *, recordings: bool
) -> ForgottenCall:
    """Deletes all that was made of the calls of the same id; ``confirm`` repeats the id.

    Raises 404, HoldError where a call is held, ConfirmationError.
    """
    with site.store.read() as session:
        call_id = find_call(session, number, person).call_id
    if confirm.strip() != call_id:
        raise ConfirmationError("type the id of the call, letter by letter: nothing was deleted")
    receipt = forget_call(
        site.store, site.settings, call_id, recordings=recordings, person_name=person.name
    )
    audit.note(site.store, person, "change", f"forgot a call: receipt {receipt.id}")
    return ForgottenCall(receipt, receipt_lines(receipt, f"call {call_id} is forgotten"))

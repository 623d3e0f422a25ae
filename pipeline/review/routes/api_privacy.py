"""The API for administrators: legal holds, forgetting calls, receipts."""

from fastapi import APIRouter, Request

from pipeline.review import privacy
from pipeline.review.access import Manager
from pipeline.review.pages import site_of
from pipeline.review.routes.api import Number
from pipeline.review.routes.privacy_forms import (
    ForgetBody,
    ForgottenForm,
    HoldBody,
    PrivacyForm,
    ReceiptForm,
)

router = APIRouter(prefix="/api", tags=["privacy"])


@router.get("/privacy")
def show_privacy(request: Request, _: Manager) -> PrivacyForm:
    """The ages in force, the calls under legal hold, and the newest receipts."""
    return PrivacyForm.of(privacy.in_force(site_of(request)))


@router.post("/calls/{number}/hold", status_code=204)
def hold_call(request: Request, person: Manager, number: Number, body: HoldBody) -> None:
    """Nothing deletes the calls of this id until the hold is lifted."""
    privacy.hold(site_of(request), person, number, body.reason)


@router.post("/calls/{number}/lift", status_code=204)
def lift_hold(request: Request, person: Manager, number: Number) -> None:
    privacy.lift(site_of(request), person, number)


@router.post("/calls/{number}/forget")
def forget_call(
    request: Request, person: Manager, number: Number, body: ForgetBody
) -> ForgottenForm:
    """Deletes all that was made of the calls of this id, and checks that nothing is left."""
    found = privacy.forget(
        site_of(request), person, number, body.confirm, recordings=body.recordings
    )
    return ForgottenForm(receipt=ReceiptForm.of(found.receipt), lines=tuple(found.lines))

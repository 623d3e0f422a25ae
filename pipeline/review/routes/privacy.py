"""For administrators: legal holds, forgetting calls, receipts, and how long what is kept."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from pipeline.legal_hold import LONGEST_REASON
from pipeline.review import privacy
from pipeline.review.access import Manager
from pipeline.review.pages import back_to, render, site_of

router = APIRouter(include_in_schema=False)

Reason = Annotated[str, Form(max_length=4 * LONGEST_REASON)]
CallId = Annotated[str, Form(max_length=1000)]


@router.get("/privacy")
def show_privacy(request: Request, _: Manager) -> Response:
    return render(request, "privacy.html", shown=privacy.in_force(site_of(request)), forgotten=None)


@router.post("/calls/{number}/hold")
def hold_call(request: Request, person: Manager, number: int, reason: Reason) -> Response:
    privacy.hold(site_of(request), person, number, reason)
    return back_to(request, f"/calls/{number}", "This call is under legal hold.")


@router.post("/calls/{number}/lift")
def lift_hold(request: Request, person: Manager, number: int) -> Response:
    privacy.lift(site_of(request), person, number)
    return back_to(request, f"/calls/{number}", "The legal hold is lifted.")


@router.post("/calls/{number}/forget")
def forget_call(
    request: Request,
    person: Manager,
    number: int,
    confirm: CallId,
    recordings: Annotated[bool, Form()] = False,
) -> Response:
    """Shows the receipt with its names this once: what is stored of it has none."""
    site = site_of(request)
    forgotten = privacy.forget(site, person, number, confirm, recordings=recordings)
    shown = privacy.in_force(site)
    return render(request, "privacy.html", shown=shown, forgotten=forgotten)

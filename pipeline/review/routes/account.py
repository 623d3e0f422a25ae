"""One's own password and the keys of one's programs."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request, Response

from pipeline.coaching.sessions import consent_of
from pipeline.review import audit
from pipeline.review.access import PERMISSIONS, InPerson, may
from pipeline.review.pages import asker, back_to, render, site_of
from pipeline.review.people import (
    AccountError,
    Person,
    change_password,
    list_tokens,
    make_token,
    revoke_token,
)
from pipeline.review.routes.signin import Password, begin_session

router = APIRouter(include_in_schema=False)

LONGEST_TOKEN_DAYS = 365


@router.get("/account")
def show_account(request: Request, person: InPerson) -> Response:
    return _account(request, person)


@router.post("/account/password")
def new_password(request: Request, person: InPerson, old: Password, new: Password) -> Response:
    site = site_of(request)
    if not site.may_try(person.name, asker(request)):
        raise HTTPException(429, "Too many tries; wait a minute.")
    try:
        changed = change_password(site.store, person, old, new)
    except AccountError as error:
        return _account(request, person, 400, problem=str(error))
    begin_session(request, changed)
    audit.note(site.store, person, "change", "own password")
    return back_to(request, "/account", "Your password is changed; other sessions have ended.")


@router.post("/account/tokens")
def new_token(
    request: Request,
    person: InPerson,
    label: Annotated[str, Form(min_length=1, max_length=100)],
    scopes: Annotated[list[str] | None, Form()] = None,
    days: Annotated[int, Form(ge=1, le=LONGEST_TOKEN_DAYS)] = 90,
) -> Response:
    """The key is shown on this one page."""
    site = site_of(request)
    allowed = [scope for scope in PERMISSIONS if scope in (scopes or ()) and may(person, scope)]
    if not allowed:
        return _account(request, person, 400, problem="choose at least one thing it may do")
    number, key = make_token(site.store, person, label, allowed, days)
    audit.note(site.store, person, "change", f"made key {number} for {' '.join(allowed)}")
    return _account(request, person, key=key)


@router.post("/account/tokens/{number}/revoke")
def end_token(request: Request, person: InPerson, number: int) -> Response:
    site = site_of(request)
    if not revoke_token(site.store, person, number):
        raise HTTPException(404, "There is no such key of yours.")
    audit.note(site.store, person, "change", f"revoked key {number}")
    return back_to(request, "/account", "The key is revoked.")


def _account(
    request: Request,
    person: Person,
    status: int = 200,
    problem: str | None = None,
    key: str | None = None,
) -> Response:
    consents = None
    if person.agent_id is not None:
        with site_of(request).store.read() as session:
            consents = consent_of(session, person.agent_id)
    return render(
        request,
        "account.html",
        status,
        problem=problem,
        key=key,
        tokens=list_tokens(site_of(request).store, person),
        consents=consents,
        beeps=bool(site_of(request).settings.redact),
        scopes=[scope for scope in PERMISSIONS if may(person, scope)],
    )

"""For administrators: accounts and the audit log."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Query, Request, Response

from pipeline.review import audit
from pipeline.review.access import LARGEST_NUMBER, Manager
from pipeline.review.pages import back_to, render, site_of
from pipeline.review.people import (
    ROLES,
    AccountError,
    Person,
    Role,
    add_person,
    change_person,
    find_person,
    invite,
    list_people,
)
from pipeline.review.routes.signin import home

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=1000)]
Before = Annotated[int | None, Query(ge=1, le=LARGEST_NUMBER)]


@router.get("/people")
def show_people(request: Request, _: Manager) -> Response:
    return _people(request)


@router.post("/people")
def new_person(
    request: Request,
    person: Manager,
    name: Text,
    role: Annotated[Role, Form()],
    teams: Text = "",
    agent_id: Text = "",
) -> Response:
    site = site_of(request)
    try:
        added = add_person(site.store, name, role, _lines(teams), agent_id.strip() or None)
    except AccountError as error:
        return _people(request, 400, problem=str(error))
    audit.note(site.store, person, "change", f"added account {added.id} ({role})")
    return _people(request, invited=added, code=invite(site.store, added.id))


@router.post("/people/{number}")
def edit_person(
    request: Request,
    person: Manager,
    number: int,
    role: Annotated[Role, Form()],
    teams: Text = "",
    agent_id: Text = "",
    active: Annotated[bool, Form()] = False,
) -> Response:
    site = site_of(request)
    known_person(request, number)
    try:
        change_person(
            site.store, number, role, _lines(teams), agent_id.strip() or None, active=active
        )
    except AccountError as error:
        return _people(request, 400, problem=str(error))
    audit.note(site.store, person, "change", f"changed account {number} ({role}, {active=})")
    return back_to(request, "/people", "Saved.")


@router.post("/people/{number}/invite")
def invite_again(request: Request, person: Manager, number: int) -> Response:
    """For somebody who lost the first invitation, or the password."""
    site = site_of(request)
    invited = known_person(request, number)
    audit.note(site.store, person, "change", f"invited account {number}")
    return _people(request, invited=invited, code=invite(site.store, number))


@router.get("/audit")
def show_audit(request: Request, _: Manager, before: Before = None, call_id: str = "") -> Response:
    log = audit.read_log(site_of(request).store, before, call_id or None)
    return render(request, "audit.html", log=log, call_id=call_id)


def _people(
    request: Request,
    status: int = 200,
    problem: str | None = None,
    invited: Person | None = None,
    code: str | None = None,
) -> Response:
    site = site_of(request)
    return render(
        request,
        "people.html",
        status,
        people=list_people(site.store),
        roles=ROLES,
        problem=problem,
        invited=invited,
        link=invitation_link(request, code) if code else None,
    )


def invitation_link(request: Request, code: str) -> str:
    """Where an invitation is used. The code stands behind the ``#``: no server's log will hold it.

    Under the site's own address where it is set: what a browser calls us may be made up.
    """
    return f"{home(request)}/welcome#{code}"


def known_person(request: Request, number: int) -> Person:
    person = find_person(site_of(request).store, number)
    if person is None:
        raise HTTPException(404, "There is no such account.")
    return person


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]

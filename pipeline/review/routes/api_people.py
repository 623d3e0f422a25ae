"""The API for administrators: accounts and the audit log."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from pipeline.review import audit
from pipeline.review.access import LARGEST_NUMBER, Manager
from pipeline.review.pages import site_of
from pipeline.review.people import Person, add_person, change_person, invite, list_people
from pipeline.review.routes.api import Number
from pipeline.review.routes.api_forms import (
    AuditForm,
    ChangedPerson,
    Invited,
    NewPerson,
    PersonForm,
)
from pipeline.review.routes.manage import invitation_link, known_person

router = APIRouter(prefix="/api", tags=["people"])

MOST_ENTRIES = 1000


@router.get("/people")
def show_people(request: Request, _: Manager) -> list[PersonForm]:
    return [PersonForm.model_validate(found) for found in list_people(site_of(request).store)]


@router.post("/people")
def new_person(request: Request, person: Manager, body: NewPerson) -> Invited:
    """A new account, and the invitation with which its owner chooses a password."""
    store = site_of(request).store
    added = add_person(store, body.name, body.role, body.teams, body.agent_id)
    audit.note(store, person, "change", f"added account {added.id} ({body.role})")
    return _invited(request, added)


@router.put("/people/{number}")
def edit_person(
    request: Request, person: Manager, number: Number, body: ChangedPerson
) -> PersonForm:
    """Changes what somebody may do; their sessions end."""
    store = site_of(request).store
    known_person(request, number)
    changed = change_person(store, number, body.role, body.teams, body.agent_id, active=body.active)
    said = f"changed account {number} ({body.role}, active={body.active})"
    audit.note(store, person, "change", said)
    return PersonForm.model_validate(changed)


@router.post("/people/{number}/invitation")
def invite_again(request: Request, person: Manager, number: Number) -> Invited:
    """For somebody who lost the first invitation, or the password."""
    invited = known_person(request, number)
    audit.note(site_of(request).store, person, "change", f"invited account {number}")
    return _invited(request, invited)


@router.get("/audit")
def show_audit(
    request: Request,
    _: Manager,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_NUMBER)] = None,
    call_id: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 100,
) -> list[AuditForm]:
    """The newest entries first; go on with ``before`` the number of the last one."""
    log = audit.read_log(site_of(request).store, before, call_id or None, limit)
    return [AuditForm.model_validate(entry) for entry in log]


def _invited(request: Request, person: Person) -> Invited:
    code = invite(site_of(request).store, person.id)
    return Invited(
        person=PersonForm.model_validate(person), code=code, link=invitation_link(request, code)
    )

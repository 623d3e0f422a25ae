"""Signing in and out, and using an invitation."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from pipeline.errors import SettingsError
from pipeline.review import audit
from pipeline.review.access import Viewer, Visitor
from pipeline.review.pages import back_to, render, site_of
from pipeline.review.people import LONGEST_PASSWORD, Person, accept, check_sign_in

router = APIRouter(include_in_schema=False)

Name = Annotated[str, Form(max_length=100)]
Password = Annotated[str, Form(max_length=LONGEST_PASSWORD * 4)]


@router.get("/sign-in")
def show_sign_in(request: Request, person: Visitor, then: str = "/") -> Response:
    if person is not None:
        return RedirectResponse(_inside(then), 303)
    return render(request, "sign_in.html", then=then, name="", problem=None)


@router.post("/sign-in")
def sign_in(
    request: Request,
    _: Visitor,
    name: Name,
    password: Password,
    then: Annotated[str, Form()] = "/",
) -> Response:
    site = site_of(request)
    problem, status = "Name or password is not right.", 401
    person = None
    if not site.may_try(name.strip(), request.client.host if request.client else ""):
        problem, status = "Too many tries; wait a minute.", 429
    else:
        person = check_sign_in(site.store, name, password)
    if person is None:
        audit.note(site.store, None, "failed sign in", name.strip()[:100])
        return render(request, "sign_in.html", status, then=then, name=name, problem=problem)
    begin_session(request, person)
    audit.note(site.store, person, "sign in", "password")
    return RedirectResponse(_inside(then), 303)


@router.post("/sign-out")
def sign_out(request: Request, person: Viewer) -> Response:
    audit.note(site_of(request).store, person, "sign out", "")
    request.session.clear()
    return RedirectResponse("/sign-in", 303)


@router.get("/welcome")
def show_welcome(request: Request, _: Visitor) -> Response:
    """The code of the invitation is behind the ``#``: browsers send that to nobody."""
    return render(request, "welcome.html", problem=None, code="", name="")


@router.post("/welcome")
def welcome(
    request: Request,
    _: Visitor,
    code: Annotated[str, Form(max_length=100)],
    password: Password,
    name: Name = "",
) -> Response:
    site = site_of(request)
    address = request.client.host if request.client else ""
    if not site.may_try("invitation", address):
        problem = "Too many tries; wait a minute."
        return render(request, "welcome.html", 429, problem=problem, code=code, name=name)
    try:
        person = accept(site.store, code.strip(), password, name)
    except SettingsError as error:
        return render(request, "welcome.html", 400, problem=str(error), code=code, name=name)
    begin_session(request, person)
    audit.note(site.store, person, "sign in", "invitation")
    return back_to(request, "/", f"Welcome, {person.name}.")


def begin_session(request: Request, person: Person) -> None:
    """A session of its own: nothing of one before lives on in it."""
    request.session.clear()
    request.session.update(person=person.id, epoch=person.epoch)


def _inside(then: str) -> str:
    """A page of this site, never another's."""
    return then if then.startswith("/") and not then.startswith(("//", "/\\")) else "/"

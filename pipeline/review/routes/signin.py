"""Signing in and out, and using an invitation."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from pipeline.review import audit
from pipeline.review.access import InPerson, Visitor
from pipeline.review.pages import asker, back_to, render, site_of
from pipeline.review.people import (
    LONGEST_NAME,
    LONGEST_PASSWORD,
    AccountError,
    Person,
    accept,
    check_sign_in,
    end_sessions,
)

router = APIRouter(include_in_schema=False)

Name = Annotated[str, Form(max_length=LONGEST_NAME)]
Password = Annotated[str, Form(max_length=LONGEST_PASSWORD * 4)]


@router.get("/sign-in")
def show_sign_in(request: Request, person: Visitor, then: str = "/") -> Response:
    if person is not None:
        return RedirectResponse(inside(then), 303)
    return sign_in_page(request, then)


@router.post("/sign-in")
def sign_in(
    request: Request,
    _: Visitor,
    name: Name,
    password: Password,
    then: Annotated[str, Form()] = "/",
) -> Response:
    site = site_of(request)
    if not site.may_try(name.strip(), asker(request)):
        # Not in the audit log, which anybody could fill so.
        problem = "Too many tries; wait a minute."
        return sign_in_page(request, then, 429, name, problem)
    person = check_sign_in(site.store, name, password)
    if person is None:
        audit.note(site.store, None, "failed sign in", name.strip())
        problem = "Name or password is not right."
        return sign_in_page(request, then, 401, name, problem)
    begin_session(request, person)
    audit.note(site.store, person, "sign in", "password")
    return RedirectResponse(inside(then), 303)


@router.post("/sign-out")
def sign_out(request: Request, person: InPerson) -> Response:
    store = site_of(request).store
    end_sessions(store, person)
    audit.note(store, person, "sign out", "")
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
    if not site.may_try("invitation", asker(request)):
        problem = "Too many tries; wait a minute."
        return render(request, "welcome.html", 429, problem=problem, code=code, name=name)
    try:
        person = accept(site.store, code.strip(), password, name)
    except AccountError as error:
        return render(request, "welcome.html", 400, problem=str(error), code=code, name=name)
    begin_session(request, person)
    audit.note(site.store, person, "sign in", "invitation")
    return back_to(request, "/", f"Welcome, {person.name}.")


def sign_in_page(
    request: Request, then: str, status: int = 200, name: str = "", problem: str | None = None
) -> Response:
    """The form, with the way through the OpenID provider where there is one."""
    settings = site_of(request).settings
    provider = settings.oidc_name if settings.oidc_issuer is not None else None
    return render(
        request,
        "sign_in.html",
        status,
        then=then,
        name=name,
        problem=problem,
        provider=provider,
    )


def begin_session(request: Request, person: Person) -> None:
    """A session of its own: nothing of one before lives on in it."""
    request.session.clear()
    request.session.update(person=person.id, epoch=person.epoch)


def home(request: Request) -> str:
    """Where people reach this site, without a slash at the end."""
    return site_of(request).settings.site_url or str(request.base_url).rstrip("/")


def inside(then: str) -> str:
    """A page of this site, never another's."""
    return then if then.startswith("/") and not then.startswith(("//", "/\\")) else "/"

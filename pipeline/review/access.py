"""Who may do what, on which calls: every route declares one of these, or the app does not start."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from pipeline.review.people import Person, Role, find_person, find_token
from pipeline.review.site import Site
from pipeline.tables import CallRow

PERMISSIONS: dict[str, frozenset[Role]] = {
    "see": frozenset({"admin", "qa", "supervisor", "agent"}),
    "dispute": frozenset({"agent"}),
    "correct": frozenset({"admin", "qa", "supervisor"}),
    "export": frozenset({"admin", "qa", "supervisor"}),
    "draw": frozenset({"admin", "qa"}),
    "calibrate": frozenset({"admin", "qa", "supervisor"}),
    "customers": frozenset({"admin", "qa", "supervisor"}),
    "coach": frozenset({"admin", "qa", "supervisor"}),
    "be_coached": frozenset({"agent"}),
    "reveal": frozenset({"admin", "qa"}),
    "manage": frozenset({"admin"}),
}
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
LARGEST_NUMBER = 2**31 - 1
"""Of a row, in both databases; they do not take a larger one."""


class SignInNeeded(HTTPException):
    """Nobody is signed in."""

    def __init__(self) -> None:
        super().__init__(401, "Sign in first.", headers={"WWW-Authenticate": "Bearer"})


@dataclass(frozen=True)
class May:
    """Lets those do it whose role has the permission, by session or by the key of a program.

    ``in_person``: no key will do, whatever its scopes. What makes keys or changes a password must
    say so, or a key for looking at calls could make itself one for everything.
    """

    permission: str
    in_person: bool = False

    async def __call__(self, request: Request) -> Person:
        _check_address(request)
        person = await run_in_threadpool(_who, request)
        if person is None:
            raise SignInNeeded
        by_key = person.scopes is not None
        if not may(person, self.permission) or (by_key and self.in_person):
            raise HTTPException(403, "This is not yours to see or do; ask an administrator.")
        if not by_key:
            await _check_forgery(request)
        request.state.person = person
        return person


@dataclass(frozen=True)
class Anyone:
    """Lets everybody do it: signing in."""

    async def __call__(self, request: Request) -> Person | None:
        _check_address(request)
        await _check_forgery(request)
        person = await run_in_threadpool(_who, request)
        request.state.person = person
        return person


Viewer = Annotated[Person, Depends(May("see"))]
InPerson = Annotated[Person, Depends(May("see", in_person=True))]
Disputer = Annotated[Person, Depends(May("dispute"))]
Corrector = Annotated[Person, Depends(May("correct"))]
Exporter = Annotated[Person, Depends(May("export"))]
Drawer = Annotated[Person, Depends(May("draw"))]
Calibrator = Annotated[Person, Depends(May("calibrate"))]
CustomerViewer = Annotated[Person, Depends(May("customers"))]
Coach = Annotated[Person, Depends(May("coach"))]
Coached = Annotated[Person, Depends(May("be_coached"))]
Revealer = Annotated[Person, Depends(May("reveal", in_person=True))]
Manager = Annotated[Person, Depends(May("manage"))]
Visitor = Annotated[Person | None, Depends(Anyone())]


def may(person: Person | None, permission: str) -> bool:
    """Whether the role has the permission, and the key too where they came with one."""
    if person is None or person.role not in PERMISSIONS[permission]:
        return False
    return person.scopes is None or permission in person.scopes


def sees_all(person: Person) -> bool:
    """Whether every call is theirs to see."""
    return person.role in ("admin", "qa")


def visible(person: Person, of: type[Any] = CallRow) -> ColumnElement[bool]:
    """What a person may see, as a condition on ``calls`` or a table with their agent and team."""
    if sees_all(person):
        return true()
    if person.role == "supervisor":
        shared: ColumnElement[bool] = of.team.in_(person.teams)
        return shared
    own: ColumnElement[bool] = of.agent_id == person.agent_id if person.agent_id else false()
    return own


def find_call(session: Session, number: int, person: Person) -> CallRow:
    """A call that the person may see. Raises 404 also for those that exist and are not theirs."""
    row = None
    if 0 < number <= LARGEST_NUMBER:
        row = session.scalar(select(CallRow).where(CallRow.id == number, visible(person)))
    if row is None:
        raise HTTPException(404, "There is no such call, or it is not yours to see.")
    return row


def api_routes(app: FastAPI) -> list[APIRoute]:
    """Every route of the app: ``app.routes`` holds whole routers, not what is in them.

    Raises RuntimeError for one that can say nothing of who may use it (a websocket, a second app).
    """
    routes = []
    for found in iter_route_contexts(app.routes):
        if isinstance(found.original_route, APIRoute):
            routes.append(found.original_route)
        elif found.name != "static":
            raise RuntimeError(f"a route that cannot say who may use it: {found.path}")
    return routes


def declared_access(route: APIRoute) -> May | Anyone | None:
    """What a route declares, itself or through what it depends on."""
    for dependency in _dependencies(route.dependant):
        if isinstance(dependency.call, May | Anyone):
            return dependency.call
    return None


def _dependencies(dependant: Any) -> Iterator[Any]:
    for dependency in dependant.dependencies:
        yield dependency
        yield from _dependencies(dependency)


def forgery_token(request: Request) -> str:
    """What a form must send back: another site cannot read it."""
    token: str = request.session.setdefault("csrf", secrets.token_urlsafe(16))
    return token


def _check_address(request: Request) -> None:
    """No text that the databases hold has a NUL: PostgreSQL and FTS5 fail over one."""
    if "\0" in request.url.path or "%00" in request.url.query:
        raise HTTPException(400, "There is a NUL in this address; leave it out.")


async def _check_forgery(request: Request) -> None:
    if request.method in SAFE_METHODS:
        return
    given = request.headers.get("x-csrf-token")
    if given is None and "form" in request.headers.get("content-type", ""):
        sent = (await request.form()).get("csrf")
        given = sent if isinstance(sent, str) else None
    expected = request.session.get("csrf")
    if not given or not expected or not secrets.compare_digest(given.encode(), expected.encode()):
        raise HTTPException(403, "This page was open for too long; go back, reload it, try again.")


def _who(request: Request) -> Person | None:
    """Who asks, by key or session."""
    site: Site = request.app.state.site
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key:
        return find_token(site.store, key.strip())
    number = request.session.get("person")
    person = find_person(site.store, number) if isinstance(number, int) else None
    current = person is not None and person.active
    if not current or request.session.get("epoch") != person.epoch:  # type: ignore[union-attr]
        return None
    return person

"""Who may do what on whose calls, asked of every route of the app: a new one cannot be forgotten.

Where a test fails because of a route that it does not know, say in ``FILL``, ``QUERY`` or ``BODY``
of :mod:`tests.review.world` what a right request of it holds, and in ``KEPT_FROM`` whom it is kept
from.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import update
from sqlalchemy.orm import Session

from pipeline.audio import sha256_of
from pipeline.review import corrections, saved_views
from pipeline.review.access import (
    PERMISSIONS,
    SAFE_METHODS,
    Anyone,
    May,
    declared_access,
)
from pipeline.review.app import create_app
from pipeline.review.people import Person, add_person, make_token
from pipeline.review.site import Site
from pipeline.review_tables import CauseMemberRow, CauseRow, SampleRow, StatementRow
from pipeline.tables import CallRow, utc_now
from tests.review.coached import add_session
from tests.review.conftest import SAMPLES, People
from tests.review.world import (
    CRITERION,
    FOR_ALL_THE_WORLD,
    IN_PERSON,
    KEPT_FROM,
    NUMBERED,
    OF_AGENTS,
    OTHERS,
    REMOVING,
    Request,
    World,
    asks_for,
    name_of,
)


@pytest.fixture
def world(
    site: Site,
    people: People,
    signed_in: Callable[..., TestClient],
    keep: Callable[..., int],
) -> World:
    store = site.store
    own = keep("own-call", agent_name="Ann", customer_id="own-customer")
    other = keep(
        f"{OTHERS}-call",
        team=f"{OTHERS}-team",
        agent_id=f"{OTHERS}-agent",
        agent_name=f"{OTHERS} name",
        queue=f"{OTHERS}-queue",
        customer_id=f"{OTHERS}-customer",
    )
    for number, name in ((own, "good_agent"), (other, "poor_agent")):
        path = SAMPLES / f"{name}.flac"
        there = {"path": str(path), "recording_sha256": sha256_of(path)}
        with store.write() as session:
            session.execute(update(CallRow).where(CallRow.id == number).values(there))
    spare = add_person(store, "spare", "supervisor", ["returns"])
    their_agent = add_person(store, f"{OTHERS}-person", "agent", agent_id=f"{OTHERS}-agent")
    for call, agent in ((own, people.agent), (other, their_agent)):
        corrections.dispute(store, call, CRITERION, "missed", f"{OTHERS}?", agent, 7)
    with store.write() as session:
        session.execute(
            update(corrections.ReviewRow)
            .where(corrections.ReviewRow.call == own)
            .values(comment="Mine?")
        )
        samples = [
            SampleRow(call=call, drawn_at=utc_now(), random_chance=0.5) for call in (own, other)
        ]
        session.add_all(samples)
        session.flush()
        sampled = [sample.id for sample in samples]
        causes = [_add_cause(session, own, "mine"), _add_cause(session, other, OTHERS)]
    coached = [
        add_session(store, own, "ag-1", "returns", "mine"),
        add_session(store, other, f"{OTHERS}-agent", f"{OTHERS}-team", OTHERS),
    ]
    shared = {"criterion": CRITERION, "kind": "json", "chart": "agents", "spare": spare.id}

    def things(person: Person) -> dict[str, Any]:
        saved_views.save_view(store, person, f"{person.name}'s", "team=returns")
        view = saved_views.list_views(store, person)[0].id
        token, _ = make_token(store, person, f"{person.name}'s", ["see"], 9)
        return shared | {
            "call": own,
            "sample": sampled[0],
            "cause": causes[0],
            "coaching": coached[0][0],
            "moment": coached[0][1],
            "agent_id": "ag-1",
            "customer_id": "own-customer",
            "view": view,
            "token": token,
        }

    cookies = {}
    for person in people:
        client = signed_in(person.name)
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        cookies[person.role] = {
            "Cookie": cookie,
            "X-CSRF-Token": client.headers["X-CSRF-Token"],
        }
    return World(
        app=create_app(site),
        store=store,
        people=people,
        cookies=cookies,
        mine={person.role: things(person) for person in people},
        others=things(their_agent)
        | {
            "call": other,
            "sample": sampled[1],
            "cause": causes[1],
            "coaching": coached[1][0],
            "moment": coached[1][1],
            "agent_id": f"{OTHERS}-agent",
            "customer_id": f"{OTHERS}-customer",
        },
    )


def _add_cause(session: Session, call: int, words: str) -> int:
    statement = StatementRow(call=call, kind="complaint", text=f"My {words}.", start_s=1.0)
    cause = CauseRow(found_at=utc_now())
    session.add_all((statement, cause))
    session.flush()
    member = CauseMemberRow(statement=statement.id, cause=cause.id, closeness=0.9, words=words)
    session.add(member)
    return cause.id


def test_routes_declare_what_each_role_is_kept_from(world: World) -> None:
    wrong = []
    for request in world.requests():
        access = declared_access(request[1])
        for role, patterns in KEPT_FROM.items():
            kept_from = isinstance(access, May) and role not in PERMISSIONS[access.permission]
            if kept_from != asks_for(patterns, request):
                wrong.append(f"{name_of(request)}: {role}, {access}")
        if isinstance(access, Anyone) and request[1].path not in FOR_ALL_THE_WORLD:
            wrong.append(f"{name_of(request)}: open to all the world")
        if isinstance(access, May) and access.in_person != asks_for(IN_PERSON, request):
            wrong.append(f"{name_of(request)}: by a key?")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", list(KEPT_FROM))
def test_each_role_reaches_what_is_declared_and_nothing_else(world: World, role: str) -> None:
    wrong = []
    for request in world.requests():
        access = declared_access(request[1])
        if not isinstance(access, May):
            continue
        answer = world.as_(role, request)
        refused = answer.status_code in (401, 403) or _sends_to_sign_in(request, answer)
        allowed = role in PERMISSIONS[access.permission]
        if refused == allowed or answer.status_code >= 500:
            wrong.append(f"{name_of(request)}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)


def test_nobody_reaches_anything_but_the_way_in(world: World) -> None:
    before = world.contents()
    wrong = []
    for request in world.requests():
        if request[1].path in FOR_ALL_THE_WORLD:
            continue
        for body in (True, False):
            answer = world.as_(None, request, body=body)
            page = request[0] == "GET" and not request[1].path.startswith("/api/")
            expected = _sends_to_sign_in(request, answer) if page else answer.status_code == 401
            if not expected or OTHERS in answer.text:
                wrong.append(f"{name_of(request)}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    assert world.contents() == before


@pytest.mark.parametrize("scope", list(PERMISSIONS))
def test_a_key_does_what_its_scope_says_and_nothing_else(world: World, scope: str) -> None:
    """And needs no token of a form."""
    role = next(r for r in ("admin", "agent") if r in PERMISSIONS[scope])
    owner: Person = getattr(world.people, role)
    _, key = make_token(world.store, owner, "test", [scope], 1)
    wrong = []
    for request in world.requests():
        access = declared_access(request[1])
        if not isinstance(access, May):
            continue
        answer = world.send(request, world.mine[role], {"Authorization": f"Bearer {key}"})
        allowed = access.permission == scope and not access.in_person
        if allowed == (answer.status_code in (401, 403)) or answer.status_code >= 500:
            wrong.append(f"{name_of(request)}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", ["supervisor", "agent"])
def test_what_is_others_is_as_if_it_were_not_there(world: World, role: str) -> None:
    """Calls, their sound, charts, exports and API; saved searches and keys."""
    missing = world.others | dict.fromkeys(NUMBERED, 9999)
    missing |= {"agent_id": "nobody", "customer_id": "nobody"}
    before = world.contents()
    wrong, tried = [], 0
    for request in world.requests():
        of_somebody = {"number", "agent_id", "customer_id"} & set(request[1].param_convertors)
        if not of_somebody or "/people/" in request[1].path:
            continue
        tried += 1
        answer = world.send(request, world.others, world.cookies[role])
        none = world.send(request, missing, world.cookies[role])
        if answer.status_code not in (403, 404):
            wrong.append(f"{name_of(request)}: {answer.status_code} {answer.text[:200]}")
        if answer.status_code != none.status_code or _plain(answer) != _plain(none):
            wrong.append(f"{name_of(request)}: tells that it is there")
    assert not wrong, "\n".join(wrong)
    assert tried > 10
    assert world.contents() == before


@pytest.mark.parametrize("role", ["supervisor", "agent"])
def test_nothing_of_other_teams_is_in_any_answer(world: World, role: str) -> None:
    wrong = []
    for request in world.requests():
        if request[0] == "GET":
            kinds = ("csv", "json") if "{kind}" in request[1].path else ("json",)
            for kind in kinds:
                own = world.mine[role] | {"kind": kind}
                answer = world.send(request, own, world.cookies[role])
                if OTHERS.encode() in answer.content:
                    wrong.append(name_of(request))
    assert not wrong, "\n".join(wrong)
    everything = world.send(_route(world, "GET /api/calls"), {}, world.cookies["admin"])
    assert OTHERS in everything.text, "there is nothing to be seen"


@pytest.mark.parametrize("role", list(KEPT_FROM))
def test_own_things_are_found_at_the_same_addresses(world: World, role: str) -> None:
    """Or the tests above would be content with addresses that lead nowhere."""
    wrong = []

    def late(request: Request) -> tuple[bool, bool]:
        """Looking first: what is changed or removed is not there afterwards."""
        return request[0] not in SAFE_METHODS, asks_for(REMOVING, request)

    for request in sorted(world.requests(), key=late):
        access = declared_access(request[1])
        if isinstance(access, May) and role in PERMISSIONS[access.permission]:
            answer = world.as_(role, request)
            gone = request[0] not in SAFE_METHODS and asks_for(REMOVING, request)
            if answer.status_code in (404, 405, 422) and not gone:
                wrong.append(f"{name_of(request)}: {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)


def test_a_change_without_the_token_of_a_form_is_refused(world: World) -> None:
    before = world.contents()
    wrong = []
    for request in world.requests():
        if request[0] in SAFE_METHODS:
            continue
        role = "agent" if asks_for(OF_AGENTS, request) else "admin"
        cookie = {"Cookie": world.cookies[role]["Cookie"]}
        for headers in (cookie, cookie | {"X-CSRF-Token": "made-up"}):
            answer = world.send(request, world.mine[role], headers)
            if answer.status_code != 403:
                wrong.append(f"{name_of(request)}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    assert world.contents() == before


def test_looking_changes_nothing(world: World) -> None:
    before = world.contents()
    for request in world.requests():
        if request[0] in SAFE_METHODS:
            for role in world.cookies:
                world.as_(role, request)
    assert world.contents() == before


def test_no_number_is_too_large(world: World) -> None:
    wrong = []
    for request in world.requests():
        for number in (2**31, 2**63, 2**80, -1, 0):
            things = world.mine["admin"] | dict.fromkeys(NUMBERED, number)
            role = "agent" if asks_for(OF_AGENTS, request) else "admin"
            if {"number"} & set(request[1].param_convertors):
                answer = world.send(request, things, world.cookies[role])
                if answer.status_code not in (404, 422):
                    wrong.append(f"{name_of(request)}: {number}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


def test_an_app_with_a_route_that_declares_nothing_does_not_start(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastapi import APIRouter

    from pipeline.review import app

    outer, inner = APIRouter(), APIRouter()
    inner.add_api_route("/open", lambda: "all of it")
    outer.include_router(inner)
    monkeypatch.setattr(app, "ROUTERS", (*app.ROUTERS, outer))
    with pytest.raises(RuntimeError, match="/open"):
        create_app(site)


def test_an_app_with_a_route_that_cannot_declare_does_not_start(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastapi import APIRouter

    from pipeline.review import app

    router = APIRouter()
    router.add_websocket_route("/listen", lambda _: None)  # type: ignore[arg-type]
    monkeypatch.setattr(app, "ROUTERS", (*app.ROUTERS, router))
    with pytest.raises(RuntimeError, match="/listen"):
        create_app(site)


def _route(world: World, name: str) -> Request:
    return next(request for request in world.requests() if name_of(request) == name)


def _sends_to_sign_in(request: Request, answer: Response) -> bool:
    to_sign_in = answer.headers.get("location", "").startswith("/sign-in")
    return answer.status_code == 303 and to_sign_in and request[1].path != "/sign-out"


def _plain(answer: Response) -> str:
    """Without what differs between any two pages."""
    return re.sub(r'name="csrf" value="[^"]*"', "", answer.text)

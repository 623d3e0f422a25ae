"""What a right request of every route holds, and whom each is kept from.

Where a test fails because of a route that it does not know, it is added here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from httpx import Response
from pydantic import BaseModel
from sqlalchemy import select

from pipeline.review.access import (
    api_routes,
)
from pipeline.store import Store
from pipeline.tables import Base
from tests.review.conftest import People

CRITERION = "listen_first"
OTHERS = "zelda-secret"
"""Stands in everything that belongs to the call of another team."""

Request = tuple[str, APIRoute]

NUMBERED = ("call", "sample", "cause", "view", "token", "spare", "coaching", "moment")

# What is put into the addresses of routes: ``calls`` and the like are numbers of the world below.
FILL: list[tuple[str, dict[str, str]]] = [
    (r"/calls/\{number\}", {"number": "call"}),
    (r"/views/\{number\}", {"number": "view"}),
    (r"/tokens/\{number\}", {"number": "token"}),
    (r"/people/\{number\}", {"number": "spare"}),
    (r"/agents/\{agent_id\}", {"agent_id": "agent_id"}),
    (r"\{criterion\}", {"criterion": "criterion"}),
    (r"\{kind\}", {"kind": "kind"}),
    (r"\{chart\}", {"chart": "chart"}),
    (r"/calibration/\{number\}", {"number": "sample"}),
    (r"/causes/\{number\}", {"number": "cause"}),
    (r"\{customer_id\}", {"customer_id": "customer_id"}),
    (r"/coaching/\{number\}", {"number": "coaching"}),
    (r"\{moment\}", {"moment": "moment"}),
]
# What a route cannot be asked without, by method and address: JSON for the API, else a form.
QUERY: dict[str, dict[str, str]] = {}
ACCOUNT = {"role": "supervisor", "teams": "returns"}
ANSWER = {"answer": "partial", "comment": "Because."}
DRAW = {"how": "random", "count": 1}
BODY: dict[str, dict[str, Any]] = {
    "POST /sign-in": {"name": "nobody", "password": "no such password"},
    "POST /welcome": {"code": "none", "password": "no such password"},
    "POST /views": {"name": "mine", "query": "agent=ag-1"},
    "POST /calls/{number}/answers/{criterion}": ANSWER,
    "POST /calls/{number}/disputes/{criterion}": ANSWER,
    "POST /calls/{number}/disputes/{criterion}/decide": {"decision": "upheld", "comment": "Yes."},
    "POST /account/password": {"old": "wrong password", "new": "another four words"},
    "POST /account/tokens": {"label": "mine", "scopes": ["see"]},
    "POST /people": {"name": "somebody", **ACCOUNT},
    "POST /people/{number}": {**ACCOUNT, "active": "true"},
    "POST /api/views": {"name": "mine", "search": {"agent": "ag-1"}},
    "POST /api/tokens": {"label": "mine", "scopes": ["see"]},
    "POST /api/calls/{number}/answers/{criterion}": ANSWER,
    "POST /api/calls/{number}/disputes/{criterion}": ANSWER,
    "POST /api/calls/{number}/disputes/{criterion}/decide": {
        "decision": "upheld",
        "comment": "Yes.",
    },
    "POST /calibration/draw": DRAW,
    "POST /calibration/{number}": {"answer.listen_first": "met", "answer.solve": "met"},
    "POST /api/calibration/draw": DRAW,
    "POST /api/calibration/{number}": {"answers": {"listen_first": "met", "solve": "met"}},
    "POST /calls/{number}/hold": {"reason": "A claim."},
    "POST /calls/{number}/forget": {"confirm": "not its id"},
    "POST /api/calls/{number}/hold": {"reason": "A claim."},
    "POST /api/calls/{number}/forget": {"confirm": "not its id"},
    "POST /coaching": {"agent_id": "ag-1"},
    "POST /api/coaching": {"agent_id": "ag-1"},
    "PUT /api/coaching/{number}/words": {"goal": "Ask first.", "note": "Well done."},
    "POST /api/coaching/{number}/agreed": {"goal": "Ask first."},
    "POST /api/coaching/{number}/agree": {"goal": "Ask first."},
    "POST /api/people": {"name": "somebody", "role": "supervisor", "teams": ["returns"]},
    "PUT /api/people/{number}": {"role": "supervisor", "teams": ["returns"], "active": True},
}
# Whom what is kept from, in so many words: what routes declare is held against it.
MANAGING = (
    r".* (/api)?/(people|audit|privacy)(/.*)?",
    r"POST (/api)?/calls/\{number\}/(hold|lift|forget)",
)
DISPUTING = (r"POST (/api)?/calls/\{number\}/disputes/\{criterion\}(/withdraw)?",)
OF_AGENTS = (
    *DISPUTING,
    r"POST (/api)?/coaching/\{number\}/agree",
    r"POST /account/consent",
    r".* /api/coaching/consent",
)
COACHING = (
    r"(POST|PUT|DELETE) (/api)?/coaching(/\{number\}(/(words|hold|agreed|remove))?)?",
    r"GET (/api)?/coaching/\{number\}/session\.html",
)
REVIEWING = (
    r"POST (/api)?/calls/\{number\}/answers/\{criterion\}",
    r"POST (/api)?/calls/\{number\}/disputes/\{criterion\}/decide",
    r"GET (/api)?/calls/export\.\{kind\}",
    r"GET (/api)?/disputes/cases\.jsonl",
    r".* (/api)?/(calibration|customers|causes)(/.*)?",
)
REVEALING = (r"GET /calls/\{number\}(/audio)?/revealed",)
KEPT_FROM: dict[str, tuple[str, ...]] = {
    "admin": OF_AGENTS,
    "qa": (*MANAGING, *OF_AGENTS),
    "supervisor": (*MANAGING, *OF_AGENTS, *REVEALING, r"POST (/api)?/calibration/draw"),
    "agent": (*MANAGING, *REVIEWING, *COACHING, *REVEALING),
}
FOR_ALL_THE_WORLD = ("/sign-in", "/welcome", "/sign-in/oidc", "/sign-in/oidc/callback")
REMOVING = (
    r".* (/api)?/views/\{number\}(/remove)?",
    r".*/tokens/\{number\}(/revoke)?",
    r"(POST /coaching/\{number\}/remove|DELETE /api/coaching/\{number\})",
)
"""The API has removed what the page is to remove, or the other way round."""
IN_PERSON = (
    r"POST /sign-out",
    r".* /account(/.*)?",
    r".* /api/tokens(/.*)?",
    r".* /api/coaching/consent",
    *REVEALING,
)
"""What no key may do, whatever its scopes."""


@dataclass
class World:
    """A site with a call of the returns team and its ag-1, and one of another team's."""

    app: FastAPI
    store: Store
    people: People
    cookies: dict[str, dict[str, str]]
    """By role: what its browser sends."""
    mine: dict[str, dict[str, Any]]
    """By role: what stands in its addresses."""
    others: dict[str, Any]

    def requests(self) -> Iterator[Request]:
        """Every method of every route; what ends a session last."""
        for route in sorted(api_routes(self.app), key=lambda found: found.path == "/sign-out"):
            for method in sorted(route.methods or ()):
                yield method, route

    def send(
        self,
        request: Request,
        things: dict[str, Any],
        headers: dict[str, str],
        *,
        body: bool = True,
    ) -> Response:
        method, route = request
        client = TestClient(
            self.app,
            base_url="http://localhost",
            raise_server_exceptions=False,
            follow_redirects=False,
            headers=headers,
        )
        sent: dict[str, Any] = {"params": self._query(request)}
        content = self._body(request)
        if content and body:
            sent["json" if route.path.startswith("/api/") else "data"] = content
        return client.request(method, address_of(route, things), **sent)

    def as_(self, role: str | None, request: Request, **options: Any) -> Response:
        """A right request by the browser of somebody of that role; None: of nobody."""
        headers = {} if role is None else self.cookies[role]
        return self.send(request, self.mine[role or "admin"], headers, **options)

    def contents(self) -> dict[str, list[Any]]:
        """Of all tables but the audit log."""
        tables = [table for table in Base.metadata.sorted_tables if table.name != "audit"]
        with self.store.read() as session:
            return {
                table.name: [tuple(row) for row in session.execute(select(table))]
                for table in tables
            }

    def _query(self, request: Request) -> dict[str, str]:
        given = QUERY.get(name_of(request), {})
        needed = _needed(request[1].dependant.query_params)
        if needed - set(given):
            pytest.fail(f"{name_of(request)}: say in QUERY what {needed - set(given)} may be")
        return given

    def _body(self, request: Request) -> dict[str, Any]:
        given = BODY.get(name_of(request), {})
        if _needed(request[1].dependant.body_params) and not given:
            pytest.fail(f"{name_of(request)}: say in BODY what a right request of it holds")
        return given


def _needed(parameters: list[Any]) -> set[str]:
    """Of parameters, and of models that take all of them, those that must be given."""
    needed = set()
    for parameter in parameters:
        kind = parameter.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            needed |= {n for n, field in kind.model_fields.items() if field.is_required()}
        elif parameter.field_info.is_required():
            needed.add(parameter.alias)
    return needed


def name_of(request: Request) -> str:
    method, route = request
    return f"{method} {route.path_format}"


def address_of(route: APIRoute, things: dict[str, Any]) -> str:
    filled = {
        parameter: things[thing]
        for pattern, fill in FILL
        if re.search(pattern, route.path_format)
        for parameter, thing in fill.items()
    }
    missing = set(route.param_convertors) - set(filled)
    if missing:
        pytest.fail(f"{route.path}: say in FILL what stands for {', '.join(sorted(missing))}")
    return route.path_format.format(**filled)


def asks_for(patterns: tuple[str, ...], request: Request) -> bool:
    return any(re.fullmatch(pattern, name_of(request)) for pattern in patterns)

"""Pages from templates, with what all of them need: who is signed in, and what they may do."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment
from markupsafe import Markup

from pipeline import __version__
from pipeline.report import environment
from pipeline.review.access import forgery_token, may
from pipeline.review.site import Site

ERROR = "error.html"
STATIC = Path(__file__).parent / "static"


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    site: Site = request.app.state.site
    return site


def asker(request: Request) -> str:
    """The network address that a request came from."""
    return request.client.host if request.client else ""


def render(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """A page; ``context`` is what its template shows."""
    person = getattr(request.state, "person", None)
    page = _environment().get_template(f"review/{template}")
    shared = {
        "person": person,
        "may": lambda permission: may(person, permission),
        # An error begins no session: its cookie would take the place of one not sent along.
        "csrf": forgery_token(request) if template != ERROR or request.session else "",
        "path": request.url.path,
        "version": __version__,
        "said": request.session.pop("said", None),
    }
    return HTMLResponse(page.render(shared | context), status)


def part(template: str, **context: Any) -> Markup:
    """A piece of a page that is the same for everybody who sees the same calls."""
    return Markup(_environment().get_template(f"review/{template}").render(context))


def back_to(request: Request, path: str, said: str | None = None) -> Response:
    """Sends the browser to a page after a change; ``said`` is shown there once."""
    if said is not None:
        request.session["said"] = said
    return RedirectResponse(path, 303)


def address(path: str, query: Mapping[str, object] | None = None) -> str:
    """A path with its parameters."""
    return f"{path}?{urlencode(query)}" if query else path


@cache
def _environment() -> Environment:
    made = environment()
    made.globals["address"] = address
    return made

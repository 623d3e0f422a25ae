"""Signing in through the OpenID provider of the settings: there and back.

What must come back is kept in the session, so its cookie has to be sent with a link from elsewhere
(SameSite=Lax): see ``create_app``.
"""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse

from pipeline.review import audit
from pipeline.review.access import Visitor
from pipeline.review.oidc import Flow, Provider, ProviderAway, Refused, short, sign_in
from pipeline.review.pages import site_of
from pipeline.review.routes.signin import begin_session, home, inside, sign_in_page

router = APIRouter(include_in_schema=False)

BEGIN = "/sign-in/oidc"
COME_BACK = f"{BEGIN}/callback"
KEPT = "oidc"
LONGEST_CODE = 4096  # characters; those of Microsoft, the longest we know, have about 1500

Sent = Annotated[str, Query(max_length=LONGEST_CODE)]


@router.get(BEGIN)
def begin(request: Request, person: Visitor, then: str = "/") -> Response:
    provider = _provider(request)
    if person is not None:
        return RedirectResponse(inside(then), 303)
    try:
        url, flow = provider.begin(home(request) + COME_BACK, inside(then))
    except ProviderAway as error:
        return _failed(request, inside(then), 503, str(error), str(error))
    request.session[KEPT] = asdict(flow)
    return RedirectResponse(url, 303)


@router.get(COME_BACK)
def come_back(
    request: Request, person: Visitor, state: Sent = "", code: Sent = "", error: Sent = ""
) -> Response:
    provider = _provider(request)
    kept = request.session.get(KEPT)
    flow = Flow(**kept) if kept is not None else None
    if flow is None or not flow.fits(state):
        if person is not None:  # in another tab, or by going back
            return RedirectResponse("/", 303)
        # Not in the audit log: anybody can make a link to here.
        said = "This sign-in was begun in another browser, or too long ago; try again."
        return sign_in_page(request, flow.then if flow else "/", 400, problem=said)
    del request.session[KEPT]  # no second use
    store = site_of(request).store
    try:
        if error or not code:
            why = short(error or "no code")
            raise Refused(f"You were not signed in there ({why}).", why)
        found = sign_in(store, provider, provider.finish(flow, code))
    except Refused as refused:
        return _failed(request, flow.then, 403, str(refused), refused.noted)
    except ProviderAway as away:
        return _failed(request, flow.then, 503, str(away), str(away))
    begin_session(request, found)
    audit.note(store, found, "sign in", "OpenID Connect")
    return RedirectResponse(flow.then, 303)


def _failed(request: Request, then: str, status: int, said: str, noted: str) -> Response:
    audit.note(site_of(request).store, None, "failed sign in", f"OpenID Connect: {noted}")
    return sign_in_page(request, then, status, problem=said)


def _provider(request: Request) -> Provider:
    """One for the running site: it remembers the addresses and keys of the provider."""
    settings = site_of(request).settings
    if settings.oidc_issuer is None:
        raise HTTPException(404, "Nobody can sign in that way here.")
    state = request.app.state
    if not hasattr(state, "oidc"):
        state.oidc = Provider(settings)
    provider: Provider = state.oidc
    return provider

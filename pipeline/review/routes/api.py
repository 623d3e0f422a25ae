"""The API: who asks, figures, saved searches, one's own keys, and the description of it all."""

from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, HTTPException, Path, Request
from fastapi.openapi.utils import get_openapi

from pipeline import __version__
from pipeline.review import audit, saved_views
from pipeline.review.access import (
    LARGEST_NUMBER,
    PERMISSIONS,
    InPerson,
    May,
    Viewer,
    api_routes,
    declared_access,
    may,
)
from pipeline.review.night import last_night
from pipeline.review.pages import address, site_of
from pipeline.review.people import list_tokens, make_token, revoke_token
from pipeline.review.routes.api_forms import (
    CallLine,
    MeForm,
    NewKey,
    Problem,
    TokenBody,
    TokenForm,
    ViewBody,
    ViewForm,
)
from pipeline.review.routes.figure_forms import NightForm, OverviewForm
from pipeline.review.routes.overview import Days, figures_of

DESCRIPTION = """
Everything that the pages of the review site show and change. A program sends a key, made on the
page *Your account*: `Authorization: Bearer callscore_…`. It may do what its owner may, as far as
its scopes go; each operation names the scope that it needs. Keys are made and revoked by people,
never by keys.
"""
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": said}
    for status, said in (
        (400, "It cannot be done; says why"),
        (401, "No key, or one that is not good"),
        (403, "Not for this person or this key"),
        (404, "Not there, or not this person's to see"),
        (413, "More was sent than anything here needs"),
        (422, "A mistake in what was sent; says which"),
        (503, "It may be possible later"),
    )
}
"""What any operation may answer."""

router = APIRouter(prefix="/api", responses=PROBLEMS)

Number = Annotated[int, Path(ge=1, le=LARGEST_NUMBER)]
AgentId = Annotated[str, Path(max_length=200)]


@router.get("/openapi.json", include_in_schema=False)
def describe(request: Request, _: Viewer) -> dict[str, Any]:
    app: FastAPI = request.app
    if app.openapi_schema is None:
        app.openapi_schema = _description(app)
    return app.openapi_schema


@router.get("/me", tags=["people"])
def show_me(person: Viewer) -> MeForm:
    """Who asks, and what this session or key may do."""
    allowed = (p for p in PERMISSIONS if may(person, p))
    return MeForm(
        name=person.name,
        role=person.role,
        teams=person.teams,
        agent_id=person.agent_id,
        may=tuple(allowed),
    )


@router.get("/overview", tags=["figures"])
def show_overview(
    request: Request, person: Viewer, days: Days = 30, provisional: bool | None = None
) -> OverviewForm:
    """Means of a period by team and agent, from the calls that the person may see."""
    return OverviewForm.model_validate(figures_of(request, person, days, provisional))


@router.get("/agents/{agent_id:path}", tags=["figures"])
def show_agent(
    request: Request,
    person: Viewer,
    agent_id: AgentId,
    days: Days = 30,
    provisional: bool | None = None,
) -> OverviewForm:
    """The same of one agent."""
    figures = figures_of(request, person, days, provisional, agent_id)
    if not figures.calls:
        raise HTTPException(404, "There is no such agent, or their calls are not yours to see.")
    audit.note(site_of(request).store, person, "view", f"agent {agent_id}")
    return OverviewForm.model_validate(figures)


@router.get("/night", tags=["figures"])
def show_night(request: Request, person: Viewer) -> NightForm | None:
    """The newest batch and its calls that need attention; null where nothing was scored yet."""
    night = last_night(site_of(request).store, person)
    if night is None:
        return None
    form = NightForm.model_validate(night)
    return form.model_copy(update={"worst": tuple(for_eyes_of(person, c) for c in form.worst)})


@router.get("/views", tags=["searches"])
def show_views(request: Request, person: Viewer) -> list[ViewForm]:
    """One's own saved searches."""
    found = saved_views.list_views(site_of(request).store, person)
    return [ViewForm.model_validate(view) for view in found]


@router.post("/views", tags=["searches"])
def save_view(request: Request, person: Viewer, body: ViewBody) -> ViewForm:
    """Saves a search; one of the same name is replaced."""
    store = site_of(request).store
    query = address("", body.search.query(page=None)).removeprefix("?")
    saved_views.save_view(store, person, body.name, query)
    views = saved_views.list_views(store, person)
    return next(ViewForm.model_validate(view) for view in views if view.name == body.name)


@router.delete("/views/{number}", tags=["searches"], status_code=204)
def remove_view(request: Request, person: Viewer, number: Number) -> None:
    if not saved_views.remove_view(site_of(request).store, person, number):
        raise HTTPException(404, "There is no such view of yours.")


@router.get("/tokens", tags=["keys"])
def show_tokens(request: Request, person: InPerson) -> list[TokenForm]:
    """The keys of one's programs, without the keys themselves."""
    return [TokenForm.model_validate(row) for row in list_tokens(site_of(request).store, person)]


@router.post("/tokens", tags=["keys"])
def new_token(request: Request, person: InPerson, body: TokenBody) -> NewKey:
    """A new key; it is told this once."""
    store = site_of(request).store
    for scope in body.scopes:
        if scope not in PERMISSIONS or not may(person, scope):
            raise HTTPException(400, "A scope that there is not, or that you do not have yourself.")
    scopes = [scope for scope in PERMISSIONS if scope in body.scopes]
    number, key = make_token(store, person, body.label, scopes, body.days)
    audit.note(store, person, "change", f"made key {number} for {' '.join(scopes)}")
    return NewKey(id=number, key=key)


@router.delete("/tokens/{number}", tags=["keys"], status_code=204)
def end_token(request: Request, person: InPerson, number: Number) -> None:
    store = site_of(request).store
    if not revoke_token(store, person, number):
        raise HTTPException(404, "There is no such key of yours.")
    audit.note(store, person, "change", f"revoked key {number}")


def for_eyes_of(person: Viewer, call: CallLine) -> CallLine:
    """Who the customer is only for those who may follow customers, as on the pages."""
    return call if may(person, "customers") else call.model_copy(update={"customer_id": None})


def _description(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the scope that each operation needs."""
    made = get_openapi(
        title=app.title, version=__version__, description=DESCRIPTION, routes=app.routes
    )
    made["components"]["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "A key of the page Your account",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": app.state.cookie,
            "description": "Signed in on the pages; a change also sends X-CSRF-Token",
        },
    }
    schemas = made["components"]["schemas"]
    for of_fastapi in ("HTTPValidationError", "ValidationError"):  # which we never answer with
        schemas.pop(of_fastapi, None)
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    problems = {
        str(status): {"description": answer["description"], "content": content}
        for status, answer in PROBLEMS.items()
    }
    for route in api_routes(app):
        access = declared_access(route)
        if not route.include_in_schema or not isinstance(access, May):
            continue
        for method in route.methods or ():
            operation = made["paths"][route.path_format][method.lower()]
            by_key = [] if access.in_person else [{"key": [access.permission]}]
            operation["security"] = [*by_key, {"session": []}]
            operation["responses"] |= problems
    return made

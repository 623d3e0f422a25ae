"""Lists of calls, exports of them, and the page of a call."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse

from pipeline.legal_hold import list_holds
from pipeline.review import audit, corrections, reveal, saved_views
from pipeline.review.access import Exporter, Revealer, Viewer, may
from pipeline.review.export import FORMATS, export
from pipeline.review.overview import fingerprint
from pipeline.review.pages import address, back_to, render, site_of
from pipeline.review.people import Person
from pipeline.review.search import (
    Choices,
    Filter,
    FoundCalls,
    choices,
    export_calls,
    find_calls,
)
from pipeline.review.site import Site
from pipeline.review.trust import rubric_name, suggest_only
from pipeline.standing import AUTO_FAIL
from pipeline.tables import utc_now

router = APIRouter(include_in_schema=False)

Wanted = Annotated[Filter, Query()]


@router.get("/calls")
def show_calls(request: Request, person: Viewer, wanted: Wanted) -> Response:
    site = site_of(request)
    return render(
        request,
        "calls.html",
        wanted=wanted,
        found=search(site, person, wanted),
        choices=_choices(site, person),
        views=saved_views.list_views(site.store, person),
        formats=FORMATS,
        searchable=not site.store.seals,
    )


def search(site: Site, person: Person, wanted: Filter) -> FoundCalls:
    """A page of the calls that match. What is found by words shows words: that is noted."""
    if wanted.customer and not may(person, "customers"):
        raise HTTPException(403, "Who the customer is, is not yours to see.")
    if wanted.q:
        audit.note(site.store, person, "view", "calls in which words were said")
    return find_calls(site.store, wanted, person)


def _choices(site: Site, person: Person) -> Choices:
    with site.store.read() as session:
        key = ("choices", *fingerprint(session, person))
    return site.made_once(key, lambda: choices(site.store, person))


@router.get("/calls/export.{kind}")
def export_found(
    request: Request, person: Exporter, wanted: Wanted, kind: Literal["csv", "json", "parquet"]
) -> Response:
    site = site_of(request)
    audit.note(site.store, person, "export", f"calls as {kind}: {sorted(wanted.query())}")
    content, media_type = export(export_calls(site.store, wanted, person), kind)
    name = f"callscore-{utc_now():%Y-%m-%d-%H%M}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(content, media_type=media_type, headers=headers)


@router.post("/views")
def save_view(
    request: Request,
    person: Viewer,
    name: Annotated[str, Form(min_length=1, max_length=100)],
    query: Annotated[str, Form(max_length=2000)],
) -> Response:
    store = site_of(request).store
    saved_views.save_view(store, person, name, query)
    audit.note(store, person, "change", "saved a search")
    return back_to(request, f"/calls?{query}", f"Saved as “{name}”.")


@router.post("/views/{number}/remove")
def remove_view(request: Request, person: Viewer, number: int) -> Response:
    if not saved_views.remove_view(site_of(request).store, person, number):
        raise HTTPException(404, "There is no such view of yours.")
    return back_to(request, "/calls", "Removed.")


@router.get("/calls/{number}")
def show_call(request: Request, person: Viewer, number: int, q: str = "") -> Response:
    return _show_call(request, person, number, q)


@router.get("/calls/{number}/revealed")
def reveal_call(request: Request, person: Revealer, number: int, q: str = "") -> Response:
    """The page of a call with the personal data that is hidden elsewhere."""
    return _show_call(request, person, number, q, revealed=True)


def _show_call(
    request: Request, person: Person, number: int, q: str, *, revealed: bool = False
) -> Response:
    site = site_of(request)
    with site.store.read() as session:
        reviewed = corrections.load_reviewed(session, number, person)
        rubric = reviewed.result["rubric"]
        suggested = suggest_only(session, rubric_name(rubric["id"], rubric["version"]))
        held = list_holds(session, [number])
    result, words = reviewed.result, None
    what = f"call {number}, with personal data" if revealed else f"call {number}"
    audit.note(site.store, person, "view", what, reviewed.call.call_id)
    if revealed:
        words = reveal.find_words(site.store, reviewed.call, reviewed.standing)
        result = result if words is None else reveal.with_words(result, words)
    until = corrections.disputable_until(reviewed.standing, site.settings.dispute_days)
    return render(
        request,
        "call.html",
        reviewed=reviewed,
        result=result,
        revealed=revealed,
        sound=f"/calls/{number}/audio{'/revealed' if revealed else ''}",
        words_kept=words is not None,
        hidden=reveal.hidden_kinds(result),
        call=reviewed.call,
        standing=reviewed.standing,
        hold=held[0] if held else None,
        answers=corrections.ANSWERS,
        auto_fail=AUTO_FAIL,
        suggest_only=suggested,
        disputable_until=until if until > utc_now() else None,
        q=q,
        title=f"Call {reviewed.call.call_id}",
        back=address("/calls", {"agent": reviewed.call.agent_id}),
    )

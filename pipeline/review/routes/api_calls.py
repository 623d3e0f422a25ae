"""The API of calls: searching, reading, exporting, correcting, disputing, deciding."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, StreamingResponse

from pipeline.review import audit, corrections
from pipeline.review.access import Corrector, Disputer, Viewer, may
from pipeline.review.pages import site_of
from pipeline.review.people import Person
from pipeline.review.routes import calls, reviews
from pipeline.review.routes.api import Number, for_eyes_of
from pipeline.review.routes.api_forms import (
    CallPage,
    CallReview,
    Correction,
    Decision,
    DisputeForm,
    Disputing,
    StandingForm,
    StepForm,
    WholeCall,
)
from pipeline.standing import AUTO_FAIL

router = APIRouter(prefix="/api", tags=["calls"])

LONGEST_CRITERION = 100  # characters

Criterion = Annotated[str, Path(max_length=LONGEST_CRITERION)]
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Every match, with the answers that stand",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
CASES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One case a line: a transcript with the answers it should get",
        "content": {"application/jsonl": {"schema": {"type": "string"}}},
    }
}

router.add_api_route(
    "/calls/export.{kind}",
    calls.export_found,
    summary="Export calls",
    description="All calls that match a search, as a file.",
    responses=FILES,
    response_class=StreamingResponse,
)
router.add_api_route(
    "/disputes/cases.jsonl",
    reviews.export_cases,
    summary="Export regression cases",
    responses=CASES,
    response_class=StreamingResponse,
)


@router.get("/calls")
def search_calls(request: Request, person: Viewer, wanted: calls.Wanted) -> CallPage:
    """A page of the calls that match and that the person may see."""
    page = CallPage.model_validate(calls.search(site_of(request), person, wanted))
    return page.model_copy(update={"calls": tuple(for_eyes_of(person, c) for c in page.calls)})


@router.get("/calls/{number}", response_model=None, responses={200: {"model": WholeCall}})
def show_call(request: Request, person: Viewer, number: Number) -> JSONResponse:
    """A call in the documented form, with what people said of it."""
    site = site_of(request)
    with site.store.read() as session:
        reviewed = corrections.load_reviewed(session, number, person)
    call = reviewed.call
    audit.note(site.store, person, "view", f"call {number}", call.call_id)
    # The stored result goes out as it is: one of an older or newer version is no error.
    return JSONResponse(
        _review(request, reviewed).model_dump(mode="json")
        | {name: getattr(call, name) for name in ("agent_name", "team", "queue", "direction")}
        | {"customer_id": call.customer_id if may(person, "customers") else None}
        | {"result": reviewed.result}
    )


@router.post("/calls/{number}/answers/{criterion}")
def correct(
    request: Request, person: Corrector, number: Number, criterion: Criterion, body: Correction
) -> CallReview:
    """An answer in place of the one that stands; it decides an open dispute of it.

    The criterion ``failed_by`` is the rule that failed the call: ``missed`` says that it applies,
    ``not_applicable`` that it does not.
    """
    site = site_of(request)
    why = site.hide(body.comment)
    corrections.correct(site.store, number, criterion, body.answer, why, person, body.seen)
    return _stands(request, number, person)


@router.post("/calls/{number}/disputes/{criterion}")
def dispute(
    request: Request, person: Disputer, number: Number, criterion: Criterion, body: Disputing
) -> CallReview:
    """An agent asks for another answer."""
    site = site_of(request)
    days = site.settings.dispute_days
    why = site.hide(body.comment)
    corrections.dispute(site.store, number, criterion, body.answer, why, person, days)
    return _stands(request, number, person)


@router.post("/calls/{number}/disputes/{criterion}/withdraw")
def withdraw(
    request: Request, person: Disputer, number: Number, criterion: Criterion
) -> CallReview:
    """One's own open dispute."""
    store = site_of(request).store
    corrections.decide(store, number, criterion, "withdrawn", "", person)
    return _stands(request, number, person)


@router.post("/calls/{number}/disputes/{criterion}/decide")
def decide(
    request: Request, person: Corrector, number: Number, criterion: Criterion, body: Decision
) -> CallReview:
    """Upholds or rejects an open dispute."""
    site = site_of(request)
    corrections.decide(
        site.store, number, criterion, body.decision, site.hide(body.comment), person
    )
    return _stands(request, number, person)


@router.get("/disputes")
def show_disputes(request: Request, person: Viewer) -> list[DisputeForm]:
    """The open disputes of the calls that the person may see, the oldest first."""
    found = corrections.list_disputes(site_of(request).store, person)
    return [DisputeForm.model_validate(item) for item in found]


def _stands(request: Request, number: int, person: Person) -> CallReview:
    with site_of(request).store.read() as session:
        return _review(request, corrections.load_reviewed(session, number, person))


def _review(request: Request, reviewed: corrections.Reviewed) -> CallReview:
    criteria = [criterion["id"] for criterion in reviewed.result["criteria"]]
    if reviewed.result["failed_by"]:
        criteria.append(AUTO_FAIL)
    days = site_of(request).settings.dispute_days
    return CallReview(
        number=reviewed.call.id,
        call_id=reviewed.call.call_id,
        standing=StandingForm.model_validate(reviewed.standing),
        answers={criterion: reviewed.answer(criterion) for criterion in criteria},
        history=tuple(StepForm.model_validate(step) for step in reviewed.history),
        disputes=tuple(StepForm.model_validate(step) for step in reviewed.disputes.values()),
        disputable_until=corrections.disputable_until(reviewed.standing, days),
    )

"""Correcting, disputing, deciding, and what comes of it."""

import json
from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import StreamingResponse

from pipeline.review import audit, corrections
from pipeline.review.access import Corrector, Disputer, Exporter, Viewer
from pipeline.review.pages import back_to, render, site_of

router = APIRouter(include_in_schema=False)

Answer = Annotated[str, Form(max_length=40)]
Comment = Annotated[str, Form(max_length=4 * corrections.LONGEST_COMMENT)]


@router.post("/calls/{number}/answers/{criterion}")
def correct(
    request: Request,
    person: Corrector,
    number: int,
    criterion: str,
    answer: Answer,
    comment: Comment = "",
    seen: Answer | None = None,
) -> Response:
    site = site_of(request)
    why = site.hide(comment)
    corrections.correct(site.store, number, criterion, answer, why, person, seen)
    return back_to(request, f"/calls/{number}#{criterion}", "Corrected.")


@router.post("/calls/{number}/disputes/{criterion}")
def dispute(
    request: Request,
    person: Disputer,
    number: int,
    criterion: str,
    answer: Answer,
    comment: Comment = "",
) -> Response:
    site = site_of(request)
    days = site.settings.dispute_days
    why = site.hide(comment)
    corrections.dispute(site.store, number, criterion, answer, why, person, days)
    said = "Disputed. A reviewer will decide; until then no average counts this call."
    return back_to(request, f"/calls/{number}#{criterion}", said)


@router.post("/calls/{number}/disputes/{criterion}/withdraw")
def withdraw(request: Request, person: Disputer, number: int, criterion: str) -> Response:
    store = site_of(request).store
    corrections.decide(store, number, criterion, "withdrawn", "", person)
    return back_to(request, f"/calls/{number}#{criterion}", "Withdrawn.")


@router.post("/calls/{number}/disputes/{criterion}/decide")
def decide(
    request: Request,
    person: Corrector,
    number: int,
    criterion: str,
    decision: Annotated[Literal["upheld", "rejected"], Form()],
    comment: Comment = "",
) -> Response:
    site = site_of(request)
    corrections.decide(site.store, number, criterion, decision, site.hide(comment), person)
    return back_to(request, f"/calls/{number}#{criterion}", f"The dispute is {decision}.")


@router.get("/disputes")
def show_disputes(request: Request, person: Viewer) -> Response:
    disputes = corrections.list_disputes(site_of(request).store, person)
    return render(request, "disputes.html", disputes=disputes)


@router.get("/disputes/cases.jsonl")
def export_cases(request: Request, person: Exporter) -> Response:
    """What people changed, as regression cases for the rubric."""
    store = site_of(request).store
    audit.note(store, person, "export", "regression cases")

    def lines() -> Iterator[str]:
        for case in corrections.regression_cases(store, person):
            yield json.dumps(case, ensure_ascii=False) + "\n"

    headers = {"Content-Disposition": 'attachment; filename="cases.jsonl"'}
    return StreamingResponse(lines(), media_type="application/jsonl", headers=headers)

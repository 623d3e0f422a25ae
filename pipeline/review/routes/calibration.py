"""Calibration: drawing calls, reading them blind, comparing, and how far answers agree."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Form as FormField
from pydantic import Field

from pipeline.review import audit
from pipeline.review.access import Calibrator, Drawer, may
from pipeline.review.calibration import (
    LISTED,
    NOTED_AS,
    CalibrationError,
    Comparison,
    Question,
    Sheet,
    compare,
    keep_reading,
    list_samples,
    load_sheet,
)
from pipeline.review.pages import back_to, render, site_of
from pipeline.review.people import Person
from pipeline.review.routes.api import PROBLEMS, Number
from pipeline.review.routes.api_forms import Body, Form, Utc
from pipeline.review.sampling import (
    LONGEST_DAYS,
    MOST_AT_ONCE,
    Draw,
    How,
    draw_calls,
)
from pipeline.review.trust import Figures, agreement_figures

router = APIRouter()
api = APIRouter(prefix="/api/calibration", tags=["calibration"], responses=PROBLEMS)

ANSWER_FIELD = "answer."
"""Fields of the reading form begin so; the criterion follows."""
MOST_CRITERIA = 200  # of one rubric; far more than any has

Rubric = Annotated[str | None, Query(max_length=200)]
ShortText = Annotated[str, Field(max_length=200)]


class DrawBody(Body):
    """How many calls to draw, of how many days up to the newest, and how."""

    how: How
    count: int = Field(ge=1, le=MOST_AT_ONCE)
    days: int = Field(30, ge=1, le=LONGEST_DAYS)


class DrawForm(Form):
    """What was drawn: ``calls`` of the ``population`` that could be."""

    how: How
    calls: int
    population: int
    since: Utc


class SampleForm(Form):
    """A drawn call. ``seen``: you have opened its score card, and cannot read it blind any more."""

    number: int
    call: int
    call_id: str
    queue: str | None
    at: Utc
    duration_s: float | None
    readings: int
    mine: bool
    seen: bool


class SamplesForm(Form):
    """The first of the drawn calls that were asked for, and how many there are."""

    calls: tuple[SampleForm, ...]
    total: int


class SheetForm(Form):
    """What a reader gets: the call as it was heard, and the questions. No answer of anybody."""

    number: int
    call: int
    call_id: str
    queue: str | None
    at: Utc
    duration_s: float | None
    rubric: str
    questions: tuple[Question, ...]
    turns: list[dict[str, Any]]


class ReadingBody(Body):
    """An answer to every criterion, by its id."""

    answers: dict[ShortText, ShortText] = Field(max_length=MOST_CRITERIA)


async def sent_answers(request: Request) -> dict[str, str]:
    """The answers of the reading form, by criterion."""
    return {
        name.removeprefix(ANSWER_FIELD): value
        for name, value in (await request.form()).items()
        if name.startswith(ANSWER_FIELD) and isinstance(value, str)
    }


@router.get("/calibration", include_in_schema=False)
def show_calibration(request: Request, person: Calibrator) -> Response:
    with site_of(request).store.read() as session:
        waiting, read = (
            list_samples(session, person, "open"),
            list_samples(session, person, "read"),
        )
    return render(
        request,
        "calibration.html",
        waiting=waiting,
        read=read,
        listed=LISTED,
        may_draw=may(person, "draw"),
        most=MOST_AT_ONCE,
        longest_days=LONGEST_DAYS,
    )


@router.post("/calibration/draw", include_in_schema=False)
def draw(
    request: Request,
    person: Drawer,
    how: Annotated[How, FormField()],
    count: Annotated[int, FormField(ge=1, le=MOST_AT_ONCE)],
    days: Annotated[int, FormField(ge=1, le=LONGEST_DAYS)] = 30,
) -> Response:
    drawn = _draw(request, person, how, count, days)
    said = f"Drawn: {drawn.calls} of {drawn.population:,} calls since {drawn.since:%d %b %Y}."
    return back_to(request, "/calibration", said)


@router.get("/calibration/agreement", include_in_schema=False)
def show_agreement(
    request: Request, person: Calibrator, how: How = "random", rubric: Rubric = None
) -> Response:
    figures = tell_agreement(request, person, how, rubric)
    return render(request, "calibration_agreement.html", figures=figures)


@router.get("/calibration/{number}", include_in_schema=False)
def show_sample(request: Request, person: Calibrator, number: Number) -> Response:
    """The answers side by side for who may see them, else the sheet to read the call with."""
    try:
        found = tell_comparison(request, person, number)
    except CalibrationError:
        sheet = _sheet(request, person, number)
        return render(
            request,
            "calibration_read.html",
            sheet=sheet,
            field=ANSWER_FIELD,
            call={"id": sheet.call},
            result=_heard(sheet),
            sound=f"/calls/{sheet.call}/audio",
            q="",
        )
    return render(request, "calibration_compare.html", found=found)


@router.post("/calibration/{number}", include_in_schema=False)
def finish_reading(
    request: Request,
    person: Calibrator,
    number: Number,
    answers: Annotated[dict[str, str], Depends(sent_answers)],
) -> Response:
    _read(request, person, number, answers)
    return back_to(request, f"/calibration/{number}", "Your reading is kept. Thank you.")


@api.get("")
def list_drawn(request: Request, person: Calibrator) -> SamplesForm:
    """The drawn calls that are open to one's own reading."""
    with site_of(request).store.read() as session:
        return SamplesForm.model_validate(list_samples(session, person, "open"))


@api.get("/read")
def list_read(request: Request, person: Calibrator) -> SamplesForm:
    """The drawn calls that one has read, and those with both readings."""
    with site_of(request).store.read() as session:
        return SamplesForm.model_validate(list_samples(session, person, "read"))


@api.post("/draw")
def draw_more(request: Request, person: Drawer, body: DrawBody) -> DrawForm:
    """Draws calls for double review; for administrators and QA."""
    return DrawForm.model_validate(_draw(request, person, body.how, body.count, body.days))


@api.get("/agreement")
def tell_agreement(
    request: Request, person: Calibrator, how: How = "random", rubric: Rubric = None
) -> Figures:
    """Agreement of readers with the machine and with each other, by criterion.

    Only calls drawn at random are a picture of all calls.
    """
    with site_of(request).store.read() as session:
        return agreement_figures(session, person, how, rubric)


@api.get("/{number}")
def give_sheet(request: Request, person: Calibrator, number: Number) -> SheetForm:
    """A drawn call to read: its words and the criteria, without anybody's answers."""
    return SheetForm.model_validate(_sheet(request, person, number))


@api.post("/{number}", status_code=201)
def give_reading(
    request: Request, person: Calibrator, number: Number, body: ReadingBody
) -> Comparison:
    """One's own answers to every criterion of a drawn call; they are not changed afterwards."""
    _read(request, person, number, body.answers)
    with site_of(request).store.read() as session:
        return compare(session, number, person)


@api.get("/{number}/answers")
def tell_comparison(request: Request, person: Calibrator, number: Number) -> Comparison:
    """The readings of a call and the machine's answers, for who does not read it blind any more."""
    store = site_of(request).store
    with store.read() as session:
        found = compare(session, number, person)
    audit.note(store, person, "view", f"{NOTED_AS}: answers to call {found.call}", found.call_id)
    return found


def _sheet(request: Request, person: Person, number: int) -> Sheet:
    store = site_of(request).store
    with store.read() as session:
        sheet = load_sheet(session, number, person)
    audit.note(store, person, "view", f"{NOTED_AS}: call {sheet.call} to read", sheet.call_id)
    return sheet


def _heard(sheet: Sheet) -> dict[str, Any]:
    """A result for the player that holds the words alone: what was measured is the machine's."""
    measured = ("interruptions", "holds", "dead_air", "raised_voice", "criteria", "warnings")
    return {
        "turns": sheet.turns,
        "duration_s": sheet.duration_s,
        "talk": None,
        **{name: [] for name in measured},
    }


def _draw(request: Request, person: Person, how: How, count: int, days: int) -> Draw:
    store = site_of(request).store
    drawn = draw_calls(store, how, count, days, person)
    audit.note(store, person, "change", f"{NOTED_AS}: drew {drawn.calls} calls ({how})")
    return drawn


def _read(request: Request, person: Person, number: int, answers: dict[str, str]) -> None:
    store = site_of(request).store
    call = keep_reading(store, number, answers, person)
    audit.note(store, person, "change", f"{NOTED_AS}: read call {call}")


router.include_router(api)

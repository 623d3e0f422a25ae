"""The API of coaching: sessions, their moments and sound, flagged calls, an agent's consent."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from pipeline.coaching.records import Moment
from pipeline.review import coaching
from pipeline.review.access import Coach, Coached, Viewer, may
from pipeline.review.pages import site_of
from pipeline.review.people import Person
from pipeline.review.routes import coaching as pages
from pipeline.review.routes.api import PROBLEMS, Number
from pipeline.review.routes.coaching_forms import (
    Agreeing,
    Building,
    Built,
    ConsentForm,
    EffectForm,
    FlaggedPageForm,
    LineForm,
    MomentForm,
    SessionForm,
    SessionPageForm,
    Written,
)

router = APIRouter(prefix="/api/coaching", responses=PROBLEMS, tags=["coaching"])

CLIP: dict[int | str, dict[str, Any]] = {
    206: {"description": "The range that was asked for"},
    416: {"description": "No such range"},
}


class _Clip(Response):
    media_type = pages.SOUND


@router.get("")
def search_sessions(request: Request, person: Viewer, wanted: pages.Asked) -> SessionPageForm:
    """The sessions that the person may see, of one agent or of all."""
    return SessionPageForm.model_validate(pages.list_sessions(request, person, wanted))


@router.get("/flagged")
def search_flagged(request: Request, person: Viewer, wanted: pages.Asked) -> FlaggedPageForm:
    """What the flagging rules point at in the newest calls that the person may see."""
    return FlaggedPageForm.model_validate(pages.find_flagged(request, person, wanted))


@router.post("")
def new_session(request: Request, person: Coach, body: Building) -> Built:
    """Builds a session of an agent over the calls of some days, sound and all."""
    number = pages.build(request, person, body.agent_id, body.since, body.until)
    return Built(number=number)


@router.get("/consent")
def show_consent(request: Request, person: pages.ConsentingAgent) -> ConsentForm:
    """Whether one lets colleagues hear where one did well."""
    return _consent(request, person)


@router.post("/consent")
def give_consent(request: Request, person: pages.ConsentingAgent) -> ConsentForm:
    """Lets colleagues hear, without a name, moments in which one did well."""
    coaching.change_consent(site_of(request), person, True)
    return _consent(request, person)


@router.delete("/consent")
def withdraw_consent(request: Request, person: pages.ConsentingAgent) -> ConsentForm:
    """Takes it back: such moments are deleted from the sessions of others."""
    lost = coaching.change_consent(site_of(request), person, False)
    return _consent(request, person, lost)


@router.get("/{number}")
def read_session(request: Request, person: Viewer, number: Number) -> SessionForm:
    """A session with the moments that the person may see."""
    return _form(request, person, number)


@router.get("/{number}/clips/{moment}", response_class=_Clip, responses=CLIP)
def hear_moment(request: Request, person: Viewer, number: Number, moment: Number) -> Response:
    """The sound of a moment as MP3, whole or the range of bytes that is asked for. Noted."""
    return pages.hear_moment(request, person, number, moment)


@router.get("/{number}/session.html", response_class=HTMLResponse)
def download(request: Request, person: Coach, number: Number) -> Response:
    """The session as one HTML file with its sound inside. Noted as an export."""
    return pages.download(request, person, number)


@router.put("/{number}/words")
def write_down(request: Request, person: Coach, number: Number, body: Written) -> SessionForm:
    """Goal and note, until the agent has agreed."""
    pages.write(request, person, number, body.goal, body.note)
    return _form(request, person, number)


@router.post("/{number}/hold")
def hold_session(request: Request, person: Coach, number: Number) -> SessionForm:
    """The coach says that it took place."""
    pages.hold(request, person, number)
    return _form(request, person, number)


@router.post("/{number}/agreed")
def agreed_without_account(
    request: Request, person: Coach, number: Number, body: Agreeing
) -> SessionForm:
    """The coach notes that an agent agreed who has no account."""
    pages.agree(request, person, number, body.goal)
    return _form(request, person, number)


@router.post("/{number}/agree")
def agree_to_session(
    request: Request, person: Coached, number: Number, body: Agreeing
) -> SessionForm:
    """The agent agrees to a session that was held, and to its goal."""
    pages.agree(request, person, number, body.goal)
    return _form(request, person, number)


@router.delete("/{number}", status_code=204)
def remove_session(request: Request, person: Coach, number: Number) -> None:
    """Deletes a session with its moments and the files written of it."""
    pages.remove(request, person, number)


def _consent(request: Request, person: Person, lost: int = 0) -> ConsentForm:
    return ConsentForm(given_at=coaching.own_consent(site_of(request), person), lost=lost)


def _form(request: Request, person: Person, number: int) -> SessionForm:
    found = pages.read(request, person, number)
    told = {
        name: getattr(found, name)
        for name in SessionForm.model_fields
        if name not in ("note", "moments", "effects")
    }
    return SessionForm(
        **told,
        note=found.note if may(person, "coach") else None,
        moments=tuple(_moment(moment) for moment in found.moments),
        effects=tuple(
            EffectForm.model_validate(effect)
            for effect in coaching.effects(site_of(request), found, person)
        ),
    )


def _moment(moment: Moment) -> MomentForm:
    own, excerpt = not moment.colleague, moment.excerpt
    return MomentForm(
        number=moment.number,
        kind=moment.kind,
        criterion=moment.criterion,
        colleague=moment.colleague,
        call=moment.call if own else None,
        call_id=excerpt.call_id if own else None,
        at=excerpt.at if own else None,
        start_s=moment.start_s if own else None,
        end_s=moment.end_s if own else None,
        answer=excerpt.answer,
        reason=excerpt.reason,
        would_have_helped=excerpt.would_have_helped,
        confirmed=excerpt.confirmed,
        confidence=excerpt.confidence,
        lines=tuple(
            LineForm(
                role=line.role,
                start_s=line.start_s if own else None,
                text=line.text,
                marks=line.marks,
            )
            for line in excerpt.lines
        ),
        has_clip=moment.has_clip,
        silent=excerpt.silent,
    )

"""Coaching: sessions, flagged calls, and an agent's consent. Pages."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from pydantic import BeforeValidator

from pipeline.coaching import sessions
from pipeline.coaching.page import VERDICTS, marked, share, why
from pipeline.coaching.page import render as render_file
from pipeline.coaching.records import CoachingSession
from pipeline.coaching.rules import load_rules
from pipeline.coaching.sessions import LONGEST_TEXT, CoachingError
from pipeline.coaching.wording import Wording, load_wording
from pipeline.review import audit, coaching
from pipeline.review.access import Coach, Coached, May, Viewer, may
from pipeline.review.coaching import STATUSES, FlaggedPage, SessionPage, Wanted
from pipeline.review.overview import fingerprint
from pipeline.review.pages import back_to, render, site_of
from pipeline.review.people import Person
from pipeline.review.ranges import ranged
from pipeline.review.routes.api import Number
from pipeline.review.search import Choices, choices

router = APIRouter(include_in_schema=False)

Asked = Annotated[Wanted, Query()]
Day = Annotated[date | None, BeforeValidator(lambda text: text or None), Form()]
AgentId = Annotated[str, Form(min_length=1, max_length=200)]
Text = Annotated[str, Form(max_length=LONGEST_TEXT)]
ConsentingAgent = Annotated[Person, Depends(May("be_coached", in_person=True))]

SOUND = "audio/mpeg"


@router.get("/coaching")
def show_sessions(request: Request, person: Viewer, wanted: Asked) -> Response:
    return render(
        request,
        "coaching_list.html",
        wanted=wanted,
        found=list_sessions(request, person, wanted),
        statuses=STATUSES,
        flagged=find_flagged(request, person, wanted),
        choices=_choices(request, person),
        verdicts=VERDICTS,
    )


@router.post("/coaching")
def new_session(
    request: Request, person: Coach, agent_id: AgentId, since: Day = None, until: Day = None
) -> Response:
    number = build(request, person, agent_id.strip(), since, until)
    return back_to(request, f"/coaching/{number}", "The session is there. Read it before you meet.")


@router.get("/coaching/{number}")
def show_session(request: Request, person: Viewer, number: Number) -> Response:
    site = site_of(request)
    found = read(request, person, number)
    with site.store.read() as session:
        account = coaching.has_account(session, found.agent_id)
    wording = load_wording(found.plan.language)
    return render(
        request,
        "coaching_session.html",
        session=found,
        plan=found.plan,
        whose=found.agent_name or found.agent_id,
        own=person.role == "agent",
        account=account,
        effects=coaching.effects(site, found, person),
        verdicts=VERDICTS,
        care=wording.care,
        words_of=_words_of(found, wording),
        share=share,
        why=why,
        marked=marked,
        statuses=STATUSES,
        longest=LONGEST_TEXT,
    )


@router.get("/coaching/{number}/clips/{moment}")
def hear_moment(request: Request, person: Viewer, number: Number, moment: Number) -> Response:
    """The sound of a moment, whole or the range of bytes that is asked for; noted."""
    store = site_of(request).store
    with store.read() as session:
        heard = coaching.moment_of(coaching.find_theirs(session, number, person), moment)
        clip = sessions.clip_of(session, number, moment)
    coaching.note_listening(store, person, number, heard)
    return ranged(clip or b"", request.headers.get("range"), SOUND)


@router.get("/coaching/{number}/session.html")
def download(request: Request, person: Coach, number: Number) -> Response:
    """The session as one file with its sound inside. Noted as an export.

    For who may coach only: what a colleague lets others hear cannot be taken back from a file.
    """
    site = site_of(request)
    with site.store.read() as session:
        found = coaching.find_theirs(session, number, person, clips=True)
    audit.note(site.store, person, "export", f"coaching session {number}")
    page = render_file(found, coaching.effects(site, found, person))
    headers = {"Content-Disposition": f'attachment; filename="coaching-session-{number}.html"'}
    return Response(page, media_type="text/html", headers=headers)


@router.post("/coaching/{number}/words")
def write_down(
    request: Request, person: Coach, number: Number, goal: Text = "", note: Text = ""
) -> Response:
    write(request, person, number, goal, note)
    return back_to(request, f"/coaching/{number}#goal", "Saved.")


@router.post("/coaching/{number}/hold")
def hold_session(request: Request, person: Coach, number: Number) -> Response:
    """The coach says that it took place."""
    hold(request, person, number)
    return back_to(request, f"/coaching/{number}#goal", "Noted as held.")


@router.post("/coaching/{number}/agreed")
def agreed_without_account(
    request: Request, person: Coach, number: Number, goal: Text = ""
) -> Response:
    """The coach notes that an agent agreed who cannot sign in."""
    agree(request, person, number, goal)
    return back_to(request, f"/coaching/{number}#goal", "Noted as agreed.")


@router.post("/coaching/{number}/agree")
def agree_to_session(
    request: Request, person: Coached, number: Number, goal: Text = ""
) -> Response:
    agree(request, person, number, goal)
    return back_to(request, f"/coaching/{number}#goal", "You agreed to this goal.")


@router.post("/account/consent")
def consent(
    request: Request, person: ConsentingAgent, given: Annotated[bool, Form()] = False
) -> Response:
    lost = coaching.change_consent(site_of(request), person, given)
    said = "Thank you. Colleagues may hear moments in which you did well."
    if not given:
        said = "Taken back: no colleague hears moments of yours any more."
        if lost:
            said += f" They are gone from {lost} session{'s' if lost != 1 else ''}."
    return back_to(request, "/account#consent", said)


@router.post("/coaching/{number}/remove")
def remove_session(request: Request, person: Coach, number: Number) -> Response:
    remove(request, person, number)
    return back_to(request, "/coaching", "The session is deleted.")


# What pages and API share.


def list_sessions(request: Request, person: Person, wanted: Wanted) -> SessionPage:
    return coaching.find_sessions(site_of(request), wanted, person)


def find_flagged(request: Request, person: Person, wanted: Wanted) -> FlaggedPage:
    """Shows words of calls, which is noted."""
    site = site_of(request)
    rules = load_rules(site.settings.coaching_rules)
    with site.store.read() as session:
        found = coaching.flagged_calls(session, rules, wanted.agent, person)
    audit.note(site.store, person, "view", "calls flagged for coaching")
    return found


def build(
    request: Request, person: Person, agent_id: str, since: date | None, until: date | None
) -> int:
    """Whole days, the last one too."""
    site = site_of(request)
    first = None if since is None else datetime.combine(since, time.min)
    last = None if until is None else datetime.combine(until, time.max)
    if first is not None and last is not None and first > last:
        raise CoachingError("the time ends before it begins; change one of the days")
    number = coaching.build(site, agent_id, first, last, person)
    audit.note(site.store, person, "change", f"built coaching session {number}")
    return number


def read(request: Request, person: Person, number: int) -> CoachingSession:
    """A session, the look at which is noted; the coach's note only for who may coach."""
    store = site_of(request).store
    found = _theirs(request, person, number)
    audit.note(store, person, "view", f"coaching session {number}")
    return found if may(person, "coach") else replace(found, note="")


def write(
    request: Request, person: Person, number: int, goal: str | None, note: str | None
) -> None:
    store = site_of(request).store
    _theirs(request, person, number)
    sessions.write_down(store, number, goal=goal, note=note)
    audit.note(store, person, "change", f"goal and note of coaching session {number}")


def hold(request: Request, person: Person, number: int) -> None:
    store = site_of(request).store
    _theirs(request, person, number)
    sessions.hold(store, number)
    audit.note(store, person, "change", f"coaching session {number} was held")


def agree(request: Request, person: Person, number: int, goal: str) -> None:
    """The agent, or a coach for an agent who has no account, agrees to the goal as it was read."""
    store = site_of(request).store
    found = _theirs(request, person, number)
    if person.role != "agent":
        with store.read() as session:
            if coaching.has_account(session, found.agent_id):
                raise CoachingError("this agent has an account: they agree themselves")
    sessions.agree(store, number, goal)
    audit.note(store, person, "change", f"agreed to coaching session {number}")


def remove(request: Request, person: Person, number: int) -> None:
    site = site_of(request)
    _theirs(request, person, number)
    sessions.remove(site.store, number)
    coaching.forget_pages(site, number)
    audit.note(site.store, person, "change", f"deleted coaching session {number}")


def _theirs(request: Request, person: Person, number: int) -> CoachingSession:
    with site_of(request).store.read() as session:
        return coaching.find_theirs(session, number, person)


def _words_of(found: CoachingSession, wording: Wording) -> Callable[[str], Any]:
    return lambda criterion: wording.of(criterion, found.plan.figure(criterion).title)


def _choices(request: Request, person: Person) -> Choices | None:
    """The agents to choose from; None for who builds no sessions."""
    if not may(person, "coach"):
        return None
    site = site_of(request)
    with site.store.read() as session:
        key = ("choices", *fingerprint(session, person))
    return site.made_once(key, lambda: choices(site.store, person))

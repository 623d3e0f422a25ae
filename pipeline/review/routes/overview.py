"""The first page, and an agent's."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response

from pipeline.review import audit
from pipeline.review.access import Viewer
from pipeline.review.night import last_night
from pipeline.review.overview import MIN_CALLS, Overview, overview
from pipeline.review.pages import render, site_of
from pipeline.review.people import Person
from pipeline.review.search import Filter, find_calls

router = APIRouter()

Days = Annotated[Literal[7, 30, 90, 365], Query()]


@router.get("/", include_in_schema=False)
def show_overview(
    request: Request, person: Viewer, days: Days = 30, provisional: bool | None = None
) -> Response:
    site = site_of(request)
    if person.role == "agent" and person.agent_id is not None:
        return show_agent(request, person, person.agent_id, days, provisional)
    return render(
        request,
        "overview.html",
        figures=figures_of(request, person, days, provisional),
        night=last_night(site.store, person),
        days=days,
        min_calls=MIN_CALLS,
    )


@router.get("/agents/{agent_id}", include_in_schema=False)
def show_agent(
    request: Request,
    person: Viewer,
    agent_id: str,
    days: Days = 30,
    provisional: bool | None = None,
) -> Response:
    site = site_of(request)
    figures = figures_of(request, person, days, provisional, agent_id)
    wanted = Filter(agent=agent_id, state="flagged")
    calls = find_calls(site.store, Filter(agent=agent_id), person)
    if not calls.calls:
        raise HTTPException(404, "There is no such agent, or their calls are not yours to see.")
    audit.note(site.store, person, "view", f"agent {agent_id}")
    return render(
        request,
        "agent.html",
        agent_id=agent_id,
        figures=figures,
        group=next(iter(figures.agents), None),
        calls=calls,
        flagged=find_calls(site.store, wanted, person),
        days=days,
        min_calls=MIN_CALLS,
    )


def figures_of(
    request: Request,
    person: Person,
    days: int,
    provisional: bool | None,
    agent: str | None = None,
) -> Overview:
    """The figures of what the person may see."""
    site = site_of(request)
    with site.store.read() as session:
        return overview(
            session, person, days, site.settings.dispute_days, provisional=provisional, agent=agent
        )

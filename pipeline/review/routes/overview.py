"""The first page, and an agent's."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from markupsafe import Markup

from pipeline.review import audit, charts
from pipeline.review.access import Viewer
from pipeline.review.night import last_night
from pipeline.review.overview import MIN_CALLS, Overview, fingerprint, overview
from pipeline.review.pages import part, render, site_of
from pipeline.review.people import Person
from pipeline.review.search import Filter, find_calls
from pipeline.review.trust import suggest_only

router = APIRouter()

LONGEST_PERIOD_DAYS = 366

AgentId = Annotated[str, Path(max_length=200)]
Days = Annotated[int, Query(ge=1, le=LONGEST_PERIOD_DAYS)]


@router.get("/", include_in_schema=False)
def show_overview(
    request: Request, person: Viewer, days: Days = 30, provisional: bool | None = None
) -> Response:
    if person.role == "agent" and person.agent_id is not None:
        return show_agent(request, person, person.agent_id, days, provisional)
    return render(
        request,
        "overview.html",
        scores=_scores(request, person, days, provisional),
        night=last_night(site_of(request).store, person),
    )


def _scores(request: Request, person: Person, days: int, provisional: bool | None) -> Markup:
    """Drawn once until something changes: there may be hundreds of agents."""
    site = site_of(request)
    with site.store.read() as session:
        suggested = suggest_only(session)
        key = ("scores", days, provisional, suggested, *fingerprint(session, person))

    def draw() -> Markup:
        figures = figures_of(request, person, days, provisional)
        shown = {"figures": figures, "days": days, "suggested": suggested}
        return part("scores.html", **shown, min_calls=MIN_CALLS)

    return site.made_once(key, draw)


@router.get("/agents/{agent_id:path}", include_in_schema=False)
def show_agent(
    request: Request,
    person: Viewer,
    agent_id: AgentId,
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


@router.get("/charts/{chart}.svg", include_in_schema=False)
def show_chart(
    request: Request,
    person: Viewer,
    chart: Literal["trend", "agents"],
    theme: charts.Theme = "light",
    width: charts.Width = "wide",
    days: Days = 30,
    provisional: bool | None = None,
    agent: str | None = None,
) -> Response:
    """Drawn for one of two themes and widths: the page lets the browser choose."""
    site = site_of(request)
    with site.store.read() as session:
        asked = (chart, theme, width, days, provisional, agent)
        key = (*asked, *fingerprint(session, person))

    def draw() -> bytes:
        figures = figures_of(request, person, days, provisional, agent)
        if chart == "trend":
            return charts.trend_chart(figures.trend, theme, width)
        return charts.interval_chart(figures.agents, theme, width)

    return Response(site.made_once(key, draw), media_type="image/svg+xml")


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

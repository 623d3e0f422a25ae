"""Coaching on the site: which sessions a person may see, flagged calls, what is noted of looks.

A session is somebody's to see by its agent and team. Of its moments they see those of calls that
are theirs to see, and those of colleagues: for that the colleague consented.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from pipeline.coaching.calls import NOBODY, results_of, scored_call
from pipeline.coaching.effect import Effect, effects_of
from pipeline.coaching.flagged import FlaggedCall, flag_calls
from pipeline.coaching.page import pages_of
from pipeline.coaching.records import CoachingSession, LeadsTo, Moment, Status
from pipeline.coaching.rules import Rule
from pipeline.coaching.session import build_session
from pipeline.coaching.sessions import CoachingError, consent_of, find_session, set_consent
from pipeline.coaching.written import write_kept
from pipeline.coaching_tables import CoachingSessionRow
from pipeline.records import Evidence
from pipeline.review import audit
from pipeline.review.access import LARGEST_NUMBER, visible
from pipeline.review.overview import fingerprint
from pipeline.review.people import Person
from pipeline.review.playback import LISTENING
from pipeline.review.site import Site
from pipeline.review.trust import suggest_only
from pipeline.review_tables import AuditRow, PersonRow, StandingRow
from pipeline.store import Store
from pipeline.tables import CallRow, utc_now

PAGE = 20
LAST_PAGE = 2000
LAST_WEEKS = timedelta(days=28)
"""Calls so far back from the newest one are looked at for flags: as long as a session is over."""
MOST_LOOKED_AT = 200
"""Of them so many of the newest: each is read with all its words."""
SHOWN_OF_A_RULE = 8
QUOTES = 2
"""Of a flagged call; the rest is on its page."""
STATUSES: tuple[Status, ...] = ("planned", "held", "agreed")
ORDER: dict[LeadsTo, int] = {"care": 0, "praise": 1, "talk": 2}


class Wanted(BaseModel):
    """What the page of coaching asks for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    agent: str = Field("", max_length=200)
    """An agent id; empty: all that are the person's to see."""
    page: int = Field(1, ge=1, le=LAST_PAGE)


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A session in a list; ``focus`` are titles of criteria, ``effects`` one for each."""

    number: int
    agent_id: str
    agent_name: str | None
    team: str | None
    since: datetime
    until: datetime
    created_at: datetime
    status: Status
    held_at: datetime | None
    focus: tuple[str, ...]
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class SessionPage:
    """A page of sessions: planned ones first, then held, then agreed ones, the newest first."""

    sessions: tuple[SessionLine, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class FlaggedLine:
    """A call that a rule points at, with some of the evidence."""

    number: int
    call_id: str
    agent_id: str
    agent_name: str | None
    at: datetime
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule, how many calls it points at, and the newest of them."""

    rule: str
    title: str
    leads_to: LeadsTo
    total: int
    calls: tuple[FlaggedLine, ...]


@dataclass(frozen=True, slots=True)
class FlaggedPage:
    """What the rules point at in the newest ``looked_at`` calls, those for care first."""

    rules: tuple[RuleLine, ...]
    looked_at: int
    since: datetime | None


def find_sessions(site: Site, wanted: Wanted, person: Person) -> SessionPage:
    """The sessions that the person may see."""
    where = [visible(person, CoachingSessionRow)]
    if wanted.agent:
        where.append(CoachingSessionRow.agent_id == wanted.agent)
    order = case(dict(zip(STATUSES, range(3), strict=True)), value=CoachingSessionRow.status)
    rows = select(CoachingSessionRow.id).where(*where).order_by(order, CoachingSessionRow.id.desc())
    with site.store.read() as session:
        total = session.scalar(select(func.count(CoachingSessionRow.id)).where(*where)) or 0
        numbers = session.scalars(rows.limit(PAGE).offset((wanted.page - 1) * PAGE)).all()
        found = [find_session(session, number) for number in numbers]
    return SessionPage(
        sessions=tuple(_line(site, shown, person) for shown in found if shown is not None),
        total=total,
        page=wanted.page,
        pages=max(1, -(-total // PAGE)),
    )


def find_theirs(
    session: Session, number: int, person: Person, *, clips: bool = False
) -> CoachingSession:
    """A session with the moments that the person may see. Raises 404."""
    known = select(CoachingSessionRow.id).where(
        CoachingSessionRow.id == number, visible(person, CoachingSessionRow)
    )
    found = None
    if 0 < number <= LARGEST_NUMBER and session.scalar(known) is not None:
        found = find_session(session, number, clips=clips)
    if found is None:
        raise HTTPException(404, "There is no such session, or it is not yours to see.")
    calls = select(CallRow.id).where(
        CallRow.id.in_([moment.call for moment in found.moments]), visible(person)
    )
    theirs = set(session.scalars(calls))
    shown = (moment for moment in found.moments if moment.colleague or moment.call in theirs)
    return replace(found, moments=tuple(shown))


def moment_of(found: CoachingSession, number: int) -> Moment:
    """A moment of a session that can be heard. Raises 404."""
    for moment in found.moments:
        if moment.number == number and moment.has_clip:
            return moment
    raise HTTPException(404, "There is no such sound in this session.")


def effects(site: Site, found: CoachingSession, person: Person) -> tuple[Effect, ...]:
    """Whether it helped, worked out once until a call is scored or corrected."""
    if found.held_at is None:
        return ()
    with site.store.read() as session:
        key = ("effects", found.number, found.held_at, *fingerprint(session, person))

    def work_out() -> tuple[Effect, ...]:
        with site.store.read() as session:
            return effects_of(session, found)

    return site.made_once(key, work_out)


def build(
    site: Site, agent_id: str, since: datetime | None, until: datetime | None, person: Person
) -> int:
    """Builds a session of an agent whose newest call in that time the person may see.

    Raises 404 where it is not theirs, and what :func:`build_session` raises.
    """
    newest = select(StandingRow).where(StandingRow.agent_id == agent_id)
    if until is not None:
        newest = newest.where(StandingRow.at <= until)
    newest = newest.order_by(StandingRow.at.desc(), StandingRow.call.desc()).limit(1)
    theirs = select(StandingRow.call).where(visible(person, StandingRow))
    with site.store.read() as session:
        row = session.scalar(newest)
        known = None
        if row is not None:
            known = session.scalar(theirs.where(StandingRow.call == row.call))
    if known is None:
        raise HTTPException(404, "There is no such agent, or their calls are not yours to see.")
    return build_session(
        site.store,
        site.settings,
        agent_id,
        suggest_only,
        since=since,
        until=until,
        created_by=person.name,
    )


def flagged_calls(
    session: Session, rules: Sequence[Rule], agent_id: str, person: Person
) -> FlaggedPage:
    """What the rules point at in the last weeks' calls that the person may see.

    ``agent_id`` empty: of all agents. Calls whose agent is not known are left out: nobody can be
    coached on them.
    """
    where = [visible(person, StandingRow), StandingRow.agent_id != NOBODY]
    if agent_id:
        where.append(StandingRow.agent_id == agent_id)
    newest = session.scalar(select(func.max(StandingRow.at)).where(*where))
    if newest is None:
        return FlaggedPage((), 0, None)
    rows = (
        session.execute(
            select(StandingRow, CallRow.call_id, CallRow.queue, CallRow.agent_name)
            .join(CallRow, CallRow.id == StandingRow.call)
            .where(*where, StandingRow.at > newest - LAST_WEEKS)
            .order_by(StandingRow.at.desc(), StandingRow.call.desc())
            .limit(MOST_LOOKED_AT)
        )
        .tuples()
        .all()
    )
    names = {standing.call: name for standing, _, _, name in rows}
    by_agent = defaultdict(list)
    for standing, call_id, queue, _ in reversed(rows):
        by_agent[standing.agent_id].append(scored_call(standing, call_id, queue))
    flagged = [
        found
        for calls in by_agent.values()
        for found in flag_calls(rules, results_of(session, calls))
    ]
    lines = [_rule_line(rule, flagged, names) for rule in rules]
    return FlaggedPage(
        rules=tuple(sorted((x for x in lines if x.total), key=lambda line: ORDER[line.leads_to])),
        looked_at=len(rows),
        since=rows[-1][0].at,
    )


def has_account(session: Session, agent_id: str) -> bool:
    """Whether an agent can sign in: then nobody else agrees for them."""
    account = select(PersonRow.id).where(
        PersonRow.role == "agent", PersonRow.agent_id == agent_id, PersonRow.active
    )
    return session.scalar(account.limit(1)) is not None


def note_listening(store: Store, person: Person, number: int, moment: Moment) -> None:
    """Notes in the audit log that somebody hears a moment of a session: once a listening."""
    what = f"coaching session {number}, moment {moment.number}"
    noted = select(AuditRow.id).where(
        AuditRow.person == person.id,
        AuditRow.action == "play",
        AuditRow.what == what,
        AuditRow.at > utc_now() - LISTENING,
    )
    with store.read() as session:
        if session.scalar(noted.limit(1)) is not None:
            return
        call_id = session.get_one(CallRow, moment.call).call_id
    audit.note(store, person, "play", what, call_id)


def own_consent(site: Site, person: Person) -> datetime | None:
    """Since when the person consents; None: they do not. Raises 400 without an agent id."""
    with site.store.read() as session:
        return consent_of(session, _own_id(person))


def change_consent(site: Site, person: Person, given: bool) -> int:
    """Gives or withdraws the person's own consent; gives how many sessions lost moments by it.

    Pages that were written of those sessions are written anew, without them. Raises 400 without an
    agent id.
    """
    lost = set_consent(site.store, _own_id(person), given)
    audit.note(site.store, person, "change", f"{'gave' if given else 'withdrew'} consent")
    for number in lost:
        if pages_of([number], site.settings):
            with suppress(CoachingError):  # it is deleted by now, and its page too
                write_kept(site.store, site.settings, number)
    return len(lost)


def forget_pages(site: Site, number: int) -> None:
    """Deletes the pages that were written of a session."""
    for path in pages_of([number], site.settings):
        with suppress(FileNotFoundError):
            path.unlink()


def _own_id(person: Person) -> str:
    if person.agent_id is None:
        raise HTTPException(400, "Your account has no agent id; ask an administrator.")
    return person.agent_id


def _line(site: Site, found: CoachingSession, person: Person) -> SessionLine:
    return SessionLine(
        number=found.number,
        agent_id=found.agent_id,
        agent_name=found.agent_name,
        team=found.team,
        since=found.since,
        until=found.until,
        created_at=found.created_at,
        status=found.status,
        held_at=found.held_at,
        focus=tuple(found.plan.figure(criterion).title for criterion in found.plan.focus),
        effects=effects(site, found, person),
    )


def _rule_line(
    rule: Rule, flagged: Sequence[FlaggedCall], names: dict[int, str | None]
) -> RuleLine:
    # Two criteria missed again and again may point at the same call: it is one line.
    by_call: dict[int, list[FlaggedCall]] = defaultdict(list)
    for found in flagged:
        if found.rule is rule:
            by_call[found.call.number].append(found)
    newest = sorted(by_call.values(), key=lambda same: same[0].call.at, reverse=True)
    return RuleLine(
        rule=rule.id,
        title=rule.title,
        leads_to=rule.leads_to,
        total=len(by_call),
        calls=tuple(
            FlaggedLine(
                number=same[0].call.number,
                call_id=same[0].call.call_id,
                agent_id=same[0].call.agent_id,
                agent_name=names[same[0].call.number],
                at=same[0].call.at,
                evidence=_quotes(same),
            )
            for same in newest[:SHOWN_OF_A_RULE]
        ),
    )


def _quotes(same: Sequence[FlaggedCall]) -> tuple[Evidence, ...]:
    """The first of the evidence; words that stand for several things are shown once."""
    once: dict[tuple[float | None, str], Evidence] = {}
    for found in same:
        for part in found.evidence:
            once.setdefault((part.start_s, part.quote), part)
    return tuple(once.values())[:QUOTES]

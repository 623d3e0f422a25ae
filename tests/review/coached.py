"""A kept coaching session for tests that need no models."""

from datetime import datetime

from sqlalchemy import select

from pipeline.coaching.records import (
    EXCERPT,
    PLAN,
    Excerpt,
    Figure,
    FlagCount,
    Line,
    Plan,
    Share,
    Strength,
)
from pipeline.coaching.sessions import find_session
from pipeline.coaching_tables import CoachingMomentRow, CoachingSessionRow
from pipeline.records import Evidence
from pipeline.review_tables import AuditRow
from pipeline.store import Store
from pipeline.tables import CallRow, utc_now

CLIP = bytes(range(256)) * 4
GOAL = "Ask first."
FOCUS, STRENGTH = "listen_first", "solve"


def a_plan(words: str) -> Plan:
    """One strength, one focus point, one call that was abusive."""
    figures = tuple(
        Figure(name, f"{name} {words}", 20.0, Share(12, share, 0.1, 0.95), Share(0), 9.0, 0.8,
               "colleagues", 4.0, False)
        for name, share in ((FOCUS, 0.4), (STRENGTH, 0.9))
    )  # fmt: skip
    return Plan(
        calls=13,
        counted=12,
        disputed=0,
        abusive=1,
        few=False,
        language="en",
        figures=figures,
        strengths=(Strength(STRENGTH, "reliable"),),
        focus=(FOCUS,),
        flagged=(FlagCount("low_score", f"Low score {words}", "talk", 2),),
    )


def add_session(
    store: Store,
    call: int,
    agent_id: str,
    team: str | None,
    words: str,
    *,
    colleague: int | None = None,
    agent_name: str | None = None,
) -> tuple[int, int]:
    """Keeps a session of an agent, every text of which holds ``words``; gives its number and that
    of its first moment. ``colleague``: the call in which it was done well.
    """
    with store.read() as session:
        call_id = session.get_one(CallRow, call).call_id
    with store.write() as session:
        row = CoachingSessionRow(
            agent_id=agent_id,
            agent_name=agent_name or f"agent {words}",
            team=team,
            since=datetime(2026, 5, 1),
            until=datetime(2026, 5, 28),
            rubric="leap 1",
            plan_json=PLAN.dump_json(a_plan(words)).decode(),
            created_at=utc_now(),
            created_by="qa",
            goal=GOAL,
            note=f"note {words}",
        )
        session.add(row)
        session.flush()
        moments = [
            _moment(row.id, place, kind, call, call_id, words)
            for place, kind in ((0, "missed"), (2, "strength"), (3, "care"))
        ]
        if colleague is not None:
            moments.append(_moment(row.id, 1, "well", colleague, None, "of somebody"))
        session.add_all(moments)
        session.flush()
        return row.id, moments[0].id


def noted(store: Store, action: str) -> list[tuple[str, str | None]]:
    """What was noted in the audit log, and of which call."""
    with store.read() as session:
        rows = select(AuditRow.what, AuditRow.call_id).where(AuditRow.action == action)
        return list(session.execute(rows.order_by(AuditRow.id)).tuples())


def moments(store: Store, number: int) -> dict[str, int]:
    """The numbers of a session's moments by their kind."""
    with store.read() as session:
        found = find_session(session, number)
    assert found is not None
    return {moment.kind: moment.number for moment in found.moments}


def _moment(
    number: int, place: int, kind: str, call: int, call_id: str | None, words: str
) -> CoachingMomentRow:
    excerpt = Excerpt(
        call_id=call_id,
        at=datetime(2026, 5, 12) if call_id else None,
        answer="missed",
        reason=f"reason {words}",
        would_have_helped=f"better {words}",
        lines=(Line("customer", 1.0, f"line {words}", ()), Line("agent", 4.0, words, ((0, 4),))),
        evidence=(Evidence("agent", 4.0, 5.0, "", "answer"),),
        confirmed=False,
        confidence=0.9,
    )
    return CoachingMomentRow(
        session=number,
        call=call,
        place=place,
        kind=kind,
        criterion={"missed": FOCUS, "well": FOCUS, "strength": STRENGTH}.get(kind),
        colleague=call_id is None,
        start_s=1.0,
        end_s=6.0,
        excerpt_json=EXCERPT.dump_json(excerpt).decode(),
        clip=CLIP,
    )

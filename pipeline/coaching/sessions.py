"""Kept sessions: finding them, and taking them from planned to held and agreed."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session, defer

from pipeline.coaching.records import (
    EXCERPT,
    PLAN,
    CoachingSession,
    Moment,
    MomentKind,
    Plan,
    Status,
)
from pipeline.coaching_tables import CoachingMomentRow, CoachingSessionRow, ConsentRow
from pipeline.errors import PermanentError
from pipeline.legal_hold import list_holds
from pipeline.standing import lock
from pipeline.store import Store
from pipeline.tables import CallRow, utc_now

LONGEST_TEXT = 4000
"""Characters of a goal or a note."""


class CoachingError(PermanentError):
    """A session cannot be built or changed; the message says why."""


def find_session(session: Session, number: int, *, clips: bool = False) -> CoachingSession | None:
    """A kept session; ``clips``: with the sound of its moments."""
    row = session.get(CoachingSessionRow, number)
    return None if row is None else _session(session, row, clips)


def list_sessions(
    session: Session, where: ColumnElement[bool] | None = None
) -> list[CoachingSession]:
    """Kept sessions, the newest first, without sound; ``where`` on ``CoachingSessionRow``."""
    rows = select(CoachingSessionRow).order_by(CoachingSessionRow.id.desc())
    if where is not None:
        rows = rows.where(where)
    return [_session(session, row, False) for row in session.scalars(rows).all()]


def clip_of(session: Session, number: int, moment: int) -> bytes | None:
    """The sound of a moment of a session, MP3; None where there is none."""
    clip = select(CoachingMomentRow.clip).where(
        CoachingMomentRow.id == moment, CoachingMomentRow.session == number
    )
    return session.scalar(clip)


def write_down(
    store: Store, number: int, *, goal: str | None = None, note: str | None = None
) -> None:
    """Changes goal and note (None: as it is) of a session that the agent has not agreed to yet.

    Raises CoachingError.
    """
    with store.write() as session:
        row = _row(session, number)
        if row.status == "agreed":
            raise CoachingError("the agent has agreed to this session: it stays as it is")
        for name, text in (("goal", goal), ("note", note)):
            if text is not None:
                if len(text) > LONGEST_TEXT:
                    raise CoachingError(f"{name}: longer than {LONGEST_TEXT} characters")
                setattr(row, name, as_kept(text))


def as_kept(text: str) -> str:
    """A goal or a note as it is kept: browsers end lines in their own way."""
    return "\n".join(text.splitlines()).strip()


def hold(store: Store, number: int) -> None:
    """The coach says that the session took place. Raises CoachingError."""
    with store.write() as session:
        row = _row(session, number)
        if row.status != "planned":
            raise CoachingError("this session was held already")
        row.status, row.held_at = "held", utc_now()


def agree(store: Store, number: int, goal: str) -> None:
    """The agent agrees to a session that was held, and to its goal.

    ``goal``: as it was read. Raises CoachingError, also where another stands by now.
    """
    with store.write() as session:
        row = _row(session, number)
        if row.status != "held":
            raise CoachingError("only a session that was held, and no more than once, is agreed to")
        if not row.goal:
            raise CoachingError("there is no goal yet to agree to")
        if as_kept(goal) != as_kept(row.goal):
            raise CoachingError("the goal was changed since you read it; read it again")
        row.status, row.agreed_at = "agreed", utc_now()


def remove(store: Store, number: int) -> None:
    """Deletes a session with its moments.

    Raises CoachingError, also where it shows a call that is under legal hold.
    """
    with store.write() as session:
        row = _row(session, number)
        why = _why_held(session, number)
        if why is not None:
            raise CoachingError(f"{why}; the session shows it: lift the hold first")
        session.delete(row)


def remove_untouched(
    session: Session,
    agent_id: str,
    since: datetime,
    until: datetime,
    proposed: Callable[[Plan], str],
) -> list[int]:
    """Deletes planned sessions of an agent over the same days; gives their numbers.

    Those stay that have a note or another goal than was ``proposed``, and those that show a call
    under legal hold.
    """
    same = select(CoachingSessionRow).where(
        CoachingSessionRow.agent_id == agent_id,
        CoachingSessionRow.since == since,
        CoachingSessionRow.until == until,
        CoachingSessionRow.status == "planned",
    )
    gone = []
    for row in session.scalars(same.with_for_update()).all():
        touched = row.note or row.goal != proposed(PLAN.validate_json(row.plan_json))
        if not touched and _why_held(session, row.id) is None:
            session.delete(row)
            gone.append(row.id)
    return gone


def consent_of(session: Session, agent_id: str) -> datetime | None:
    """Since when colleagues may hear where this agent did well; None: they may not."""
    row = session.get(ConsentRow, agent_id)
    return None if row is None else row.given_at


def set_consent(store: Store, agent_id: str, given: bool) -> tuple[int, ...]:
    """Gives or withdraws an agent's consent.

    Withdrawn, the moments of theirs that sessions of others show are deleted; returned are the
    numbers of those sessions: pages that were written of them still hold the moments.
    """
    with store.write() as session:
        row = session.get(ConsentRow, agent_id)
        if given:
            if row is None:
                session.add(ConsentRow(agent_id=agent_id, given_at=utc_now()))
            return ()
        if row is not None:
            session.delete(row)
        theirs = select(CallRow.id).where(CallRow.agent_id == agent_id)
        shown = (CoachingMomentRow.colleague, CoachingMomentRow.call.in_(theirs))
        numbers = select(CoachingMomentRow.session).where(*shown).distinct()
        found = tuple(session.scalars(numbers.order_by(CoachingMomentRow.session)))
        session.execute(delete(CoachingMomentRow).where(*shown))
        return found


def _row(session: Session, number: int) -> CoachingSessionRow:
    row = session.get(CoachingSessionRow, number, with_for_update=True)
    if row is None:
        raise CoachingError(f"no coaching session has the number {number}")
    return row


def _why_held(session: Session, number: int) -> str | None:
    """Which legal hold on a call that a session shows forbids to delete it; None: there is none.

    Of a colleague's call neither its id nor the reason is told. Until the transaction ends nobody
    holds one of these calls.
    """
    moments = select(CoachingMomentRow.call, CoachingMomentRow.colleague)
    of_session = moments.where(CoachingMomentRow.session == number)
    colleagues = dict(session.execute(of_session).tuples().all())
    for call in sorted(colleagues):
        lock(session, call)
    held = sorted(list_holds(session, colleagues), key=lambda hold: colleagues[hold.call])
    if not held:
        return None
    if colleagues[held[0].call]:
        return f"a colleague's call is under legal hold since {held[0].at:%Y-%m-%d}"
    return held[0].told()


def _session(session: Session, row: CoachingSessionRow, clips: bool) -> CoachingSession:
    return CoachingSession(
        number=row.id,
        agent_id=row.agent_id,
        agent_name=row.agent_name,
        team=row.team,
        since=row.since,
        until=row.until,
        rubric=row.rubric,
        created_at=row.created_at,
        created_by=row.created_by,
        status=cast(Status, row.status),
        held_at=row.held_at,
        agreed_at=row.agreed_at,
        goal=row.goal,
        note=row.note,
        plan=PLAN.validate_json(row.plan_json),
        moments=tuple(_moments(session, row.id, clips)),
    )


def _moments(session: Session, number: int, clips: bool) -> list[Moment]:
    wanted: Any = (
        select(CoachingMomentRow, CoachingMomentRow.clip.is_not(None))
        .where(CoachingMomentRow.session == number)
        .order_by(CoachingMomentRow.place, CoachingMomentRow.id)
    )
    if not clips:  # hundreds of kilobytes each
        wanted = wanted.options(defer(CoachingMomentRow.clip))
    return [
        Moment(
            number=row.id,
            call=row.call,
            place=row.place,
            kind=cast(MomentKind, row.kind),
            criterion=row.criterion,
            colleague=row.colleague,
            start_s=row.start_s,
            end_s=row.end_s,
            excerpt=EXCERPT.validate_json(row.excerpt_json),
            has_clip=has_clip,
            clip=row.clip if clips else None,
        )
        for row, has_clip in session.execute(wanted).tuples()
    ]

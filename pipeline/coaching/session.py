"""Builds the coaching session of an agent and keeps it."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from pipeline.coaching.calls import (
    MIN_JUDGED,
    NOBODY,
    Asked,
    ScoredCall,
    asked_of,
    earlier_than,
    figures_of,
    results_of,
    scored_calls,
)
from pipeline.coaching.choose import focus_of, strengths_of
from pipeline.coaching.cuts import Chosen, Cut, cut_moments
from pipeline.coaching.flagged import FlaggedCall, count_flags, flag_calls
from pipeline.coaching.moments import (
    Candidate,
    best_met,
    best_missed,
    candidates_of,
    from_colleagues,
    verdicts_of,
)
from pipeline.coaching.page import pages_of
from pipeline.coaching.records import PLAN, Figure, Plan
from pipeline.coaching.rules import Rule, load_rules
from pipeline.coaching.sessions import CoachingError, remove_untouched
from pipeline.coaching.wording import load_wording
from pipeline.coaching_tables import CoachingSessionRow, ConsentRow
from pipeline.forgotten import hold_off_storing
from pipeline.fulltext import has_words
from pipeline.review_tables import StandingRow
from pipeline.settings import Settings
from pipeline.standing import lock
from pipeline.store import Store
from pipeline.tables import CallRow, utc_now

SuggestOnly = Callable[[Session, str], frozenset[str]]
"""Of a rubric (``leap 1``) the criteria that the machine is not relied on for:
:func:`pipeline.review.trust.suggest_only`."""

FOUR_WEEKS = timedelta(days=28)
PAIRS = 2
"""Of a focus point: one moment may be chance, three are a lecture."""
CARE_MOMENTS = 2
FULL_STEP = 0.5
"""Where nobody shows what can be reached, the goal is half of the way to all of the points."""


def build_session(
    store: Store,
    settings: Settings,
    agent_id: str,
    suggest_only: SuggestOnly,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    created_by: str = "",
) -> int:
    """Builds a session over an agent's calls, keeps it, and gives its number.

    It takes the place of one over the same days that nobody has done anything with yet.

    Times are UTC without a zone; without ``since`` it is over the four weeks up to the agent's
    newest call.

    Raises
    ------
    CoachingError
        There is nothing to talk about: no calls in that time, or nobody's; or a call was deleted
        while it was read.
    RubricError
        The flagging rules or the wording cannot be read.
    StorageError
        Where the recordings lie does not answer.
    """
    rules = load_rules(settings.coaching_rules)
    if agent_id == NOBODY:
        raise CoachingError(
            "the agent of these calls is not known: give agent_id in their metadata"
        )
    try:
        with store.read() as session:
            calls = _calls(session, agent_id, since, until)
            since = since or calls[-1].at - FOUR_WEEKS
            asked = asked_of(session, calls)
            suggested = suggest_only(session, asked.rubric)
            plan, chosen = _plan(session, calls, since, asked, rules, suggested)
            agent = session.get_one(CallRow, calls[-1].number)
    except NoResultFound:
        raise CoachingError(
            f"agent {agent_id}: a call was deleted while it was read; try again"
        ) from None
    # Outside of any transaction: recordings are decoded, which takes a while.
    cuts = cut_moments(store, settings, chosen)
    with store.write() as session:
        hold_off_storing(session)  # and deleting
        replaced = remove_untouched(session, agent_id, since, calls[-1].at, propose_goal)
        # In the order of calls: who locks several does so in the same.
        in_order = sorted(cuts, key=lambda cut: cut.call.number)
        shown = [cut.row for cut in in_order if _may_show(session, cut)]
        row = CoachingSessionRow(
            agent_id=agent_id,
            agent_name=agent.agent_name,
            team=agent.team,
            since=since,
            until=calls[-1].at,
            rubric=asked.rubric,
            plan_json=PLAN.dump_json(plan).decode(),
            created_at=utc_now(),
            created_by=created_by,
            goal=propose_goal(plan),
        )
        session.add(row)
        session.flush()
        number = row.id
        for moment in shown:
            moment.session = number
            session.add(moment)
    for page in pages_of(replaced, settings):
        page.unlink(missing_ok=True)
    return number


def propose_goal(plan: Plan) -> str:
    """A goal from the first focus point: so many of the next ten calls. Empty without one."""
    if not plan.focus:
        return ""
    figure = plan.figure(plan.focus[0])
    wording = load_wording(plan.language).of(figure.criterion, figure.title)
    return wording.goal.format(target=target_of(figure)).strip()


def target_of(figure: Figure) -> int:
    """Of the next ten calls, in how many the behaviour should be there: more than now."""
    now = figure.now.share or 0.0
    aim = figure.reachable
    if figure.against == "full":
        aim = now + FULL_STEP * (figure.reachable - now)
    return min(10, max(ceil(10 * aim - 1e-9), int(10 * now) + 1))


def _calls(
    session: Session, agent_id: str, since: datetime | None, until: datetime | None
) -> list[ScoredCall]:
    calls = scored_calls(session, agent_id, since, until)
    if not calls:
        known = scored_calls(session, agent_id, None, None)
        if not known:
            raise CoachingError(f"agent {agent_id}: no scored calls; see callscore score")
        raise CoachingError(
            f"agent {agent_id}: no scored calls in that time; the newest is of "
            f"{known[-1].at:%Y-%m-%d}"
        )
    if since is None:
        calls = [call for call in calls if call.at > calls[-1].at - FOUR_WEEKS]
    return calls


def _plan(
    session: Session,
    calls: Sequence[ScoredCall],
    since: datetime,
    asked: Asked,
    rules: Sequence[Rule],
    suggested: frozenset[str],
) -> tuple[Plan, list[Chosen]]:
    verdicts = verdicts_of(session, calls)
    candidates: list[Candidate] = []
    language, wordless = None, 0

    def read() -> Any:
        nonlocal language, wordless
        for call, result in results_of(session, calls):
            wordless += "words_deleted_at" in result
            candidates.extend(candidates_of(call, result, verdicts))
            language = result["language"] or language
            yield call, result

    flagged = flag_calls(rules, read())
    candidates = [
        found for found in candidates if found.criterion not in suggested or found.confirmed
    ]
    before = scored_calls(session, calls[0].agent_id, *earlier_than(since, calls[-1].at))
    figures = figures_of(session, calls, before, asked, suggested)
    focus = focus_of(figures, {c.criterion for c in candidates if c.answer != "met"})
    strengths = strengths_of(figures, calls, before, focus)
    counted = sum(call.counts for call in calls)
    plan = Plan(
        calls=len(calls),
        counted=counted,
        disputed=sum(call.disputed for call in calls),
        abusive=sum(call.abusive for call in calls),
        few=counted < MIN_JUDGED,
        language=language or "en",
        figures=figures,
        strengths=strengths,
        focus=focus,
        flagged=count_flags(rules, flagged),
        wordless=wordless,
    )
    return plan, _choose(session, plan, candidates, flagged)


def _choose(
    session: Session,
    plan: Plan,
    candidates: Sequence[Candidate],
    flagged: Sequence[FlaggedCall],
) -> list[Chosen]:
    """The moments in the order of the session: care, strengths, focus points."""
    by_rule = {found.call.number: found for found in flagged if found.rule.leads_to == "care"}
    newest_first = sorted(by_rule.values(), key=lambda found: found.call.at, reverse=True)
    chosen = [Chosen("care", None, f.call, f) for f in newest_first if f.evidence][:CARE_MOMENTS]
    praised = frozenset(f.call.number for f in flagged if f.rule.leads_to == "praise")
    taken: set[int] = set()
    for strength in plan.strengths:
        # Other calls where there are some: a strength is not one good call.
        found = best_met(candidates, strength.criterion, None, frozenset(taken), praised)
        found = found or best_met(candidates, strength.criterion)
        if found is not None:
            chosen.append(Chosen("strength", strength.criterion, found.call, found))
            taken.add(found.call.number)
    for criterion in plan.focus:
        used: set[int] = set()
        for missed in best_missed(candidates, criterion, PAIRS, frozenset(taken)):
            chosen.append(Chosen("missed", criterion, missed.call, missed))
            taken.add(missed.call.number)
            well = best_met(candidates, criterion, missed.call, frozenset(used))
            colleague = well is None
            if well is None:
                others = from_colleagues(session, missed.call.agent_id, criterion)
                well = best_met(others, criterion, missed.call, frozenset(used))
            if well is not None:
                chosen.append(Chosen("well", criterion, well.call, well, colleague))
                used.add(well.call.number)
    return chosen


def _may_show(session: Session, cut: Cut) -> bool:
    """Whether a moment may still be shown: much may have happened while its sound was cut.

    Until the transaction ends nobody changes that.
    """
    number = cut.call.number
    lock(session, number)
    still = (
        select(StandingRow.result, StandingRow.agent_id)
        .join(CallRow, CallRow.id == StandingRow.call)
        .where(StandingRow.call == number, has_words())
    )
    found = session.execute(still).first()
    if found is None or found.result != cut.call.result:
        return False
    # More may be hidden in the same result by now.
    if [result for _, result in results_of(session, [cut.call])] != [cut.result]:
        return False
    if not cut.row.colleague:
        return True
    # Who withdraws it waits, and then deletes what was stored.
    consent = session.get(ConsentRow, found.agent_id, with_for_update={"read": True})
    return consent is not None

"""``callscore coach``: builds a session, prints what it is about, writes its page."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from sqlalchemy import select

from pipeline.coaching.page import VERDICTS, pages_of, share, why
from pipeline.coaching.records import CoachingSession
from pipeline.coaching.session import build_session
from pipeline.coaching.sessions import consent_of, set_consent
from pipeline.coaching.written import write_kept
from pipeline.errors import SettingsError
from pipeline.review.trust import suggest_only
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tables import CallRow
from pipeline.wording import counted

Say = Callable[[str], None]
A_DAY = timedelta(days=1) - timedelta(microseconds=1)


def coach_agent(
    agent: str, since: str | None, until: str | None, settings: Settings, say: Say
) -> None:
    """Raises CallscoreError where there is nothing to talk about."""
    first, last = read_day("--since", since), read_day("--until", until)
    if last is not None and until is not None and len(until) == len("2026-05-12"):
        last += A_DAY
    with Store.of(settings) as store:
        number = build_session(store, settings, agent, suggest_only, since=first, until=last)
        built, effects, path = write_kept(store, settings, number)
    for line in _summary(built):
        say(line)
    for effect in effects:
        say(f"Since the last session, {effect.title}: {VERDICTS[effect.verdict]}")
    say(f"Session {number}: {path}")


def note_consent(agent: str, given: bool, settings: Settings, say: Say) -> None:
    """Gives or withdraws consent; pages that hold what was withdrawn are deleted.

    Raises SettingsError where nobody is known by that id: no call is theirs, and no consent stands.
    """
    with Store.of(settings) as store:
        with store.read() as session:
            known = session.scalars(select(CallRow.agent_id).distinct()).all()
            stands = consent_of(session, agent) is not None
        if agent not in known and not stands:
            raise SettingsError(_nobody(agent, [name for name in known if name]))
        shown = set_consent(store, agent, given)
    say(f"{agent}: {'consents' if given else 'no longer consents'}")
    for path in pages_of(shown, settings):
        path.unlink(missing_ok=True)
        say(f"deleted, because it held what was withdrawn: {path}")


def read_day(option: str, text: str | None) -> datetime | None:
    """A date or time as ISO 8601 writes it, as UTC without a zone. Raises SettingsError."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option}: found {text!r}; expected a date as 2026-05-12") from None
    return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)


def _nobody(agent: str, known: Sequence[str]) -> str:
    alike = get_close_matches(agent, known)
    advice = f"did you mean {' or '.join(alike)}?" if alike else "use the agent_id of their calls"
    return f"agent {agent}: no scored calls, and no consent to take back; {advice}"


def _summary(built: CoachingSession) -> list[str]:
    plan = built.plan
    whose = built.agent_id if built.agent_name is None else f"{built.agent_name} ({built.agent_id})"
    lines = [f"{whose}: {built.since:%d %b %Y} to {built.until:%d %b %Y}, calls: {plan.calls}"]
    if plan.few:
        lines.append(f"Calls that count: {plan.counted}. Talk about moments, not about a trend.")
    lines += [f"{found.title}: {found.calls}" for found in plan.flagged]
    for strength in plan.strengths:
        figure = plan.figure(strength.criterion)
        lines.append(f"Strength: {figure.title}. {why(strength, figure)}: {share(figure)}")
    for criterion in plan.focus:
        figure = plan.figure(criterion)
        lines.append(
            f"Focus: {figure.title}: {share(figure)}, {figure.to_gain:.1f} points a call to gain"
        )
    if not plan.focus:
        lines.append("Focus: none; nothing costs enough points that could be gained.")
    if built.goal:
        lines.append(f"Proposed goal: {built.goal}")
    sound = sum(moment.has_clip for moment in built.moments)
    lines.append(f"{counted(len(built.moments), 'moment')}, {sound} with sound")
    if plan.wordless:
        calls = counted(plan.wordless, "call")
        lines.append(f"The words of {calls} are deleted: of them there is no moment to show.")
    return lines

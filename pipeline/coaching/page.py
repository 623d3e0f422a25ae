"""A session as one HTML file with its sound inside, to hear together and to print."""

import os
from base64 import b64encode
from collections.abc import Iterable, Sequence
from pathlib import Path
from secrets import token_hex

from markupsafe import Markup

from pipeline import __version__
from pipeline.coaching.calls import MIN_JUDGED
from pipeline.coaching.effect import Effect
from pipeline.coaching.records import CoachingSession, Figure, Moment, Strength
from pipeline.coaching.wording import CriterionWording, load_wording
from pipeline.errors import SettingsError
from pipeline.report import environment
from pipeline.settings import Settings

FOLDER = "coaching"
ROLES = {"agent": "Agent", "customer": "Customer", "other": "Other", "unknown": "Unknown"}
VERDICTS = {
    "too few": "Too few calls to tell.",
    "better": "Better, and by more than chance would bring.",
    "perhaps chance": (
        "Better; how much of it chance would have brought by itself cannot be told apart."
    ),
    "unclear": "No clear change: it may be either.",
    "worse": "Worse.",
}


def render(session: CoachingSession, effects: Sequence[Effect] = ()) -> str:
    """The page of a session that was read with its clips."""
    wording = load_wording(session.plan.language)

    def words_of(criterion: str) -> CriterionWording:
        return wording.of(criterion, session.plan.figure(criterion).title)

    page = environment()
    page.filters |= {"share": share, "why": why, "marked": marked, "sound": sound}
    page.filters["role"] = ROLES.__getitem__
    return page.get_template("coaching.html").render(
        session=session,
        plan=session.plan,
        effects=effects,
        verdicts=VERDICTS,
        care=wording.care,
        words_of=words_of,
        version=__version__,
    )


def write_page(
    session: CoachingSession, settings: Settings, effects: Sequence[Effect] = ()
) -> Path:
    """Writes the page of a session, readable by its owner only, and returns where it lies.

    The name holds the number of the session and nothing of the agent. Raises SettingsError.
    """
    folder = settings.data_dir.absolute() / FOLDER
    path = folder / f"{session.created_at:%Y-%m-%d-%H%M%S}-session-{session.number}.html"
    unfinished = path.with_suffix(f".{token_hex(4)}.part")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(unfinished, "w", encoding="utf-8", opener=_owner_only) as file:
            file.write(render(session, effects))
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise SettingsError(
            f"coaching session {path}: cannot be written ({error.strerror}); make room or change "
            "data_dir"
        ) from None
    return path


def pages_of(numbers: Iterable[int], settings: Settings) -> list[Path]:
    """The pages that were written of sessions, and are still there."""
    folder = settings.data_dir.absolute() / FOLDER
    return [path for number in numbers for path in sorted(folder.glob(f"*-session-{number}.html"))]


def share(figure: Figure) -> str:
    """In words: 45% of the points in 28 calls (30% to 61%)."""
    now = figure.now
    if now.share is None or now.low is None or now.high is None:
        return "–"
    calls = "1 call" if now.judged == 1 else f"{now.judged} calls"
    return f"{now.share:.0%} of the points in {calls} ({now.low:.0%} to {now.high:.0%})"


def why(strength: Strength, figure: Figure) -> str:
    """Why it is a strength, in words; of few calls nothing is said to be reliable."""
    if strength.why == "reliable":
        return "Met reliably" if figure.now.judged >= MIN_JUDGED else "Met"
    return {"better": "Better than in the time before", "best": "What goes best"}[strength.why]


def marked(line: str, marks: Sequence[tuple[int, int]]) -> Markup:
    """What somebody said, the evidence in it marked."""
    html, at = Markup(), 0
    for start, end in marks:
        html += Markup("{}<mark>{}</mark>").format(line[at:start], line[start:end])
        at = end
    return html + line[at:]


def sound(moment: Moment) -> str:
    """The clip of a moment as an address that holds it."""
    return "data:audio/mpeg;base64," + b64encode(moment.clip or b"").decode()


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, mode=0o600)

"""The page of a kept session, as it stands."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.coaching.effect import Effect, last_effects
from pipeline.coaching.page import write_page
from pipeline.coaching.records import CoachingSession
from pipeline.coaching.sessions import CoachingError, find_session
from pipeline.settings import Settings
from pipeline.store import Store


def write_kept(
    store: Store, settings: Settings, number: int
) -> tuple[CoachingSession, Sequence[Effect], Path]:
    """Writes the page of a session; gives what it shows, and where it lies.

    What is taken back while it is written (a consent, a call) does not stay in the page.

    Raises
    ------
    CoachingError
        The session is deleted.
    SettingsError
        The page cannot be written.
    """
    shown = path = None
    while True:
        with store.read() as session:
            kept = find_session(session, number, clips=True)
            effects = () if kept is None else last_effects(session, kept.agent_id)
        if path is not None and kept != shown:
            path.unlink(missing_ok=True)
        if kept is None:
            raise CoachingError(f"coaching session {number}: deleted while it was written")
        if path is not None and kept == shown:
            return kept, effects, path
        shown, path = kept, write_page(kept, settings, effects)

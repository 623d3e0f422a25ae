"""The weekly flow: a coaching session for each agent with enough calls and something flagged.

Prefect learns how many, never whose.
"""

from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.announce import if_server_is_there
from pipeline.coaching.session import build_session
from pipeline.coaching.weekly import agents_to_coach
from pipeline.coaching.written import write_kept
from pipeline.review.trust import suggest_only
from pipeline.settings import Settings, load_settings
from pipeline.store import Store
from pipeline.tables import utc_now


@flow(name="coaching", persist_result=False)
def coaching() -> State[dict[str, Any]]:
    """Builds the sessions of this week and writes their pages; run again, it makes nothing twice.

    Ends as Failed where a session could not be built, after all others were. The data of the state
    are the numbers of the sessions.
    """
    logger = get_run_logger()
    try:
        settings = load_settings()
        with Store.of(settings, settings.patience_s) as store:
            built, failed = _build_all(store, settings)
    except Exception as error:
        # Prefect would show the text of an error, in which names may be.
        logger.error("the sessions could not be built: %s", type(error).__name__)
        return Failed(message=f"cut off ({type(error).__name__})", data=error)
    message = f"{len(built)} coaching sessions built, {failed} failed"
    logger.info(message)
    lines = ["# Coaching sessions", "", f"- built: {len(built)}", f"- failed: {failed}"]
    if_server_is_there(lambda: create_markdown_artifact("\n".join(lines), "coaching"))
    data = {"sessions": built}
    return Failed(message=message, data=data) if failed else Completed(message=message, data=data)


def _build_all(store: Store, settings: Settings) -> tuple[list[int], int]:
    """The numbers of the sessions, and of how many agents none could be built."""
    built, failed = [], 0
    now = utc_now()
    for agent in agents_to_coach(store, settings, now):
        try:
            number = build_session(store, settings, agent, suggest_only, until=now)
            write_kept(store, settings, number)
        except Exception as error:  # whatever it is, the others get theirs
            failed += 1
            get_run_logger().error("a session could not be built: %s", type(error).__name__)
            continue
        built.append(number)
    return built, failed

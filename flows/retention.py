"""The retention flow: every day, what is older than the settings keep it is deleted.

Prefect learns how much, never whose.
"""

from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.announce import if_server_is_there
from pipeline.deletion.receipts import Receipt
from pipeline.deletion.retention import ages_of, purge_old
from pipeline.settings import load_settings
from pipeline.store import Store


@flow(name="retention", persist_result=False)
def retention() -> State[dict[str, Any]]:
    """Purges by the ages of the settings, and goes on with deletions that were cut off.

    Ends as Failed where something could not be removed; the next day tries again. The data of the
    state is the receipt, with names, for who runs the flow; Prefect does not keep it.
    """
    logger = get_run_logger()
    try:
        settings = load_settings()
        with Store.of(settings, settings.patience_s) as store:
            receipt = purge_old(store, settings, ages_of(settings))
    except Exception as error:
        # Prefect would show the text of an error, in which names may be.
        logger.error("the purge was cut off: %s", type(error).__name__)
        return Failed(
            message=f"cut off ({type(error).__name__}); started again, it goes on", data=error
        )
    message = f"{sum(receipt.removed.values())} pieces removed, {receipt.held} calls on hold"
    logger.info(message)
    if_server_is_there(lambda: create_markdown_artifact(summary(receipt), "retention"))
    data = {"receipt": receipt}
    if receipt.clean is False:
        return Failed(message=f"{message}; some could not be removed", data=data)
    return Completed(message=message, data=data)


def summary(receipt: Receipt) -> str:
    """The receipt as Markdown: numbers by kind, no names."""
    lines = [f"# Receipt {receipt.id}", "", receipt.why, ""]
    lines += [f"- {kind}: {count}" for kind, count in (+receipt.removed).items()]
    lines += [f"- passed over, under legal hold: {receipt.held}", f"- left: {len(receipt.left)}"]
    return "\n".join(lines)

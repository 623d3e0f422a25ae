"""Prefect automations for the nights: who is told when one fails, and what ends dead runs."""

from datetime import timedelta
from uuid import UUID

from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events import EventTrigger, Posture, ResourceSpecification
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore

BLOCK = "callscore-alerts"
ALERT, DEAD_RUNS = "callscore: a night failed", "callscore: dead runs"
# Heartbeats come every 30 s (flows/prefect.yaml): three in a row are missing.
SILENT_FOR = timedelta(seconds=90)
ENDED = ("Completed", "Failed", "Cancelled", "Crashed")


def alert_by_webhook(url: str) -> AutomationCore:
    """Posts a message to ``url`` whenever a flow run fails or crashes: its name and its counts."""
    block = CustomWebhookNotificationBlock(
        name="callscore", url=url, json_data={"subject": "{{subject}}", "text": "{{body}}"}
    )
    block_id = block.save(BLOCK, overwrite=True)
    assert isinstance(block_id, UUID)
    trigger = EventTrigger(
        expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
        match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
        posture=Posture.Reactive,
        threshold=1,
        within=timedelta(0),
    )
    action = SendNotification(
        block_document_id=block_id,
        subject="callscore: {{ flow.name }} {{ flow_run.state.name }}",
        body="{{ flow_run.name }}: {{ flow_run.state.message }}",
    )
    return _put(AutomationCore(name=ALERT, trigger=trigger, actions=[action]))


def end_dead_runs() -> AutomationCore:
    """Marks runs as crashed whose process died: their place in the work pool is free again.

    Runs say that they live where ``PREFECT_FLOWS_HEARTBEAT_FREQUENCY`` is set.
    """
    trigger = EventTrigger(
        after={"prefect.flow-run.heartbeat"},
        expect={"prefect.flow-run.heartbeat", *(f"prefect.flow-run.{end}" for end in ENDED)},
        match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=SILENT_FOR,
    )
    action = ChangeFlowRunState(state=StateType.CRASHED, message="its process died")
    return _put(AutomationCore(name=DEAD_RUNS, trigger=trigger, actions=[action]))


def _put(automation: AutomationCore) -> AutomationCore:
    """Creates it, in place of one of the same name."""
    with get_client(sync_client=True) as client:
        for known in client.read_automations_by_name(automation.name):
            client.delete_automation(known.id)
        client.create_automation(automation)
    return automation

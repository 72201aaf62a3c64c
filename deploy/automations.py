"""Registers the automations of a standing server; may be run again, also with another address.

python deploy/automations.py                        # dead runs are marked Crashed
python deploy/automations.py https://chat/hook      # and bad nights are told to a webhook (JSON with a `text`)
"""

import asyncio
import sys
from contextlib import suppress
from datetime import timedelta

from prefect.automations import Automation
from prefect.blocks.webhook import Webhook
from prefect.client.schemas.objects import StateType
from prefect.events.actions import CallWebhook, ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.types import SecretDict
from pydantic import SecretStr

RUNS = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})
OF_OUR_FLOW = ResourceSpecification({"prefect.resource.role": "flow", "prefect.resource.name": "stylize manifest"})
HEARTBEAT = "prefect.flow-run.heartbeat"
ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}

NO_SIGN_OF_LIFE = Automation(
    name="stylize: a run without a sign of life has crashed",
    description="The run of a machine that died would stay Running for ever: nobody is left to say otherwise.",
    trigger=EventTrigger(
        posture=Posture.Proactive,
        match=RUNS,
        match_related=OF_OUR_FLOW,
        for_each={"prefect.resource.id"},
        after={HEARTBEAT},
        expect={HEARTBEAT, *ENDS},
        threshold=1,
        within=timedelta(minutes=10),  # three heartbeats of 180 s, and a little
    ),
    actions=[
        ChangeFlowRunState(
            state=StateType.CRASHED,
            name=None,
            force=False,
            message="no sign of life for ten minutes; what was committed is kept, and the next run goes on from there",
        )
    ],
)


TOLD = """
{"text": {{ ("stylize: " ~ flow_run.name ~ " is " ~ flow_run.state.name ~ ". " ~ (flow_run.state.message or ""))
            | tojson }}}
"""
"""What a webhook gets, for Prefect to fill in."""


async def bad_night(webhook: str) -> Automation:
    """Returns the automation that tells a webhook of runs that failed, crashed or did not start in time."""
    block = Webhook(url=SecretStr(webhook), headers=SecretDict({"Content-Type": "application/json"}))
    return Automation(
        name="stylize: a bad night is told",
        trigger=EventTrigger(
            posture=Posture.Reactive,
            match=RUNS,
            match_related=OF_OUR_FLOW,
            expect={f"prefect.flow-run.{state}" for state in ("Failed", "Crashed", "Late")},
            threshold=1,
        ),
        actions=[CallWebhook(block_document_id=await block.asave("stylize-alert", overwrite=True), payload=TOLD)],
    )


async def register(automation: Automation) -> None:
    """Creates an automation in place of the one of that name."""
    with suppress(ValueError):
        await (await Automation.aread(name=automation.name)).adelete()
    await automation.acreate()


async def main(webhooks: list[str]) -> None:
    """Registers what needs no address, then what does."""
    await register(NO_SIGN_OF_LIFE)
    for webhook in webhooks:
        await register(await bad_night(webhook))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

"""Registers the automations of a permanent server; can be run again, also with another address.

python deploy/automations.py                        # marks dead runs as Crashed
python deploy/automations.py https://chat/hook      # also notifies a webhook of bad nights (JSON with a `text`)
python deploy/automations.py https://chat/hook 5    # and of runs in which at least 5 % of the rows failed; default 1 %
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
FLOWS = ["stylize manifest", "stylize verify", "stylize prune", "stylize incoming"]
OF_OUR_FLOWS = ResourceSpecification({"prefect.resource.role": "flow", "prefect.resource.name": FLOWS})
HEARTBEAT = "prefect.flow-run.heartbeat"
ENDS = {
    f"prefect.flow-run.{state}" for state in ("Completed", "CompletedWithFailures", "Failed", "Cancelled", "Crashed")
}

NO_SIGN_OF_LIFE = Automation(
    name="stylize: a run without a sign of life has crashed",
    description="The run of a machine that died would stay Running for ever: nobody is left to say otherwise.",
    trigger=EventTrigger(
        posture=Posture.Proactive,
        match=RUNS,
        match_related=OF_OUR_FLOWS,
        for_each={"prefect.resource.id"},
        after={HEARTBEAT},
        expect={HEARTBEAT, *ENDS},
        threshold=1,
        within=timedelta(minutes=10),  # three heartbeats of 180 s, and a margin
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
{"text": {{ ("stylize: " ~ (deployment.name or "a run by hand") ~ ": " ~ flow_run.name ~ " is " ~ flow_run.state.name
             ~ ". " ~ (flow_run.state.message or "") ~ " · " ~ (flow_run | ui_url or ""))
            | tojson }}}
"""
"""The text for a webhook about a bad night, which Prefect fills in. It says where report and failed.csv are."""

TOLD_OF_ROWS = """
{"text": {{ ("stylize: " ~ (deployment.name or "a run by hand") ~ ": " ~ event.payload.summary
             ~ " · " ~ event.payload.failed_percent ~ " % of the rows failed or were rejected"
             ~ " · to correct and run again: " ~ event.payload.places.failed_rows
             ~ " · report: " ~ (event.payload.places.report or "not drawn") ~ " · " ~ (flow_run | ui_url or ""))
            | tojson }}}
"""
"""The text about a run with many failed rows."""


async def call(webhook: str, payload: str) -> CallWebhook:
    """Returns the action that sends a text to a webhook."""
    block = Webhook(url=SecretStr(webhook), headers=SecretDict({"Content-Type": "application/json"}))
    return CallWebhook(block_document_id=await block.asave("stylize-alert", overwrite=True), payload=payload)


async def bad_night(webhook: str) -> Automation:
    """Returns the automation that notifies a webhook of runs that failed, crashed or did not start in time."""
    return Automation(
        name="stylize: a bad night is told",
        trigger=EventTrigger(
            posture=Posture.Reactive,
            match=RUNS,
            match_related=OF_OUR_FLOWS,
            expect={f"prefect.flow-run.{state}" for state in ("Failed", "Crashed", "Late")},
            threshold=1,
        ),
        actions=[await call(webhook, TOLD)],
    )


async def failed_rows(webhook: str, percent: int) -> Automation:
    """Returns the automation that notifies a webhook of runs in which at least this share of the rows failed."""
    shares = [str(share) for share in range(percent, 101)]
    return Automation(
        name="stylize: failed rows are told",
        trigger=EventTrigger(
            posture=Posture.Reactive,
            match=ResourceSpecification({"prefect.resource.id": "stylize.run.*", "stylize.failed-percent": shares}),
            expect={"stylize.run.finished"},
            threshold=1,
        ),
        actions=[await call(webhook, TOLD_OF_ROWS)],
    )


async def register(automation: Automation) -> None:
    """Creates an automation and replaces the one of that name."""
    with suppress(ValueError):
        await (await Automation.aread(name=automation.name)).adelete()
    await automation.acreate()
    print(f"registered: {automation.name}")  # noqa: T201


async def main(webhook: str | None = None, percent: str = "1") -> None:
    """Registers the automations without an address, then those with one."""
    await register(NO_SIGN_OF_LIFE)
    if webhook:
        await register(await bad_night(webhook))
        await register(await failed_rows(webhook, int(percent)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

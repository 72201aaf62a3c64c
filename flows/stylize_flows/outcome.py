"""The end of a run for its operators: the final state of its flow run, and an event for automations."""

from typing import Any

from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.states import Completed, Failed

from stylize_core.run.run import Run
from stylize_flows.console import places
from stylize_flows.lost_server import has_lost_server

WITH_FAILURES = "CompletedWithFailures"
"""Name of the state if rows failed or were rejected, but no more than `max_failed` allows."""

FINISHED = "stylize.run.finished"
"""Name of the event."""


def final_state(run: Run) -> State[Any]:
    """Returns the final state of a finished run; if rows failed, its message says where they are."""
    if not run.failed:
        return Completed(message=run.summary)
    found = places(run)
    report = f" · report: {found['report']}" if "report" in found else ""
    limit = f" · max_failed={run.options.max_failed} allows fewer" if run.too_many_failed else ""
    message = f"{run.summary}{limit} · to correct and run again: {found['failed_rows']}{report}"
    return Failed(message=message) if run.too_many_failed else Completed(name=WITH_FAILURES, message=message)


def tell_finished(run: Run) -> None:
    """Sends the event, with counts and places.

    Automations match only labels, and compare no numbers: so the share of failed and rejected rows is a label, in whole
    percent, rounded down.
    """
    if has_lost_server():
        return
    rows = sum(run.outcome.values())
    store = run.context.files.public_uri
    percent = 100 * run.failed // max(rows, 1)
    emit_event(
        FINISHED,
        resource={
            "prefect.resource.id": f"stylize.run.{run.name}",
            "prefect.resource.name": run.name,
            "stylize.store": store,
            "stylize.failed-percent": str(percent),
        },
        payload={
            "run": run.name,
            "store": store,
            "summary": run.summary,
            "rows": run.outcome,
            "failed_percent": percent,
            "places": places(run),
        },
    )

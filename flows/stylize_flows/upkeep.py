"""Maintenance flows for a store: one verifies all of it, one deletes the sheets and pages of old runs."""

from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from stylize_core.errors import StylizeError
from stylize_core.store.prune import Limits, prunable, prune
from stylize_core.store.store import open_store
from stylize_core.store.verify import verify
from stylize_core.wording import plural, size

FAULTS = 50
"""Most faults shown in Prefect; `stylize status STORE --verify` shows all."""


@flow(name="stylize verify", flow_run_name="verify {store}", persist_result=False)
def stylize_verify(store: str) -> State[Any]:
    """Reads every image and table of a store and compares them with its records; Failed if something is wrong.

    Args:
        store: Folder or URL of the store.
    """
    try:
        files = open_store(store, create=False)
        faults = verify(files)
    except StylizeError as error:
        return Failed(message=str(error), data=error)
    if not faults:
        return Completed(message="verified: 0 faults")
    table = [{"path": fault.path, "what": fault.what} for fault in faults[:FAULTS]]
    create_table_artifact(key="stylize-faults", table=table, description=files.public_uri)
    first = f"{faults[0].path}: {faults[0].what}"
    todo = "run its manifest with verify, which computes again what is damaged or missing"
    return Failed(message=f"verified: {plural(len(faults), 'fault')}, the first {first} · {todo}")


@flow(name="stylize prune", flow_run_name="prune {store}", persist_result=False)
def stylize_prune(
    store: str, older_than: str | None = None, max_size: str | None = None, keep: int | None = None
) -> State[Any]:
    """Deletes contact sheets and pages of old runs, never results; `stylize report` draws them again.

    Args:
        store: Folder or URL of the store.
        older_than: Age from which a run's sheets and pages are deleted, such as 12h, 30d or 8w.
        max_size: Limit for all sheets and pages, such as 5GB; beyond it the oldest are deleted.
        keep: Number of newest runs that keep theirs in any case.
    """
    try:
        limits = Limits.parse(keep, older_than, max_size)
        files = open_store(store, create=False)
        going = prunable(files, limits)
        prune(files, going)
    except StylizeError as error:
        return Failed(message=str(error), data=error)
    return Completed(message=f"pruned: {plural(len(going), 'run')}, {size(sum(one.bytes for one in going))}")

"""Manifests that arrive in a folder or a bucket: each starts a run of a deployment, once."""

import time
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.deployments import run_deployment
from prefect.states import Completed, Failed

from stylize_core.errors import StylizeError
from stylize_core.files.files import Entry, Files
from stylize_core.wording import plural

ENDINGS = (".csv", ".parquet")


@flow(name="stylize incoming", flow_run_name="look into {folder}", persist_result=False)
def stylize_incoming(
    folder: str, deployment: str = "stylize manifest/nightly", settle_seconds: float = 60.0
) -> State[Any]:
    """Starts a run for each new manifest of a folder; path, size and time identify a manifest.

    Prefect keeps track: each flow run has the manifest's idempotency key, and a second one with the same key is not
    made.

    Args:
        folder: Folder or URL where manifests arrive; subfolders are ignored.
        deployment: FLOW/NAME of the deployment that gets the manifest as its parameter.
        settle_seconds: A file that was written more recently may still grow and waits for the next check.
    """
    try:
        files = Files(folder)
        found = [entry for entry in files.list("", recursive=False) if _is_manifest(entry, settle_seconds)]
    except StylizeError as error:
        return Failed(message=str(error), data=error)
    for entry in found:
        mark = f"{files.public_uri}/{entry.path} {entry.size} {entry.modified}"
        manifest: Any = {"manifest": f"{files.uri}/{entry.path}"}
        run_deployment(deployment, parameters=manifest, idempotency_key=mark, timeout=0, as_subflow=False)
    return Completed(message=f"{plural(len(found), 'manifest')}, each with its run of {deployment}")


def _is_manifest(entry: Entry, settle_seconds: float) -> bool:
    is_settled = time.time() - entry.modified >= settle_seconds
    return entry.path.endswith(ENDINGS) and not entry.path.startswith(".") and is_settled

"""Workers of a cluster that work for a store on an object store."""

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import pytest
from fixtures.clusters import start_cluster
from stylize_flows.dask_runner.cluster import SETTINGS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("prefect_server")]


def test_credentials_of_a_worker(
    bucket: str, put: Callable[[str, bytes], None], manifests: Any, stylize: Callable[..., Any]
) -> None:
    """A worker without credentials ends the run, and is named with its machine."""
    for picture in manifests.folder.glob("*.png"):
        put(f"{bucket}/in/{picture.name}", picture.read_bytes())
    put(f"{bucket}/in/m.csv", Path(manifests.write(manifests.rows(1))).read_bytes())
    without = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    with dask.config.set(SETTINGS), start_cluster(1, env=without) as cluster:
        options = ("--weights", "builtin", "--runner", "dask", "--dask-address", cluster.scheduler_address)
        refused = stylize("run", f"{bucket}/in/m.csv", "--store", f"{bucket}/store", *options)
    assert refused.code == 1
    assert "no credentials were found" in refused.err
    assert re.search(rf"where: s3://.*, worker tcp://[\d.:]+ on {socket.gethostname()}\n", refused.err)

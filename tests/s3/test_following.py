"""A run in an object store, followed while it runs."""

import json

import pyarrow as pa
import pytest

from stylize_core.store import layout
from stylize_core.store.following import RunFollower
from stylize_core.store.records import PLAN, RESULTS
from stylize_core.store.store import open_store
from stylize_core.store.tables import publish_table

RUN = "20261120T023000.000-beef"


@pytest.mark.slow
def test_a_look_at_an_object_store(bucket: str) -> None:
    """Commits are seen as they arrive, with the server's times; a store without results or lease is not an error."""
    files = open_store(f"{bucket}/store", create=True)
    follower = RunFollower(files)
    assert follower.look().run == ""
    files.publish(layout.run(RUN, "plan.json"), json.dumps({"actions": {"run": 3}, "forecast": {"jobs": 3}}).encode())
    publish_table(files, layout.run(RUN, "plan.parquet"), PLAN.empty_table())
    assert follower.look().committed == 0
    for number in (1, 2):
        line = {"job_id": f"{number}", "run": RUN, "status": "done", "final_total": 1.0}
        publish_table(files, layout.results(f"{RUN}-{number:019d}-00000000"), pa.Table.from_pylist([line], RESULTS))
        view = follower.look()
        assert (view.done, view.jobs, view.medians) == (number, 3, {"total": 1.0})
        assert view.last_commit > 1e9

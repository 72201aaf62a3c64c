"""The jobs that a run computes after some are committed depend only on the jobs."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stylize_core.plan.history import History, condensed
from stylize_core.store.fingerprints import Fingerprints
from stylize_core.store.records import PLAN, RESULTS

KINDS = [
    {"seed": "1"},
    {"seed": "2"},
    {"seed": "3", "steps": "1"},
    {"seed": "4", "size": "40"},
    {"seed": "5", "content": "content-1.png"},
    {"seed": "6", "content": "missing.png"},
]
"""The possible rows: jobs of several groups, and a rejected one."""


def _history(committed: dict[str, str]) -> History:
    """A store with a line per job, with its status."""
    lines: dict[str, Any] = {"job_id": list(committed), "status": list(committed.values())}
    lines |= {"attempt": [1] * len(committed), "commit": ["c"] * len(committed), "retryable": [True] * len(committed)}
    columns = {name: lines.get(name, [None] * len(committed)) for name in RESULTS.names}
    return History([condensed(pa.table(columns, RESULTS))])


def _jobs(made: Any) -> list[str]:
    return [job.job_id for chunk in made.chunks for job in chunk.jobs]


@pytest.fixture(scope="module")
def known() -> Fingerprints:
    """Inputs are read once for all examples."""
    return Fingerprints()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=12))
def test_order_and_chunks_do_not_matter(
    data: st.DataObject, kinds: list[dict[str, str]], plan: Callable[..., Any], manifests: Any, known: Fingerprints
) -> None:
    """For any order of rows and size of chunks, exactly the jobs without a result run, each once."""
    rows = [{**manifests.rows(1)[0], **kind} for kind in kinds]
    sizes = st.none() | st.integers(1, 5)
    everything = _jobs(plan(rows, fingerprints=known, rows_per_task=data.draw(sizes)))
    assert len(set(everything)) == len(everything)
    status = st.sampled_from(["done", "failed"])
    committed = data.draw(st.dictionaries(st.sampled_from(everything), status) if everything else st.just({}))
    retry_failed = data.draw(st.sampled_from(["none", "all"]))
    again = {job for job, status in committed.items() if status == "failed" and retry_failed == "all"}
    order = data.draw(st.permutations(rows))

    made = plan(
        order,
        fingerprints=known,
        history=_history(committed),
        retry_failed=retry_failed,
        rows_per_task=data.draw(sizes),
        flops=data.draw(st.sampled_from([1e3, 1e6, 1e12])),
    )

    expected = (set(everything) - set(committed)) | again
    assert sorted(_jobs(made)) == sorted(expected)
    lines = pa.Table.from_batches(made.lines(), PLAN).to_pylist()
    chunk_of = {job.job_id: chunk.number for chunk in made.chunks for job in chunk.jobs}
    assert [line["chunk"] for line in lines] == [chunk_of.get(line["job_id"]) for line in lines]
    assert [line["action"] == "run" for line in lines] == [line["job_id"] in expected for line in lines]
    attempts = {job: attempt for chunk in made.chunks for job, attempt in chunk.attempts.items()}
    assert attempts == {job: 2 if job in again else 1 for job in expected}
    assert made.forecast.jobs == len(expected)

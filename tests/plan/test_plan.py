"""Groups, chunks and forecasts of a plan."""

import json
import math
from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stylize_core.engine.flops import evaluation_flops
from stylize_core.plan.chunks import CHUNK_SECONDS, MAX_CHUNKS, _fewest
from stylize_core.plan.forecast import NOTHING
from stylize_core.plan.history import History, condensed
from stylize_core.store.records import PLAN, RESULTS


def lines(made: Any) -> list[dict[str, Any]]:
    """The lines of a plan."""
    return pa.Table.from_batches(made.lines(), PLAN).to_pylist()


def history_of(**columns: list[Any]) -> History:
    """The history of a store with such lines."""
    names = {name: columns.get(name, [None] * len(columns["job_id"])) for name in RESULTS.names}
    return History([condensed(pa.table(names, RESULTS))])


def test_rows_keep_the_order_of_the_manifest(plan: Callable[..., Any], manifests: Any) -> None:
    """Good and rejected rows are in the manifest's order, each with its line."""
    rows = manifests.rows(4)
    rows[1]["size"], rows[3]["content"] = "5", "nowhere.png"
    made = plan(rows)
    assert [line["row"] for line in lines(made)] == [1, 2, 3, 4]
    assert [line["line"] for line in lines(made)] == [2, 3, 4, 5]
    assert [line["action"] for line in lines(made)] == ["run", "reject", "run", "reject"]
    assert made.counts == {"run": 2, "skip": 0, "keep_failed": 0, "reject": 2}


def test_duplicates_are_one_job(plan: Callable[..., Any], manifests: Any) -> None:
    """Rows of the same job are in one chunk, once."""
    made = plan([*manifests.rows(2), *manifests.rows(2)])
    assert made.counts["run"] == 4
    assert made.forecast.jobs == sum(len(chunk.jobs) for chunk in made.chunks) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"size": "40"},
        {"content_layers": "conv1_1"},
        {"style_layers": "conv1_1 conv2_1"},
        {"pooling": "average"},
        {"form": "paper"},
        {"optimiser": "adam"},
        {"steps": "3"},
        {"snapshot_every": "1"},
    ],
    ids=str,
)
def test_what_fixes_the_compute_graph_splits_groups(
    change: dict[str, str], plan: Callable[..., Any], manifests: Any
) -> None:
    """Jobs whose tensors or evaluations differ in shape cannot be one batch."""
    row = manifests.rows(1)[0]
    assert plan([row, {**row, **change}]).groups == 2


def test_what_differs_from_sample_to_sample_does_not(plan: Callable[..., Any], manifests: Any) -> None:
    """Images, weights, layer weights, rates, seeds, starts and output formats may differ within a group."""
    changes: list[dict[str, str]] = [
        {},
        {"content": "content-1.png", "style": "style-1.png"},
        {"content_weight": "2", "style_weight": "3", "tv_weight": "1"},
        {"style_layers": "conv1_1=0.3", "feature_scale": "57.6"},
        {"learning_rate": "0.5", "seed": "9"},
        {"start": "noise"},
        {"start": "image", "init": "content-2.png"},
        {"format": "jpeg", "quality": "80", "keep": "best"},
        {"style_size": "48"},
    ]
    made = plan([{**manifests.rows(1)[0], **change} for change in changes])
    assert (made.groups, made.forecast.jobs) == (1, len(changes))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    rows_per_task=st.none() | st.integers(1, 5),
    flops=st.floats(1e4, 1e12),
)
def test_chunks_share_out_the_jobs(
    steps: list[int], rows_per_task: int | None, flops: float, plan: Callable[..., Any], manifests: Any
) -> None:
    """Every job is in exactly one chunk, in the manifest's order within its group; a chunk holds one group."""
    rows = [{**row, "steps": str(n)} for row, n in zip(manifests.rows(len(steps)), steps, strict=True)]
    made = plan(rows, rows_per_task=rows_per_task, flops=flops)
    jobs = [job for chunk in made.chunks for job in chunk.jobs]
    assert Counter(job.settings.seed for job in jobs) == Counter(range(len(steps)))
    assert [chunk.number for chunk in made.chunks] == list(range(1, len(made.chunks) + 1))
    for chunk in made.chunks:
        assert len({job.settings.steps for job in chunk.jobs}) == 1
        assert [job.settings.seed for job in chunk.jobs] == sorted(job.settings.seed for job in chunk.jobs)
        assert len(chunk.jobs) <= (rows_per_task or len(steps))
    assert made.groups == len(set(steps))


def test_a_chunk_is_long_enough(plan: Callable[..., Any], manifests: Any) -> None:
    """By default a chunk gets as many jobs as fit into 30 s, and at least one."""
    settings_ = plan(manifests.rows(1)).chunks[0].jobs[0].settings
    flops = 3 * evaluation_flops(settings_, 32, 32)  # 2 steps, so 3 evaluations: one job per second
    assert [len(chunk.jobs) for chunk in plan(manifests.rows(70), flops=flops).chunks] == [30, 30, 10]
    assert CHUNK_SECONDS == 30
    assert [len(chunk.jobs) for chunk in plan(manifests.rows(3), flops=flops / 1000).chunks] == [1, 1, 1]


def test_there_are_never_too_many_chunks(plan: Callable[..., Any], manifests: Any) -> None:
    """However slow the device, there are at most 2,000 chunks, also of several groups, and as many as that allows."""
    rows = [*manifests.rows(4001), *manifests.rows(3, steps="1")]
    made = plan(rows, flops=1.0)
    assert len(made.chunks) == math.ceil(4001 / 3) + 1
    rows = [*manifests.rows(1999), *manifests.rows(2, steps="1")]
    assert len(plan(rows, flops=1.0).chunks) == math.ceil(1999 / 2) + 1
    assert MAX_CHUNKS == 2000


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8), limit=st.integers(1, 30), long_enough=st.integers(1, 9)
)
def test_the_fewest_jobs_of_a_chunk(sizes: list[int], limit: int, long_enough: int) -> None:
    """It is the smallest number of jobs per chunk for which all groups together stay within the limit."""

    def chunks(jobs: int) -> int:
        return sum(len(range(0, size, max(jobs, long_enough))) for size in sizes)

    with patch("stylize_core.plan.chunks.MAX_CHUNKS", limit):
        fewest = _fewest(np.array(sizes), np.full(len(sizes), long_enough))
    allowed = max(limit, len(sizes))
    assert fewest == next(jobs for jobs in range(1, max(sizes) + 1) if chunks(jobs) <= allowed)


def test_attempts_go_on_from_the_store(plan: Callable[..., Any], manifests: Any) -> None:
    """A job's attempt is one more than the highest in the store."""
    first, second = (line["job_id"] for line in lines(plan(manifests.rows(2))))
    history = history_of(job_id=[first], status=["failed"], retryable=[True], attempt=[3], commit=["c"])
    chunk = plan(manifests.rows(2), history=history).chunks[0]
    assert chunk.attempts == {first: 4, second: 1}


def test_what_is_done_is_not_planned_again(plan: Callable[..., Any], manifests: Any) -> None:
    """With nothing to run there are no chunks, and the device is not measured."""
    ids = [line["job_id"] for line in lines(plan(manifests.rows(2)))]
    history = history_of(job_id=ids, status=["done"] * 2, attempt=[1, 1], commit=["c", "c"])
    made = plan(manifests.rows(2), history=history, flops=math.nan)
    assert made.counts["skip"] == 2
    assert (list(made.chunks), made.groups, made.forecast) == ([], 0, NOTHING)


def test_the_plan_as_a_table(plan: Callable[..., Any], manifests: Any) -> None:
    """A line per row, in the manifest's order, with what a report needs to find its outcome."""
    rows = [{**manifests.rows(1)[0], "id": "good", "x_note": "mine"}, *manifests.rows(1, content="nowhere.png")]
    made = plan(rows)
    assert {batch.schema for batch in made.lines()} == {PLAN}
    good, bad = lines(made)
    assert (good["row"], good["line"], good["id"], good["action"], good["chunk"]) == (1, 2, "good", "run", 1)
    assert good["job_id"] == made.chunks[0].jobs[0].job_id
    assert good["content"] == str(manifests.folder / "content-0.png")
    assert json.loads(good["settings"])["size"] == 32
    assert json.loads(good["cells"])["x_note"] == "mine"
    assert set(json.loads(good["digests"])) == {"content", "styles", "init", "weights"}
    assert (bad["action"], bad["error_code"], bad["job_id"], bad["chunk"]) == ("reject", "input_missing", None, None)

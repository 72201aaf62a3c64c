"""One chunk on one device: batches, commits, failures that stay with their job, stops."""

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch

import stylize_core.chunk.chunk
from stylize_core.chunk.chunk import run_chunk
from stylize_core.chunk.context import Progress, RunContext
from stylize_core.engine.engine import Engine
from stylize_core.engine.pair import Pair
from stylize_core.errors import DeviceLost, Diverged, OutOfMemory, Stopped, StoreFull, StoreLocked


@pytest.fixture(autouse=True)
def _no_thread_outlives_a_chunk() -> Iterator[None]:
    """However a chunk ends, its threads end first."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.fixture
def chunk(plan: Callable[..., Any], manifests: Any) -> Any:
    """Four tiny jobs with the seeds 0 to 3."""
    return plan(manifests.rows(4)).chunks[0]


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[int]]]:
    """Makes the engine raise an error for batches with some seeds; returns the list of all its batches."""

    def install(error: BaseException, when: Callable[[list[int]], bool]) -> list[list[int]]:
        batches: list[list[int]] = []
        optimise = Engine.optimise

        def optimise_or_fail(engine: Engine, pairs: Sequence[Pair], **others: Any) -> Any:
            seeds = [pair.settings.seed for pair in pairs]
            batches.append(seeds)
            if when(seeds):
                raise error
            return optimise(engine, pairs, **others)

        monkeypatch.setattr(Engine, "optimise", optimise_or_fail)
        return batches

    return install


def _statuses(store: Any) -> dict[str, str]:
    return {seed: status for status in ("done", "failed") for seed in store.seeds(status)}


def test_every_job_is_committed(chunk: Any, context: RunContext, store: Any) -> None:
    """A chunk commits each of its jobs once, with image, losses and mark."""
    assert run_chunk(chunk, context) == 4
    assert sorted(store.seeds()) == ["0", "1", "2", "3"]
    assert context.committed == {job.job_id for job in chunk.jobs}
    assert set(store.lines["image"]) == set(store.images)
    assert len(store.metrics) == 4 * 3


def test_a_chunk_tried_again_leaves_out_what_is_committed(chunk: Any, context: RunContext, store: Any) -> None:
    """Jobs that this run has already committed are not computed again."""
    context.committed.update(job.job_id for job in chunk.jobs[:3])
    assert run_chunk(chunk, context) == 1
    assert store.seeds() == ["3"]


@pytest.mark.parametrize(("seconds", "commits"), [(0.0, 4), (1000.0, 1)])
def test_batches_of_some_seconds_are_one_commit(
    seconds: float, commits: int, chunk: Any, context: RunContext, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches that finish within `COMMIT_SECONDS` are published together, the rest at the chunk's end."""
    monkeypatch.setattr(stylize_core.chunk.chunk, "COMMIT_SECONDS", seconds)
    run_chunk(chunk, context)
    assert store.lines["commit"].nunique() == commits


def test_a_batch_is_as_large_as_allowed(chunk: Any, context: RunContext, fail: Callable[..., Any]) -> None:
    """`max_batch` limits batches; the last one has the rest."""
    batches = fail(RuntimeError(), lambda seeds: False)
    context.max_batch = 3
    run_chunk(chunk, context)
    assert batches == [[0, 1, 2], [3]]


def test_a_failing_batch_is_halved_down_to_the_job_to_blame(
    chunk: Any, context: RunContext, store: Any, fail: Callable[..., Any]
) -> None:
    """Only the job that makes its batch fail is failed, with the error as its reason; its neighbours are done."""
    context.max_batch = 4
    batches = fail(RuntimeError("a fault of the device"), lambda seeds: 2 in seeds)
    run_chunk(chunk, context)
    assert batches == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [3]]
    assert _statuses(store) == {"0": "done", "1": "done", "2": "failed", "3": "done"}
    failed = store.lines[store.lines["status"] == "failed"].iloc[0]
    assert failed["error_code"] == "unexpected"
    assert failed["error"].startswith("RuntimeError: a fault of the device")


def test_too_large_a_batch_is_halved(chunk: Any, context: RunContext, store: Any, fail: Callable[..., Any]) -> None:
    """A batch that does not fit into memory is computed in parts."""
    context.max_batch = 4
    fail(OutOfMemory("it does not fit"), lambda seeds: len(seeds) > 1)
    run_chunk(chunk, context)
    assert set(_statuses(store).values()) == {"done"}


def test_too_large_a_job_fails(chunk: Any, context: RunContext, store: Any, fail: Callable[..., Any]) -> None:
    """A job that does not fit alone fails with that error."""
    fail(OutOfMemory("it does not fit"), lambda seeds: seeds == [1])
    run_chunk(chunk, context)
    assert _statuses(store)["1"] == "failed"
    assert store.lines.set_index("status").loc["failed", "error_code"] == "out_of_memory"


def test_an_expected_error_keeps_its_code(
    chunk: Any, context: RunContext, store: Any, fail: Callable[..., Any]
) -> None:
    """An error of the project is recorded unchanged, with whether a retry may help."""
    fail(Diverged("too hot"), lambda seeds: seeds == [1])
    run_chunk(chunk, context)
    failed = store.lines.set_index("status").loc["failed"]
    assert (failed["error_code"], failed["retryable"]) == ("diverged", False)


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Makes batches with seed 2 hang between two evaluations; yields the list of all batches."""
    batches: list[list[int]] = []
    optimise = Engine.optimise

    def optimise_or_hang(engine: Engine, pairs: Sequence[Pair], *, should_stop: Any, **others: Any) -> Any:
        batches.append([pair.settings.seed for pair in pairs])
        while 2 in batches[-1] and not should_stop():
            time.sleep(0.001)
        return optimise(engine, pairs, should_stop=should_stop, **others)

    monkeypatch.setattr(Engine, "optimise", optimise_or_hang)
    return batches


def test_a_job_over_its_time_fails_alone(chunk: Any, context: RunContext, store: Any, hang: list[list[int]]) -> None:
    """A batch over its limit is halved like any other failing batch; the job that caused it may be tried again."""
    context.max_batch, context.job_timeout = 4, 0.5
    began = time.monotonic()
    run_chunk(chunk, context)
    assert time.monotonic() - began > (4 + 2 + 1) * 0.5  # a batch may take the limit times its jobs
    assert hang == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [3]]
    assert _statuses(store) == {"0": "done", "1": "done", "2": "failed", "3": "done"}
    failed = store.lines.set_index("status").loc["failed"]
    assert (failed["error_code"], failed["retryable"]) == ("timed_out", True)
    assert failed["error"].startswith("the job took longer than 0.5 s")


def test_a_stop_comes_before_the_time_limit(chunk: Any, context: RunContext, store: Any, hang: list[list[int]]) -> None:
    """A job with a long limit can still be stopped."""
    context.job_timeout = 1000.0
    context.should_stop = lambda: len(hang) == 3
    with pytest.raises(Stopped):
        run_chunk(chunk, context)
    assert store.seeds() == ["0", "1"]


def test_a_failed_batch_is_gone_before_its_halves_run(
    chunk: Any, context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch's memory is free when its halves are tried, although its error holds a traceback."""
    held: list[weakref.ref[torch.Tensor]] = []
    left: list[bool] = []
    optimise = Engine.optimise

    def optimise_or_fail(engine: Engine, pairs: Sequence[Pair], **others: Any) -> Any:
        left.append(any(tensor() is not None for tensor in held))
        if len(pairs) == 1:
            return optimise(engine, pairs, **others)
        tensor = torch.zeros(1)
        held.append(weakref.ref(tensor))
        raise RuntimeError

    monkeypatch.setattr(Engine, "optimise", optimise_or_fail)
    context.max_batch = 4
    gc.disable()  # cycles are not collected
    try:
        run_chunk(chunk, context)
    finally:
        gc.enable()
    assert len(held) == 3
    assert not any(left)


def test_a_lost_device_ends_the_chunk(chunk: Any, context: RunContext, store: Any, fail: Callable[..., Any]) -> None:
    """No job is blamed for a lost device and no half is tried: finished jobs are committed, then the chunk raises."""
    context.max_batch = 2
    batches = fail(DeviceLost("gone"), lambda seeds: 2 in seeds)
    with pytest.raises(DeviceLost):
        run_chunk(chunk, context)
    assert batches == [[0, 1], [2, 3]]
    assert _statuses(store) == {"0": "done", "1": "done"}
    assert len(context.committed) == 2


def test_no_memory_for_a_picture(chunk: Any, context: RunContext, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that does not fit into memory fails its job with that error."""

    def fail(*_: object) -> Any:
        raise MemoryError

    monkeypatch.setattr("stylize_core.pictures.decode", fail)
    run_chunk(chunk, context)
    assert set(store.lines["error_code"]) == {"out_of_memory"}


def test_an_input_that_is_gone_fails_its_job_alone(chunk: Any, context: RunContext, store: Any, manifests: Any) -> None:
    """Inputs are read when their job's turn comes; an input that is missing by then fails the jobs that need it."""
    (manifests.folder / "content-0.png").unlink()
    assert run_chunk(chunk, context) == 4
    assert set(_statuses(store).values()) == {"failed"}
    assert set(store.lines["error_code"]) == {"input_missing"}


def test_a_stop_keeps_what_is_computed(chunk: Any, context: RunContext, store: Any) -> None:
    """A chunk that is stopped in its third batch commits the two before it and raises."""
    finished: list[str] = []
    context.on_progress = lambda progress: finished.extend(progress.finished)
    context.should_stop = lambda: len(finished) == 2
    with pytest.raises(Stopped):
        run_chunk(chunk, context)
    assert store.seeds() == ["0", "1"]
    assert len(context.committed) == 2


@pytest.mark.parametrize("error", [StoreFull("full"), StoreLocked("lost")])
def test_an_error_of_the_store_is_not_a_jobs_failure(
    error: Exception, chunk: Any, context: RunContext, store: Any
) -> None:
    """If the store cannot be written, or the lease is lost, the chunk raises and commits nothing."""

    def refuse() -> None:
        raise error

    context.before_commit = refuse
    with pytest.raises(type(error)):
        run_chunk(chunk, context)
    assert store.images == {}
    assert context.committed == set()


def test_progress(chunk: Any, context: RunContext) -> None:
    """A watcher receives the step, the loss and the size of the running batch, and each finished job."""
    told: list[Progress] = []
    context.on_progress = told.append
    context.max_batch = 2
    run_chunk(chunk, context)
    first = told[0]
    assert (first.jobs, first.step, first.steps, first.finished) == (2, 0, 2, ())
    assert first.loss > 0
    assert [job for progress in told for job in progress.finished] == [job.job_id for job in chunk.jobs]
    assert not any(progress.failed for progress in told)


def test_style_targets_do_not_outlive_the_chunk(chunk: Any, context: RunContext, engine: Any) -> None:
    """After a chunk the engine holds no targets, so that memory stays constant."""
    run_chunk(chunk, context)
    assert not engine._style_targets

"""Work that overlaps with the device while a chunk is computed, and what an error or a stop does to it."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

import stylize_core.chunk.chunk
import stylize_core.chunk.committing
from stylize_core.chunk.chunk import run_chunk
from stylize_core.chunk.context import Progress, RunContext
from stylize_core.chunk.loading import Loaded, Loader
from stylize_core.chunk.outcomes import Finished, outcome
from stylize_core.engine.engine import Engine
from stylize_core.engine.memory import Fit
from stylize_core.engine.pair import Pair
from stylize_core.errors import Stopped, StoreFull, StoreLocked
from stylize_core.files.files import Files
from stylize_core.store import layout

SECONDS = 30.0
"""Seconds after which an expected event counts as missing."""


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


class Seen:
    """When each job is loaded, optimised, encoded and committed: events by action and the job's seed."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, int], threading.Event] = {}

    def tell(self, what: str, seed: int) -> None:
        """Marks an action as done."""
        self._event(what, seed).set()

    def wait(self, what: str, seed: int) -> bool:
        """Waits for an action; returns whether it happened."""
        return self._event(what, seed).wait(SECONDS)

    def seeds(self, what: str) -> list[int]:
        """Returns the seeds of the jobs with this action done."""
        return sorted(seed for (done, seed), event in list(self.events.items()) if done == what and event.is_set())

    def _event(self, what: str, seed: int) -> threading.Event:
        return self.events.setdefault((what, seed), threading.Event())


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Observes chunks while they are computed; every batch is committed at once."""
    seen = Seen()
    load, publish = Loader.load, stylize_core.chunk.committing.publish_commit

    def load_and_tell(loader: Loader, job: Any) -> Loaded:
        loaded = load(loader, job)
        seen.tell("loaded", job.settings.seed)
        return loaded

    def encode_and_tell(finished: Finished, origin: Any) -> Any:
        encoded = outcome(finished, origin)
        seen.tell("encoded", finished.job.settings.seed)
        return encoded

    def publish_and_tell(files: Files, commit: str, outcomes: Sequence[Any], check: Callable[[], None]) -> None:
        publish(files, commit, list(outcomes), check)
        for one in outcomes:
            seen.tell("committed", json.loads(one.result.settings)["seed"])

    monkeypatch.setattr(stylize_core.chunk.chunk, "COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(Loader, "load", load_and_tell)
    monkeypatch.setattr(stylize_core.chunk.committing, "outcome", encode_and_tell)
    monkeypatch.setattr(stylize_core.chunk.committing, "publish_commit", publish_and_tell)
    return seen


@pytest.fixture
def during(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., None]], None]:
    """Calls a function on the calling thread while a batch is on the device, with its first seed and `should_stop`."""

    def install(do: Callable[..., None]) -> None:
        optimise = Engine.optimise

        def optimise_and_do(engine: Engine, pairs: Sequence[Pair], *, should_stop: Any, on_step: Any) -> Any:
            do(pairs[0].settings.seed, should_stop)
            return optimise(engine, pairs, should_stop=should_stop, on_step=on_step)

        monkeypatch.setattr(Engine, "optimise", optimise_and_do)

    return install


def test_loading_and_publishing_overlap_with_the_device(
    chunk: Any, context: RunContext, seen: Seen, during: Callable[..., None]
) -> None:
    """While a batch is on the device, the next one is loaded, and the one before is encoded and committed."""
    overlapped: list[bool] = []

    def wait_for_the_others(seed: int, _: object) -> None:
        if seed < 3:
            overlapped.append(seen.wait("loaded", seed + 1))
        if seed > 0:
            overlapped.extend(seen.wait(what, seed - 1) for what in ("encoded", "committed"))

    during(wait_for_the_others)
    assert run_chunk(chunk, context) == 4
    assert overlapped == [True] * 9


def test_one_batch_is_loaded_ahead(chunk: Any, context: RunContext, seen: Seen, during: Callable[..., None]) -> None:
    """However long a batch takes, memory holds only its tensors and those of the next batch."""
    loaded = []

    def look(seed: int, _: object) -> None:
        if seed < 3:
            seen.wait("loaded", seed + 1)
        loaded.append(seen.seeds("loaded"))

    during(look)
    run_chunk(chunk, context)
    assert loaded == [[0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3]]


def test_the_device_and_the_watcher_stay_on_the_calling_thread(
    chunk: Any, context: RunContext, during: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Device and watcher are used only on the calling thread: for batches, their sizes and progress."""
    threads: dict[str, set[int]] = defaultdict(set)

    def note(what: str, result: Any = None) -> Any:
        threads[what].add(threading.get_ident())
        return result

    during(lambda *_: note("device"))
    context.on_progress = lambda progress: note("progress")
    context.should_stop = lambda: note("stop", False)
    monkeypatch.setattr(context.engine, "fit", lambda *_: note("size", Fit(jobs=1, recompute=False, bytes=0)))
    run_chunk(chunk, context)
    assert threads == {what: {threading.get_ident()} for what in ("device", "progress", "stop", "size")}


def test_a_failed_commit_stops_the_running_batch(
    chunk: Any, context: RunContext, store: Any, seen: Seen, during: Callable[..., None]
) -> None:
    """If a commit fails, the running batch is not finished: the chunk ends with the store's error, not as stopped."""
    begun, stopped, gate = [], [], threading.Event()

    def refuse() -> None:
        gate.wait(SECONDS)
        raise StoreLocked("lost")

    def wait_for_the_stop(seed: int, should_stop: Callable[[], bool]) -> None:
        begun.append(seed)
        if seed == 1:
            gate.set()
            deadline = time.monotonic() + SECONDS
            while not should_stop() and time.monotonic() < deadline:
                time.sleep(0.001)
            stopped.append(should_stop())

    context.before_commit = refuse
    during(wait_for_the_stop)
    with pytest.raises(StoreLocked):
        run_chunk(chunk, context)
    assert (begun, stopped) == ([0, 1], [True])
    assert store.images == {}


def test_a_store_that_takes_no_small_picture_ends_the_chunk(
    plan: Callable[..., Any],
    manifests: Any,
    context: RunContext,
    store: Any,
    seen: Seen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A store error while a batch is loaded ahead is raised when that batch is due; finished jobs are kept."""
    rows = manifests.rows(4)
    rows[2]["content"] = "content-2.png"
    chunk = plan(rows).chunks[0]
    publish = Files.publish

    def publish_or_fail(files: Files, path: str, data: bytes) -> None:
        if path == layout.thumbnail(chunk.jobs[2].content.sha256):
            raise StoreFull("full")
        publish(files, path, data)

    monkeypatch.setattr(Files, "publish", publish_or_fail)
    with pytest.raises(StoreFull):
        run_chunk(chunk, context)
    assert store.seeds() == ["0", "1"]
    assert len(context.committed) == 2


def test_an_error_of_the_watcher_ends_the_chunk(chunk: Any, context: RunContext, store: Any, seen: Seen) -> None:
    """An unexpected error is raised unchanged after the threads have ended."""

    def fail(progress: Progress) -> None:
        if progress.finished == (chunk.jobs[1].job_id,):
            raise ZeroDivisionError

    context.on_progress = fail
    with pytest.raises(ZeroDivisionError):
        run_chunk(chunk, context)
    assert store.seeds() == ["0"]


def test_a_stop_waits_for_what_is_being_encoded(
    chunk: Any,
    context: RunContext,
    store: Any,
    seen: Seen,
    during: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch that is finished but not yet encoded when the chunk is stopped is still committed."""
    monkeypatch.setattr(stylize_core.chunk.chunk, "COMMIT_SECONDS", 1000.0)
    encode, stopped = stylize_core.chunk.committing.outcome, threading.Event()

    def encode_late(finished: Finished, origin: Any) -> Any:
        stopped.wait(SECONDS)
        return encode(finished, origin)

    def stop(seed: int, _: object) -> None:
        if seed == 1:
            stopped.set()
            raise Stopped("stopped")

    monkeypatch.setattr(stylize_core.chunk.committing, "outcome", encode_late)
    during(stop)
    with pytest.raises(Stopped):
        run_chunk(chunk, context)
    assert store.seeds() == ["0"]

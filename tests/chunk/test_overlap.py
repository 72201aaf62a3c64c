"""Work that overlaps with the device: one batch ahead, one call behind, errors in order, no thread left."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stylize_core.chunk.overlap
from stylize_core.chunk.overlap import THREADS, WriteBehind, prefetch

SECONDS = 30.0
"""Seconds after which an expected event counts as missing."""


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@given(batches=st.lists(st.lists(st.integers(), max_size=6), max_size=4))
def test_results_come_in_order(batches: list[list[int]]) -> None:
    """Batch by batch, the results equal those of direct calls."""
    assert list(prefetch(str, batches)) == [[str(item) for item in batch] for batch in batches]


def test_the_next_batch_is_worked_on_while_one_is_in_use() -> None:
    """The holder of a batch can wait for the next one's work; the one after that is not even drawn."""
    drawn, done = [], {number: threading.Event() for number in range(4)}

    def draw() -> Iterator[list[int]]:
        for number in range(4):
            drawn.append(number)
            yield [number]

    for number, _ in enumerate(prefetch(lambda number: done[number].set(), draw())):
        coming = min(number + 1, 3)
        assert done[coming].wait(SECONDS)
        assert drawn == list(range(coming + 1))


def test_a_batch_is_worked_on_by_many_threads() -> None:
    """The items of a batch are processed in parallel."""
    together = threading.Barrier(THREADS)
    assert list(prefetch(lambda _: together.wait(SECONDS) >= 0, [range(THREADS)])) == [[True] * THREADS]


def test_batches_are_drawn_here_and_worked_on_elsewhere() -> None:
    """Batches are chosen on the calling thread, because this may ask the device."""
    drawing = []

    def draw() -> Iterator[list[None]]:
        for _ in range(3):
            drawing.append(threading.get_ident())
            yield [None]

    working = [thread for batch in prefetch(lambda _: threading.get_ident(), draw()) for thread in batch]
    assert set(drawing) == {threading.get_ident()}
    assert threading.get_ident() not in working


def test_an_error_comes_in_its_turn() -> None:
    """A failing item ends the iteration when its batch is due, not before."""
    batches = prefetch(lambda number: 1 / number, [[1, 2], [4, 0, 5], [8]])
    assert next(batches) == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(batches)


def test_closing_drops_what_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopping early waits only for the items in progress."""
    begun, all_busy, dropped = [], threading.Barrier(THREADS + 1), threading.Event()

    class Pool(ThreadPoolExecutor):
        """Reports when the waiting work is dropped."""

        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            dropped.set()
            super().shutdown(wait=wait)

    def work(number: int) -> None:
        if number:
            begun.append(number)
            all_busy.wait(SECONDS)
            assert dropped.wait(SECONDS)

    monkeypatch.setattr(stylize_core.chunk.overlap, "ThreadPoolExecutor", Pool)
    batches = prefetch(work, [[0], range(1, 10 * THREADS)])
    next(batches)
    all_busy.wait(SECONDS)
    batches.close()
    assert sorted(begun) == list(range(1, THREADS + 1))


def test_the_caller_goes_on_while_a_call_is_made() -> None:
    """A call behind may take any time without counting as failed."""
    goes_on, threads = threading.Event(), []

    def call() -> None:
        assert goes_on.wait(SECONDS)
        threads.append(threading.get_ident())

    with WriteBehind() as behind:
        behind.submit(call)
        assert not behind.has_failed()
        goes_on.set()
    assert not behind.has_failed()
    assert threads != [threading.get_ident()]


def test_at_most_one_call_is_behind() -> None:
    """The next call is accepted when the one before has ended."""
    goes_on, events = threading.Event(), []

    def call(name: str) -> None:
        assert goes_on.wait(SECONDS)
        events.append(f"{name} made")

    with WriteBehind() as behind:
        behind.submit(call, "first")
        opener = threading.Timer(0.05, goes_on.set)
        opener.start()
        behind.submit(call, "second")
        events.append("second taken")
    opener.join()
    assert events[0] == "first made"
    assert sorted(events[1:]) == ["second made", "second taken"]


@pytest.mark.parametrize("place", ["the next call", "waiting", "the end of the block"])
def test_an_error_behind_is_raised_in_front(place: str) -> None:
    """The caller's next action raises the failure; the call after a failed one is not made."""
    made: list[str] = []

    def run() -> None:
        with WriteBehind() as behind:
            behind.submit(lambda: made.append(str(1 / 0)))
            if place == "the next call":
                behind.submit(made.append, "next")
            if place == "waiting":
                behind.wait()

    with pytest.raises(ZeroDivisionError):
        run()
    assert made == []


def test_a_failure_behind_can_be_seen() -> None:
    """The caller's own error is not replaced by one behind, nor does it wait for that."""

    def run() -> None:
        with WriteBehind() as behind:
            behind.submit(lambda: [].remove(0))
            with suppress(ValueError):
                behind.wait()
            assert behind.has_failed()
            raise KeyError

    with pytest.raises(KeyError):
        run()

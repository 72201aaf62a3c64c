"""Work that overlaps with the device's: the next batch is prepared, the previous one is stored."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, pairwise
from types import TracebackType
from typing import TypeVar

THREADS = 4
"""Threads per batch of pictures: decoders and encoders release Python's lock, and the device needs few cores."""

T = TypeVar("T")
R = TypeVar("R")


def prefetch(function: Callable[[T], R], batches: Iterable[Iterable[T]]) -> Generator[list[R], None, None]:
    """Yields `function` of every item, batch by batch; while one batch is in use, threads work on the next.

    Args:
        function: called on other threads; its exceptions are raised here when its batch is due.
        batches: read on the calling thread, each just before the batch ahead of it is yielded.

    Closing the generator drops what has not begun and waits for the rest, so that no thread outlives it.
    """
    pool = ThreadPoolExecutor(THREADS)
    try:
        begun = ([pool.submit(function, item) for item in batch] for batch in batches)
        for batch, _ in pairwise(chain(begun, [[]])):  # asking for the following batch starts it
            yield [future.result() for future in batch]
    finally:
        pool.shutdown(cancel_futures=True)


class WriteBehind:
    """Makes calls on its own thread, one after another and at most one behind; use it in a `with` block.

    The exception of a call is raised by the next `submit`, by `wait`, or at the end of the block. The block ends when
    the last call has ended.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def submit(self, function: Callable[..., None], *arguments: object) -> None:
        """Waits for the previous call, then begins this one."""
        self.wait()
        self._last = self._thread.submit(function, *arguments)

    def wait(self) -> None:
        """Waits for the last call."""
        if self._last is not None:
            self._last.result()

    def has_failed(self) -> bool:
        """Whether the last call has ended with an exception; does not wait."""
        return self._last is not None and self._last.done() and self._last.exception() is not None

    def __enter__(self) -> "WriteBehind":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._thread.shutdown()
        if error is None:
            self.wait()

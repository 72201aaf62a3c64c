"""Reads images of a store, some of them ahead, and compares them with their records; also reads their contents."""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from stylize_core.errors import OutputRefused, StoreError
from stylize_core.export.contents import Contents
from stylize_core.export.sample import FullSample, Sample
from stylize_core.files.files import Files

_AHEAD = 32


class ImageReader:
    """Reads images and their contents; a context manager.

    Args:
        files: the store.
        contents: reads the contents; None to leave them out.
    """

    def __init__(self, files: Files, contents: Contents | None = None) -> None:
        self._files, self._contents = files, contents
        self._pool = ThreadPoolExecutor(8)  # they mostly wait or hash, which releases the GIL

    def __enter__(self) -> "ImageReader":
        """Returns itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Waits for reads in progress and cancels the others."""
        self._pool.shutdown(cancel_futures=True)

    def read(self, samples: Sequence[Sample]) -> Iterator[FullSample]:
        """Yields samples with the bytes of their files, in order; at most `_AHEAD` are in memory.

        Raises:
            StoreError: an image is missing or differs from its record; the message names it.
            InputError: a content is missing or has changed; the message names it.
        """
        reading: deque[tuple[Future[bytes], Future[bytes] | None]] = deque()
        waiting = iter(samples)
        for sample in samples:
            while len(reading) < _AHEAD and (following := next(waiting, None)):
                content = self._contents.ask(following) if self._contents else None
                reading.append((self._pool.submit(self._verified, following), content))
            image, content = reading.popleft()
            yield FullSample(sample, image.result(), content.result() if content else None)

    def _verified(self, sample: Sample) -> bytes:
        try:
            data = self._files.read(sample.image)
        except (FileNotFoundError, OutputRefused):
            raise self._damaged(sample, "is missing") from None
        if hashlib.sha256(data).hexdigest() != sample.sha256:
            raise self._damaged(sample, "differs from its record: it has another sha256")
        return data

    def _damaged(self, sample: Sample, what: str) -> StoreError:
        row = sample.columns["row"]
        return StoreError(
            f"the image of row {row} {what}",
            where=f"{self._files.public_uri}/{sample.image}",
            todo="run the manifest with --verify, which computes all such images again, or restore it from a backup; "
            "then run the same command again",
        )

"""Reads the contents to export beside results, some of them ahead."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Protocol

from stylize_core.errors import InputError, InputUnreadable, Stopped
from stylize_core.export.sample import Content, Sample
from stylize_core.files.inputs import stat_input
from stylize_core.job import LOST_QUERY

_THREADS = 4  # each may hold a decoded picture
_KEPT = 32  # PNGs as large as their results: rows with the same content are often neighbours
_BATCH = 1000


class ContentReader(Protocol):
    """Converts a content to a PNG at the size of its result; see `stylize_core.pictures.content_png`."""

    def __call__(self, uri: str, sha256: str, *, height: int, width: int, fit: str) -> bytes:
        """Returns the PNG; raises InputError if the file is missing, has changed, or cannot be used."""


class Contents:
    """Reads contents; a context manager.

    Args:
        read: reads one content; called on several threads.
    """

    def __init__(self, read: ContentReader) -> None:
        self._read = read
        self._pool = ThreadPoolExecutor(_THREADS)
        self._recent: OrderedDict[Content, Future[bytes]] = OrderedDict()

    def __enter__(self) -> "Contents":
        """Returns itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Waits for reads in progress and cancels the others."""
        self._pool.shutdown(cancel_futures=True)

    def check(self, samples: Iterable[Sample], should_stop: Callable[[], bool]) -> None:
        """Checks that the files of contents exist, each once, without reading them.

        Raises:
            InputError: some do not; the message names the first and counts the others.
            Stopped: `should_stop` returned True.
        """
        missing, first, distinct = 0, None, _distinct(samples)
        while batch := list(islice(distinct, _BATCH)):
            if should_stop():
                raise Stopped("the export was stopped")
            found = zip(batch, self._pool.map(_problem, batch), strict=True)
            problems = [(sample, problem) for sample, problem in found if problem]
            missing, first = missing + len(problems), first or (problems[0] if problems else None)
        if first:
            raise _row_error(*first, others=missing - 1)

    def ask(self, sample: Sample) -> Future[bytes]:
        """Starts to read the content of a sample; the future may raise InputError, which names row and file."""
        asked = self._recent.pop(sample.content, None) or self._pool.submit(self._png, sample)
        self._recent[sample.content] = asked
        if len(self._recent) > _KEPT:
            self._recent.popitem(last=False)
        return asked

    def _png(self, sample: Sample) -> bytes:
        content = sample.content
        try:
            return self._read(content.uri, content.sha256, height=content.height, width=content.width, fit=content.fit)
        except InputError as error:
            raise _row_error(sample, error) from error


def _distinct(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Yields the first sample of each content's file; holds about 60 bytes for each."""
    seen = set[int]()
    for sample in samples:
        if (key := hash(sample.content.uri)) not in seen:
            seen.add(key)
            yield sample


def _problem(sample: Sample) -> InputError | None:
    uri = sample.content.uri
    if uri.endswith(LOST_QUERY):
        return InputUnreadable("the query of its URL is not stored, because it may be a secret", where=uri)
    try:
        stat_input(uri)
    except InputError as error:
        return error
    return None


def _row_error(sample: Sample, error: InputError, others: int = 0) -> InputError:
    what = f"the content of row {sample.columns['row']} cannot be exported: {error.what}"
    more = f"; nor can {others:,} other{'s' if others > 1 else ''}" if others else ""
    todo = (
        "restore the file as it was when the row was run, leave the row out with --where or --ids, or export without "
        "--with-content"
    )
    return type(error)(f"{what}{more}", where=error.where, todo=todo)

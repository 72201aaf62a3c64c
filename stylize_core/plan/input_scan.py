"""Scans the inputs of a manifest: checks each once, and reads only those that are new to the store."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

from stylize_core.errors import InputError, Stopped, StylizeError
from stylize_core.files.inputs import open_input, stat_input
from stylize_core.images.decode import shape_of
from stylize_core.job import Source, public_uri
from stylize_core.store.fingerprint_index import Fingerprint
from stylize_core.store.fingerprints import Fingerprints, Stat

READERS = 8
"""Threads that check inputs and read new ones."""

KEPT = 20_000
"""Inputs whose state a plan caches; a manifest may name millions."""

_SLICE = 256  # most inputs for a thread at a time

T = TypeVar("T")
R = TypeVar("R")


class InputScan:
    """The inputs of one plan; use it in a `with` block.

    Args:
        known: the known fingerprints; new ones are added.
        should_stop: called now and then.
    """

    def __init__(self, known: Fingerprints, should_stop: Callable[[], bool] = lambda: False) -> None:
        self._known, self._should_stop = known, should_stop
        self._kept: dict[str, Source | StylizeError] = {}
        self._pool = ThreadPoolExecutor(READERS)

    def find(self, uris: Collection[str]) -> dict[str, Source | StylizeError]:
        """Returns each input in its current state, or why it cannot be used; reads only new files.

        Raises:
            Stopped: `should_stop` returned True.
        """
        self._check_stop()
        found = {uri: self._kept.pop(uri) for uri in uris if uri in self._kept}
        new = [uri for uri in dict.fromkeys(uris) if uri not in found]
        found |= zip(new, self._look(new), strict=True)
        self._kept |= found  # moved to the end, so that inputs in use are dropped last
        for uri in list(self._kept)[: max(0, len(self._kept) - KEPT)]:
            del self._kept[uri]
        return found

    def _look(self, uris: Sequence[str]) -> list[Source | StylizeError]:
        stats = list(self._each(_stat, uris))
        there = [stat for stat in stats if not isinstance(stat, InputError)]
        known = self._known.find(there)
        unseen = [stat for stat, entry in zip(there, known, strict=True) if entry is None]
        read = dict(zip(unseen, self._each(_read, unseen), strict=True))
        for stat, entry in read.items():
            if isinstance(entry, Fingerprint):
                self._known.add(stat, entry)
        now = (entry or read[stat] for stat, entry in zip(there, known, strict=True))
        return [stat if isinstance(stat, InputError) else _source(stat[0], next(now)) for stat in stats]

    def _each(self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        size = min(_SLICE, len(items) // READERS + 1)
        slices = [items[start : start + size] for start in range(0, len(items), size)]
        for results in self._pool.map(lambda part: list(map(function, part)), slices):
            self._check_stop()
            yield from results

    def _check_stop(self) -> None:
        if self._should_stop():
            raise Stopped("the run was stopped while it was planned")

    def __enter__(self) -> "InputScan":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)


def _stat(uri: str) -> Stat | InputError:
    try:
        return (uri, *stat_input(uri))
    except InputError as error:
        return error


def _read(stat: Stat) -> Fingerprint | InputError:
    uri = stat[0]
    try:
        with open_input(uri) as data:
            width, height = shape_of(data, public_uri(uri))
            return Fingerprint(hashlib.sha256(data).hexdigest(), width, height)
    except InputError as error:
        return error


def _source(uri: str, entry: Fingerprint | InputError) -> Source | StylizeError:
    if isinstance(entry, InputError):
        return entry
    sha256, width, height = entry
    return Source(uri=uri, sha256=sha256, width=width, height=height)

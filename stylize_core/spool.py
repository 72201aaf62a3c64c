"""What a plan of a million rows keeps out of memory: private files that have no name.

Nobody else can open them, and they are gone when the process is, whatever ends it.
"""

import pickle
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import IO, Any

import pyarrow as pa

from stylize_core.errors import UsageError
from stylize_core.job import Job, Source
from stylize_core.settings import Settings

_SETTINGS_KEPT = 4096


def private_file(owner: object) -> IO[bytes]:
    """Returns a new file that is closed, and thereby gone, as soon as its owner is.

    Raises:
        UsageError: there is no room for it.
    """
    with room():
        file = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as its owner
    weakref.finalize(owner, _close, file)
    return file


def _close(file: IO[bytes]) -> None:
    with suppress(OSError):  # where there was no room, none is needed any more
        file.close()


class JobSpool:
    """Jobs, each at its place: the URIs of their inputs are whole here, with their credentials."""

    def __init__(self) -> None:
        self._file, self._end, self._lock = private_file(self), 0, Lock()
        self._settings_places: dict[str, int] = {}
        self._settings: dict[int, Settings] = {}

    def add(self, job: Job, settings: str) -> int:
        """Writes a job and returns its place.

        Args:
            job: any.
            settings: its settings, from `settings_json`.

        Raises:
            UsageError: there is no room for it.
        """
        place = self._settings_places.get(settings)
        if place is None:
            if len(self._settings_places) == _SETTINGS_KEPT:
                self._settings_places.clear()  # they are written again where they come again
            place = self._settings_places[settings] = self._write(job.settings)
        (style, weight), init = job.styles[0], job.init
        sources = _to_tuple(job.content), _to_tuple(style), weight, _to_tuple(init) if init else None
        return self._write((job.job_id, *sources, place, job.height, job.width))

    def read(self, place: int) -> Job:
        """Returns the job at a place; for any number of threads."""
        job_id, content, style, weight, init, settings, height, width = self._read(place)
        return Job(
            job_id=job_id,
            content=_to_source(content),
            styles=((_to_source(style), weight),),
            init=_to_source(init) if init else None,
            settings=self._settings_at(settings),
            height=height,
            width=width,
        )

    def _write(self, value: object) -> int:
        place, data = self._end, pickle.dumps(value)
        with room():
            self._end += self._file.write(data)
        return place

    def _read(self, place: int) -> Any:
        with self._lock:
            self._file.seek(place)
            return pickle.load(self._file)

    def _settings_at(self, place: int) -> Settings:
        if place not in self._settings:
            if len(self._settings) == _SETTINGS_KEPT:
                self._settings.clear()
            self._settings[place] = self._read(place)
        return self._settings[place]


class TableSpool:
    """A table, written and read batch by batch.

    Args:
        schema: of every batch.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._file = private_file(self)
        self._writer = pa.ipc.new_stream(self._file, schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))

    def add(self, batch: pa.RecordBatch) -> None:
        """Writes a batch.

        Raises:
            UsageError: there is no room for it.
        """
        with room():
            self._writer.write_batch(batch)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yields the batches in the order in which they were written; nothing can be written any more."""
        with room():
            self._writer.close()
        self._file.seek(0)
        yield from pa.ipc.open_stream(self._file)


def _to_tuple(source: Source) -> tuple[str, str, int, int]:
    return source.uri, source.sha256, source.width, source.height


def _to_source(parts: tuple[str, str, int, int]) -> Source:
    uri, sha256, width, height = parts
    return Source(uri=uri, sha256=sha256, width=width, height=height)


@contextmanager
def room() -> Iterator[None]:
    """A block that writes to a temporary file.

    Raises:
        UsageError: there is no room for it.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"a temporary file cannot be written: {error.strerror or error}",
            where=tempfile.gettempdir(),
            todo="name a folder with room in the environment variable TMPDIR",
        ) from error

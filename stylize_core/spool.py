"""What a plan of a million rows keeps out of memory: private files that have no name.

Nobody else can open them, and they are gone when the process is, whatever ends it.
"""

import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

import pyarrow as pa

from stylize_core.errors import UsageError

MEMORY_BYTES = 2**24
"""Of a private file that stay in memory: most runs need no disk for it, and so none with room."""


def private_file(owner: object) -> IO[bytes]:
    """Returns a new file that is closed, and thereby gone, as soon as its owner is; on a disk once it grows."""
    file = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115  # lives as long as its owner
    weakref.finalize(owner, _close, file)
    return file


def _close(file: IO[bytes]) -> None:
    with suppress(OSError):  # where there was no room, none is needed any more
        file.close()


class TableSpool:
    """A table, written batch by batch and then read batch by batch, by one thread at a time.

    Args:
        schema: of every batch.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._file = private_file(self)
        self._writer = pa.ipc.new_file(self._file, schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))
        self._reader: pa.RecordBatchFileReader | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Writes a batch.

        Raises:
            UsageError: there is no room for it.
        """
        with temp_write_errors():
            self._writer.write_batch(batch)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yields the batches in the order in which they were written; nothing can be written any more."""
        return map(self.batch, range(self._read().num_record_batches))

    def batch(self, number: int) -> pa.RecordBatch:
        """Returns a batch by its number, from 0; nothing can be written any more."""
        return self._read().get_batch(number)

    def _read(self) -> pa.RecordBatchFileReader:
        if self._reader is None:
            with temp_write_errors():
                self._writer.close()
            self._reader = pa.ipc.open_file(self._file)
        return self._reader


def _folder() -> str:
    with suppress(OSError):
        return tempfile.gettempdir()
    return "the folder for temporary files"


@contextmanager
def temp_write_errors() -> Iterator[None]:
    """A block that writes to a temporary file.

    Raises:
        UsageError: there is no room for it.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"a temporary file cannot be written: {error.strerror or error}",
            where=_folder(),
            todo="name a folder with room in the environment variable TMPDIR",
        ) from error

"""Private files without a name, to which a plan of a million rows moves its data from memory.

Nobody else can open them, and they vanish with the process, however it ends.
"""

import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

import pyarrow as pa

from stylize_core.errors import UsageError

MEMORY_BYTES = 2**24
"""Size up to which a private file stays in memory: most runs need no disk space for it."""


def private_file(owner: object) -> IO[bytes]:
    """Returns a new file that is closed and deleted together with its owner; it moves to disk when it grows."""
    file = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115  # lives as long as its owner
    weakref.finalize(owner, _close, file)
    return file


def _close(file: IO[bytes]) -> None:
    with suppress(OSError):  # the disk may be full, but the data is no longer needed
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
            UsageError: there is no space for it.
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
        UsageError: there is no space for it.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"a temporary file cannot be written: {error.strerror or error}",
            where=_folder(),
            todo="name a folder with room in the environment variable TMPDIR",
        ) from error

"""Failed output never ends a run: if the disk is full, the reader gone or the stream closed, the rest is dropped.

Characters that the stream's encoding lacks are written as escapes.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class LastingStream:
    """Stands in for a text stream: writing to it never fails.

    Args:
        stream: where text goes; None if the process was started without one: then nowhere.

    Attributes:
        error: the first error; everything written after it is dropped.
        is_quiet: whether text is dropped for now.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream if stream is not None else io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        self.error: OSError | None = None
        self.is_quiet = False
        with suppress(AttributeError, io.UnsupportedOperation):  # a caller's own stream takes any character
            self._stream.reconfigure(errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes text."""
        if not (self.error or self.is_quiet):
            try:
                self._stream.write(text)
            except OSError as error:
                self._give_up(error)
        return len(text)

    def write_bytes(self, data: bytes) -> None:
        """Writes bytes as they are, whatever the stream's encoding."""
        self.flush()
        if not self.error:
            try:
                self._stream.buffer.write(data)
            except OSError as error:
                self._give_up(error)
        self.flush()

    def flush(self) -> None:
        """Flushes the stream."""
        if not self.error:
            try:
                self._stream.flush()
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Points the descriptor at /dev/null: the buffered text would fail again and again, at exit at the latest."""
        self.error = error
        with suppress(OSError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())


def write_out(data: bytes) -> None:
    """Writes bytes to standard output as they are, within `lasting_output`."""
    assert isinstance(sys.stdout, LastingStream), "the command runs within it"
    sys.stdout.write_bytes(data)


def is_output_lost() -> bool:
    """Returns whether standard output has failed."""
    return getattr(sys.stdout, "error", None) is not None


@contextmanager
def quiet_errors() -> Iterator[None]:
    """A block in which nothing is written to standard error; a log handler created in it writes later."""
    err: Any = sys.stderr
    if not isinstance(err, LastingStream):
        yield
        return
    err.is_quiet = True
    try:
        yield
    finally:
        err.is_quiet = False


@contextmanager
def lasting_output() -> Iterator[tuple[LastingStream, LastingStream]]:
    """A block in which standard output and standard error never fail; yields the two streams."""
    _fill_closed()
    before = sys.stdout, sys.stderr
    out, err = LastingStream(sys.stdout), LastingStream(sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        yield out, err
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def _fill_closed() -> None:
    """Opens closed standard descriptors: otherwise the next file would get the number, and the printed text."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number

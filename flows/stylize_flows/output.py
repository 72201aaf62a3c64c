"""Output that fails ends no run: of a full disk, a reader that is gone or a closed stream, the rest is left out.

Letters that the stream's encoding lacks are written as escapes.
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
        stream: where text goes; None, as Python has it, where the process was started without: then nowhere.

    Attributes:
        error: the first one; what is written after it goes nowhere.
        is_quiet: whether text goes nowhere for now.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream if stream is not None else io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        self.error: OSError | None = None
        self.is_quiet = False
        with suppress(AttributeError, io.UnsupportedOperation):  # a stream of somebody's own takes any letter
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
        """Hands on what was written."""
        if not self.error:
            try:
                self._stream.flush()
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Leads the descriptor nowhere: what is buffered would fail again and again, at the latest at Python's end."""
        self.error = error
        with suppress(OSError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())


def write_out(data: bytes) -> None:
    """Writes bytes to standard output as they are, within `lasting_output`."""
    assert isinstance(sys.stdout, LastingStream), "the command runs within it"
    sys.stdout.write_bytes(data)


def is_output_lost() -> bool:
    """Returns whether nobody gets what is written to standard output."""
    return getattr(sys.stdout, "error", None) is not None


@contextmanager
def quiet_errors() -> Iterator[None]:
    """A block in which nothing is written to standard error; a handler of logs that is made in it writes later."""
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
    """A block in which standard output and standard error never fail; gives the two."""
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
    """Opens the standard descriptors that are closed: the next file would get the number, and what is printed there."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free

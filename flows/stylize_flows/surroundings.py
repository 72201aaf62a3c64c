"""Checks what a command needs from the system, with an error if it is missing, before anything is computed."""

import errno
import os
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stylize_core.errors import UsageError
from stylize_core.wording import size

_NO_ROOM = ("failed to map segment", "annot allocate memory", "can't start new thread", "not enough memory")
"""Parts of the messages with which libraries and Python report that no address space is left."""


def provide_home() -> None:
    """Sets HOME, as containers do, if the system knows no home of this user: libraries look for one on import."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"


def check_current_folder() -> None:
    """Checks that the current folder exists: relative paths start there, and without it libraries end the process.

    Raises:
        UsageError: it was deleted, or cannot be entered.
    """
    try:
        os.stat(os.getcwd())
    except OSError as error:
        what = f"the current folder cannot be used: {error.strerror}"
        where = os.environ.get("PWD", "the current folder")
        raise UsageError(what, where=where, todo="change into a folder that exists") from error


def check_temp_folder() -> None:
    """Checks that temporary files can be created.

    Raises:
        UsageError: there is no folder for them.
    """
    from stylize_core.spool import temp_write_errors  # imported here because pyarrow takes a while

    with temp_write_errors():
        tempfile.gettempdir()


@contextmanager
def limited_memory() -> Iterator[None]:
    """A block in which hitting the limit of this process's address space (`ulimit -v`) is an expected error.

    How much address space it needs depends on the build of torch (with or without CUDA) and on the number of threads.

    Raises:
        UsageError: there is such a limit, and it is too low.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        yield
        return
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # if its threads do not fit, it ends the process
    try:
        yield
    except (MemoryError, ImportError, OSError, RuntimeError) as error:
        is_out = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        if not (is_out or any(words in str(error) for words in _NO_ROOM)):
            raise
        what = f"the address space of this process is limited to {size(limit)}, which is not enough: {error}"
        raise UsageError(
            what.strip(" :"), where="ulimit -v", todo="raise it, for instance: ulimit -v unlimited"
        ) from error

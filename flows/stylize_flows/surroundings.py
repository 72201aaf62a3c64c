"""What a command needs of the system around it: said in a message where it is missing, before anything is computed."""

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
"""Of the errors that say that there is no address space left, in the words of libraries and of Python."""


def provide_home() -> None:
    """Sets HOME, as containers do, where the system knows no home of this user: libraries look for one on import."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"


def check_current_folder() -> None:
    """Checks that the current folder is there: relative paths begin there, and libraries end the process without one.

    Raises:
        UsageError: it was deleted, or may not be entered.
    """
    try:
        os.stat(os.getcwd())
    except OSError as error:
        what = f"the current folder cannot be used: {error.strerror}"
        where = os.environ.get("PWD", "the current folder")
        raise UsageError(what, where=where, todo="change into a folder that is there") from error


def check_temp_folder() -> None:
    """Checks that temporary files can be made.

    Raises:
        UsageError: there is no folder for them.
    """
    from stylize_core.spool import temp_write_errors  # here: pyarrow takes a while

    with temp_write_errors():
        tempfile.gettempdir()


@contextmanager
def limited_memory() -> Iterator[None]:
    """A block in which running into the limit of this process's address space (`ulimit -v`) is an expected error.

    How much it takes depends on the build of torch, for CUDA or not, and on the number of threads.

    Raises:
        UsageError: there is such a limit, and it is too low.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        yield
        return
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # without room for its threads it writes, and ends the process
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

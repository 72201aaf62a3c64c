"""What a command needs of the system around it: said in a message where it is missing, before anything is computed."""

import os
import tempfile
from pathlib import Path

from stylize_core.errors import UsageError


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

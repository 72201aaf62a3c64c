"""What a command needs of the system around it: said in a message where it is missing, before anything is computed."""

import os
import tempfile
from pathlib import Path


def provide_home() -> None:
    """Sets HOME, as containers do, where the system knows no home of this user: libraries look for one on import."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"


def check_temp_folder() -> None:
    """Checks that temporary files can be made.

    Raises:
        UsageError: there is no folder for them.
    """
    from stylize_core.spool import temp_write_errors  # here: pyarrow takes a while

    with temp_write_errors():
        tempfile.gettempdir()

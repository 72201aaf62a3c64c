"""Options not on the command line: from environment variables such as STYLIZE_RUN_STORE, then from a TOML file.

Only STYLIZE_CONFIG names the file, so that a folder that somebody else filled has no influence. The file has a table
for each command. `plan` takes the options of `run`, because it shows what `run` would do.
"""

import os
from pathlib import Path
from typing import Any

from cyclopts import App, ArgumentCollection

from stylize_core.errors import UsageError
from stylize_flows.commands.misspelt import PREFIX

FILE = f"{PREFIX}CONFIG"


def from_environment(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fills in options from environment variables named after the command and the option."""
    from cyclopts.config import Env  # imported here and below because help does not need it

    Env(PREFIX)(app, _asked(commands), arguments)


def from_file(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fills in options from the command's table in the file.

    Raises:
        UsageError: the file cannot be read, or has a table that is not a command.
        CycloptsError: the table has a key that is not an option of the command.
    """
    if path := os.environ.get(FILE):
        from cyclopts.config import Dict

        Dict(_read(path, app.app_stack.current_frame[0]), source=path)(app, _asked(commands), arguments)


def _asked(commands: tuple[str, ...]) -> tuple[str, ...]:
    return ("run",) if commands == ("plan",) else commands


def _read(path: str, root: App) -> dict[str, Any]:
    """Returns the tables of a file; only tables of commands that take options are allowed."""
    import tomllib

    where = f"{path} ({FILE})"
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        what = f"the options file cannot be read: {error.strerror}"
        raise UsageError(what, where=where, todo="name a file that exists, or unset the variable") from error
    except ValueError as error:
        raise UsageError(
            f"the options file is not valid TOML: {error}", where=where, todo="correct the file"
        ) from error
    known = [name for name in root if not name.startswith("-") and name != "plan"]
    for name, value in tables.items():
        if name not in known or not isinstance(value, dict):
            what = f"{name!r} is not a table of a command"
            raise UsageError(what, where=where, todo=f"put options under one of: [{'], ['.join(known)}]")
    return tables

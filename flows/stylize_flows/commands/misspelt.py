"""Warns about environment variables that are probably meant for the command but that it does not read."""

import os
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from cyclopts import App, Argument, ArgumentCollection

from stylize_flows.console import tell
from stylize_flows.voice import Voice, speak

PREFIX = "STYLIZE_"

NO_OPTIONS = frozenset({"CONFIG", "HOME", "INCOMING", "MANIFEST", "STORE"})
"""Names without the prefix: of the options file, and of the deployment in `deploy/`."""

LIKENESS = 0.75
"""Least likeness to a known variable, from 0 to 1; what is less like one, and names no command, is not ours."""

_OF_A_SERVICE = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_[A-Z]+(_\w+)?)?)$")
"""Matches what Kubernetes sets in every pod about a service, such as `stylize-run`."""

_YES = ("yes", "y", "1", "true", "t")


def warn_of_misspelt(app: App, _: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Warns about each such variable, and names the nearest known one."""
    names = sorted(name.removeprefix(PREFIX) for name in os.environ if name.startswith(PREFIX))
    if NO_OPTIONS.issuperset(names):
        return  # collecting all names takes 50 ms
    commands = dict(_commands(app.app_stack.current_frame[0]))
    if any(argument.name == "--log-json" and _is_true(argument) for argument in arguments):
        speak(Voice(log_json=True))  # the command itself begins to speak only later
    for name, nearest in misspelt(names, commands):
        hint = f"; did you mean {PREFIX}{nearest}?" if nearest else ""
        tell(f"nothing reads the environment variable {PREFIX}{name}{hint}", "warning", variable=f"{PREFIX}{name}")


def _is_true(argument: Argument) -> bool:
    return any(token.implicit_value is True or token.value.lower() in _YES for token in argument.tokens[-1:])


def misspelt(names: Iterable[str], commands: dict[str, set[str]]) -> Iterator[tuple[str, str | None]]:
    """Yields each name that is probably meant for the command, and the nearest known one if any is near.

    Args:
        names: of variables, without the prefix.
        commands: the names that each command reads.
    """
    known = NO_OPTIONS.union(*commands.values())
    for name in names:
        if name in known or _OF_A_SERVICE.search(name):
            continue
        meant = f"RUN_{name.removeprefix('PLAN_')}" if name.startswith("PLAN_") else name
        nearest = next(iter(get_close_matches(meant, sorted(known), 1, LIKENESS)), None)
        if nearest or name.startswith(tuple(f"{command}_" for command in commands)):
            yield name, nearest


def _commands(app: App, above: str = "") -> Iterator[tuple[str, set[str]]]:
    """Yields each command and the names that it reads; `plan` reads those of `run`."""
    for name in app:
        if name.startswith("-"):
            continue
        command, word = app[name], f"{above}{name.upper()}"
        arguments = command.assemble_argument_collection() if command.default_command and name != "plan" else ()
        own = {argument.name.removeprefix("--").replace("-", "_").upper() for argument in arguments}
        yield word, {f"{word}_{option}" for option in own if option != "*"}
        yield from _commands(command, f"{word}_")

"""How the command reports: what it writes to standard error, and whether standard output gets one JSON document."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from stylize_core.errors import StylizeError, UsageError
from stylize_flows.output import write_out

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Options for a command's output; the help explains each."""

    json: Annotated[bool, Parameter(help="Write one JSON document, and no text, to standard output.", negative="")] = (
        False
    )
    quiet: Annotated[bool, Parameter(help="Show only warnings and errors.", negative="")] = False
    verbose: Annotated[bool, Parameter(help="Also show each commit, and all log messages.", negative="")] = False
    log_json: Annotated[
        bool, Parameter(help="Write JSON lines to standard error: time, level, message and figures.", negative="")
    ] = False

    @property
    def least(self) -> str:
        """The lowest level that is shown."""
        return "warning" if self.quiet else "debug" if self.verbose else "info"

    def tells(self, level: str) -> bool:
        """Returns whether messages of a level are shown."""
        return LEVELS[level] >= LEVELS[self.least]

    @property
    def has_words(self) -> bool:
        """Whether standard output gets text."""
        return not (self.json or self.quiet)


PLAIN = Voice()
"""Text with the default amount of detail."""

_spoken = PLAIN


def voice() -> Voice:
    """Returns the current voice of this process; the same for all its threads."""
    return _spoken


def speak(voice: Voice) -> None:
    """Sets the voice of this process.

    Raises:
        UsageError: both quiet and verbose are set.
    """
    global _spoken
    if voice.quiet and voice.verbose:
        raise UsageError("quiet and verbose exclude each other", where="--quiet, --verbose", todo="give one of the two")
    _spoken = voice
    if voice.verbose:
        logging.getLogger("stylize_core").setLevel(logging.INFO)


@contextmanager
def own_voice() -> Iterator[None]:
    """A block after which the process has its previous voice again."""
    global _spoken
    logger = logging.getLogger("stylize_core")
    before, level = _spoken, logger.level
    try:
        yield
    finally:
        _spoken = before
        logger.setLevel(level)


def json_line(level: str, message: str, fields: Mapping[str, object]) -> str:
    """Returns a message as a JSON line."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": time, "level": level, "message": message, **fields})


def write_document(document: Mapping[str, object]) -> None:
    """Writes the JSON document to standard output, if one was requested."""
    if voice().json:
        write_out((json.dumps(document, indent=2) + "\n").encode())


def error_fields(error: StylizeError) -> dict[str, str]:
    """Returns an error as plain JSON values."""
    return {"code": error.code, "what": error.what, "where": error.where, "todo": error.todo}

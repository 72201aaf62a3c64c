"""What a run records about itself: where and with what it was computed, and its log."""

import logging
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import torch

from stylize_core.control_codes import escape_controls
from stylize_core.engine.device import describe
from stylize_core.engine.engine import Engine
from stylize_core.job import public_uri
from stylize_core.options import Options
from stylize_core.release import versions


def environment(options: Options, engine: Engine) -> Mapping[str, object]:
    """Returns options, device, weights, versions and machine as plain JSON values, without credentials."""
    public = {name: public_uri(value) for name, value in asdict(options).items() if isinstance(value, str)}
    return {
        "command": " ".join(public_uri(word) for word in sys.argv),
        "options": asdict(options) | public,
        "device": describe(engine.device, engine.precision),
        "precision": engine.precision,
        "weights": {"name": engine.weights.name, "sha256": engine.weights.sha256},
        "versions": versions(),
        "host": platform.node(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
    }


@contextmanager
def logged() -> Iterator[list[str]]:
    """Yields a list that collects the package's log line by line."""
    handler = _Lines()
    logger = logging.getLogger("stylize_core")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(logging.INFO, logger.getEffectiveLevel()))
    try:
        yield handler.lines
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


class _Formatter(logging.Formatter):
    """Formats a record as a line, and an error with the lines of its traceback."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return escape_controls(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return escape_controls(super().formatException(ei), keep="\n")


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

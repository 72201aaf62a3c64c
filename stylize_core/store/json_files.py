"""JSON files of a store, which may be damaged."""

import json
import logging
from typing import Any

from stylize_core.errors import OutputRefused
from stylize_core.files.files import Files

_log = logging.getLogger(__name__)


def parse_json(data: bytes) -> dict[str, Any]:
    """Returns a JSON object.

    Raises:
        ValueError: it is not a JSON object, or nested too deeply.
    """
    try:
        found = json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def read_json(files: Files, path: str) -> dict[str, Any]:
    """Returns an optional JSON object: empty if it is missing, or damaged, which is logged.

    Raises:
        StoreError: the store cannot be read.
    """
    try:
        return parse_json(files.read(path))
    except FileNotFoundError:
        return {}
    except (ValueError, OutputRefused) as error:
        _log.warning("left out: %s/%s cannot be read: %s", files.public_uri, path, error)
        return {}

"""Compresses JSON or scripts for the page, as text that needs no escaping."""

import base64
import gzip
import json
import math
from collections.abc import Iterable
from typing import Any


def digits(values: Iterable[float]) -> list[float | None]:
    """Returns numbers with four significant digits, finer than a screen shows; None if not finite."""
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in values]


def pack(data: Any) -> str:
    """Returns data as JSON, compressed, in base64; the page's script reads it with `unpack`."""
    return pack_text(json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def pack_text(text: str) -> str:
    """Returns a text compressed, in base64; the same bytes each time."""
    return as_text(gzip.compress(text.encode(), compresslevel=6, mtime=0))


def as_text(compressed: bytes) -> str:
    """Returns gzip data in base64."""
    return base64.b64encode(compressed).decode("ascii")

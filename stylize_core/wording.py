"""Formats numbers, times and names for pages, data sets and the command line."""

import math
import posixpath
import re
from datetime import datetime
from urllib.parse import unquote

from stylize_core.job import LOST_QUERY, public_uri
from stylize_core.settings import FIELD_BY_NAME


def number(value: object) -> str:
    """Writes a loss or a setting: three or four significant digits, whole numbers in full up to a million."""
    if isinstance(value, float):
        return short(f"{value:.4g}") if math.isfinite(value) else "not finite"
    return f"{value:,}" if isinstance(value, int) and abs(value) < 1_000_000 else str(value)


def setting(name: str, value: object) -> str:
    """Writes a value of a setting as a manifest would: `auto` where its number stands for that; six digits at most."""
    if word := _word(name, value):
        return word
    return short(f"{value:g}") if isinstance(value, float) else str(value)


def cell(name: str, value: object) -> str:
    """Writes the same with all digits, so that a manifest with this cell gives the same value."""
    text = setting(name, value)
    return text if _word(name, value) or not isinstance(value, float) or float(text) == value else repr(value)


def _word(name: str, value: object) -> str | None:
    return FIELD_BY_NAME[name].word(value) if name in FIELD_BY_NAME else None


def short(text: str) -> str:
    """Writes `1e+06` as `1e6`, `2e-08` as `2e-8`."""
    return re.sub(r"e([+-])0*", lambda match: "e" + match[1].replace("+", ""), text)


def duration(seconds: float) -> str:
    """Writes `8.3 s`, `4 min 12 s` or `3 h 5 min`."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min {rest} s"


def size(count: float) -> str:
    """Writes a number of bytes: `812 B`, `3.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:  # a value that rounds to a thousand goes to the next unit
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB" if count < 999.5 else f"{count:,.0f} TB"


def moment(text: str) -> str:
    """Writes an ISO time as `20 Nov 2026, 10:32 UTC`; other text stays as it is."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{time.day} {time:%b %Y, %H:%M} {time.tzname() or ''}".strip()


def file_name(uri: str) -> str:
    """Returns the last part of a path or URL, without its ending."""
    public = public_uri(uri).removesuffix(LOST_QUERY)
    name = posixpath.basename(public.replace("\\", "/").rstrip("/"))
    stem = posixpath.splitext(name)[0] or name
    return unquote(stem) if "://" in public else stem


def plural(count: int, noun: str) -> str:
    """Writes `1 row`, `1,200 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

"""Text on contact sheets: measures and shortens it, and replaces characters that the font lacks."""

import functools
import unicodedata
from collections.abc import Iterable
from types import MappingProxyType

from PIL import ImageFont

ELLIPSIS = "…"
PLAIN = MappingProxyType(
    {"×": "x", "–": "-", "—": "-", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "„": '"', "\t": " "}
)
"""Plain forms that Unicode does not define."""

BREAKS = " _-/"
"""Characters after which a line may end."""

_MISSING = "\uffff"  # a noncharacter: drawn as the font's box for missing characters


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Returns Pillow's own scalable font; every machine has it, so sheets look the same everywhere."""
    loaded = ImageFont.load_default(size)
    if not isinstance(loaded, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return loaded


def width(text: str, size: int) -> int:
    """Returns the width of a line of text in pixels, rounded up."""
    return int(-(-font(size).getlength(text) // 1))


@functools.lru_cache(maxsize=4096)
def drawable(text: str) -> str:
    """Returns text with characters that the font lacks replaced by their plain form (ü by u), or otherwise by `?`."""
    return "".join(letter if _has(letter) else _plain(letter) for letter in text)


def _plain(letter: str) -> str:
    parts = unicodedata.normalize("NFKD", PLAIN.get(letter, letter))
    return "".join(part for part in parts if not unicodedata.combining(part) and _has(part)) or "?"


@functools.lru_cache(maxsize=4096)
def _has(letter: str) -> bool:
    if letter.isspace() or not letter.isprintable():
        return letter == " "
    return bytes(font(20).getmask(letter)) != bytes(font(20).getmask(_MISSING))


def shorten(text: str, size: int, limit: int) -> str:
    """Returns text at most `limit` pixels wide, with its middle cut out if necessary.

    File names and ids may differ at either end, so both ends stay.
    """
    text = drawable(text)
    if width(text, size) <= limit:
        return text
    low, high = 0, len(text)  # characters kept: `low` fits, `high` does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if width(_cut(text, middle), size) <= limit else (low, middle)
    return _cut(text, low)


def wrap(text: str, size: int, limit: int) -> list[str]:
    """Returns text as one line, or as two if it is wider than `limit` pixels and can be broken."""
    breaks = [place + 1 for place, letter in enumerate(text[:-1]) if letter in BREAKS]
    if not breaks or width(drawable(text), size) <= limit:
        return [text]
    middle = min(breaks, key=lambda place: abs(2 * place - len(text)))
    return [text[:middle].rstrip(), text[middle:]]


def fold(parts: Iterable[str], size: int, limit: int) -> list[str]:
    """Returns parts as lines of at most `limit` pixels, with dots between them; a part that is wider stands alone."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]} · {part}" if lines else part
        fits = lines and width(drawable(longer), size) <= limit
        lines[-1:] = [longer] if fits else [*lines[-1:], part]
    return lines


def _cut(text: str, kept: int) -> str:
    tail = kept // 2
    return text[: kept - tail].rstrip() + ELLIPSIS + (text[-tail:].lstrip() if tail else "")

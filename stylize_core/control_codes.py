"""Characters that control a terminal: they are written as escapes wherever people read text.

A leaf: this file imports nothing from the project.
"""

import re

_STEERING = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0 and C1: line feeds, colours, titles, cursor
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # text direction: a name could seem to have another extension
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff"  # parts of a name that are not UTF-8, and cannot be written
    "]"
)


def escape_controls(text: str, *, keep: str = "") -> str:
    """Returns the text with each control character written as an escape; text without any is returned unchanged.

    Args:
        text: any text.
        keep: characters that stay as they are.
    """
    return _STEERING.sub(lambda match: match[0] if match[0] in keep else _escape(match[0]), text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")

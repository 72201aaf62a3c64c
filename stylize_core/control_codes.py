"""Characters that steer a terminal instead of being read: they are written as escapes wherever people read text.

A leaf: nothing of the project is imported here.
"""

import re

_STEERING = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0 and C1: line feeds, colours, titles, cursor
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # the direction of writing: a name could end in another's ending
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff"  # what of a name is no UTF-8, and cannot be written
    "]"
)


def escape_controls(text: str, *, keep: str = "") -> str:
    """Returns text in which each steering character is written as an escape; without any it is the same text.

    Args:
        text: any.
        keep: characters that stay as they are.
    """
    return _STEERING.sub(lambda match: match[0] if match[0] in keep else _escape(match[0]), text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")

"""Problems of a row, in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

_MAX_VALUE_LENGTH = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem of one row.

    Attributes:
        line: of the manifest file, where the row begins.
        row: 1 for the first data row.
        column: the cell's column; empty if the row as a whole is wrong.
        value: the cell's text; empty if there is none.
        message: what is wrong and what is allowed; continues a sentence that begins with the value.
    """

    line: int
    row: int
    column: str = ""
    value: str = ""
    message: str

    @property
    def detail(self) -> str:
        """The problem in words, without its line."""
        return f"column {self.column}: {_quote(self.value)}{self.message}" if self.column else self.message


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns `; did you mean 'average'?` for the nearest known word, or nothing if none is near."""
    near = get_close_matches(word.lower(), known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _quote(value: str) -> str:
    if len(value) > _MAX_VALUE_LENGTH:
        value = value[: _MAX_VALUE_LENGTH - 3] + "..."
    return f"{value!r} " if value else ""

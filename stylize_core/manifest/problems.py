"""What is wrong with a row, and how it is told to somebody at a terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

MAX_LISTED = 100
"""Problems written out one by one; beyond that the report would bury its reader."""

_MAX_VALUE_LENGTH = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with one row.

    Attributes:
        line: of the manifest file, where the row begins.
        row: 1 for the first data row.
        column: the cell's column; empty where the row as a whole is wrong.
        value: the cell's text; empty where there is none.
        message: what is wrong and what is allowed; reads on from the value.
    """

    line: int
    row: int
    column: str = ""
    value: str = ""
    message: str

    def __str__(self) -> str:
        return f"line {self.line}{', ' if self.column else ': '}{self.detail}"

    @property
    def detail(self) -> str:
        """The problem without its line."""
        return f"column {self.column}: {_quote(self.value)}{self.message}" if self.column else self.message


def format_problems(problems: Sequence[Problem]) -> str:
    """Returns one line per problem, in the order of the file; past 100 problems, the number of the others."""
    ordered = sorted(problems, key=lambda problem: problem.line)
    lines = [str(problem) for problem in ordered[:MAX_LISTED]]
    if len(ordered) > MAX_LISTED:
        lines.append(f"... and {len(ordered) - MAX_LISTED} more problems")
    return "\n".join(lines)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns `; did you mean 'average'?` for the nearest known word, or nothing where none is near."""
    near = get_close_matches(word.lower(), known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _quote(value: str) -> str:
    if len(value) > _MAX_VALUE_LENGTH:
        value = value[: _MAX_VALUE_LENGTH - 3] + "..."
    return f"{value!r} " if value else ""

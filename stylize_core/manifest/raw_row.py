"""A row of a manifest as text, before it is validated."""

from typing import NamedTuple

from stylize_core.manifest.problems import Problem


class RawRow(NamedTuple):
    """A data row as text.

    Attributes:
        row: 1 for the first data row.
        line: line of the file where the row begins; in a Parquet file, which has no lines, the row's number.
        cells: text by column, without surrounding white space; an empty cell is an empty text.
        problem: set if the row has more or fewer cells than the header.
    """

    row: int
    line: int
    cells: dict[str, str]
    problem: Problem | None = None

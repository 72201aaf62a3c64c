"""A row of a manifest as text, before anything in it is judged."""

from typing import NamedTuple

from stylize_core.manifest.problems import Problem


class RawRow(NamedTuple):
    """A data row as text.

    Attributes:
        row: 1 for the first data row.
        line: of the file, where the row begins; of a Parquet file, which has no lines, the row.
        cells: text by column, without surrounding white space; an empty cell is an empty text.
        problem: set where the row has more or fewer cells than the header.
    """

    row: int
    line: int
    cells: dict[str, str]
    problem: Problem | None = None

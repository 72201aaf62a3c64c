"""A manifest as a whole: every row either validated or rejected with all its problems."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from stylize_core.job import public_uri
from stylize_core.manifest.paths import absolute, folder_of
from stylize_core.manifest.problems import Problem
from stylize_core.manifest.read import RawRow, read_manifest
from stylize_core.manifest.row import Row, validate_row

INPUT_COLUMNS = ("content", "style", "init")


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A row with problems.

    Attributes:
        row: 1 for the first data row.
        line: of the manifest file, where the row begins.
        cells: every cell as read, by column.
        inputs: its images, absolute, by column; those that it names.
        problems: everything wrong with it.
    """

    row: int
    line: int
    cells: dict[str, str]
    inputs: dict[str, str]
    problems: list[Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a manifest holds: rows in = rows + rejected, each in the order of the file.

    Attributes:
        rows: the validated rows, their images absolute.
        rejected: the others.
    """

    rows: list[Row]
    rejected: list[RejectedRow]

    @property
    def problems(self) -> list[Problem]:
        """Everything wrong with any row."""
        return [problem for row in self.rejected for problem in row.problems]

    @property
    def total(self) -> int:
        """Number of data rows."""
        return len(self.rows) + len(self.rejected)


def load_manifest(data: bytes, uri: str) -> Manifest:
    """Reads and validates a manifest.

    Args:
        data: the manifest's bytes.
        uri: where they came from, a local path or an fsspec URL: relative images start at its folder.

    Raises:
        ManifestError: the manifest as a whole cannot be used.
    """
    raw_rows = read_manifest(data, public_uri(uri))
    folder = folder_of(uri)
    repeated = _repeated_ids(raw_rows)
    rows, rejected = [], []
    for raw in raw_rows:
        row, problems = validate_row(raw)
        problems += repeated.get(raw.row, [])
        inputs = {name: absolute(raw.cells[name], folder) for name in INPUT_COLUMNS if raw.cells.get(name)}
        if row and not problems:
            rows.append(replace(row, **inputs))  # type: ignore[arg-type]  # texts by column
        else:
            rejected.append(RejectedRow(row=raw.row, line=raw.line, cells=raw.cells, inputs=inputs, problems=problems))
    return Manifest(rows=rows, rejected=rejected)


def _repeated_ids(raw_rows: Iterable[RawRow]) -> dict[int, list[Problem]]:
    """Returns the problem of each row whose id an earlier row has, by row; also where that one is rejected."""
    first: dict[str, int] = {}
    repeated = {}
    for raw in raw_rows:
        name = raw.cells.get("id", "")
        if name and first.setdefault(name, raw.line) != raw.line:
            message = f"is also the id of line {first[name]}; give each row its own"
            repeated[raw.row] = [Problem(line=raw.line, row=raw.row, column="id", value=name, message=message)]
    return repeated

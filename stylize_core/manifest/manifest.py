"""A manifest as a whole: every row either validated or rejected with all its problems."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from stylize_core.job import public_uri
from stylize_core.manifest.paths import absolute, folder_of
from stylize_core.manifest.problems import Problem
from stylize_core.manifest.raw_row import RawRow
from stylize_core.manifest.read import is_parquet, read_manifest
from stylize_core.manifest.row import INPUT_COLUMNS, Row, validate_row


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A row with problems.

    Attributes:
        row: 1 for the first data row.
        line: of the manifest file, where the row begins.
        cells: every cell as read, by column.
        inputs: the images that it names, absolute, by column.
        problems: everything wrong with it.
    """

    row: int
    line: int
    cells: dict[str, str]
    inputs: dict[str, str]
    problems: list[Problem]


class Manifest:
    """The rows of a manifest, validated or rejected, in the order of the file; can be iterated more than once.

    Memory does not grow with the number of rows. The file is read once to find its faults as a whole and repeated ids,
    and once more by each iteration.

    Args:
        file: the manifest; can be read at any position, and nobody else reads it in the meantime.
        uri: where it came from, a local path or an fsspec URL: relative images start at its folder.

    Attributes:
        format: `csv` or `parquet`.
        total: number of data rows.

    Raises:
        ManifestError: the manifest as a whole cannot be used.
    """

    def __init__(self, file: BinaryIO, uri: str) -> None:
        self._file, self._where, self._folder = file, public_uri(uri), folder_of(uri)
        self.format = "parquet" if is_parquet(file, self._where) else "csv"
        self.total, self._suspects = self._survey()

    def __iter__(self) -> Iterator[Row | RejectedRow]:
        """Yields a validated or a rejected row for each data row."""
        first_lines: dict[str, int] = {}
        for raw in read_manifest(self._file, self._where):
            row, problems = validate_row(raw, self._folder)
            name = raw.cells.get("id")
            if name and hash(name) in self._suspects and first_lines.setdefault(name, raw.line) != raw.line:
                problems = [*problems, _repeated(raw, first_lines[name])]
            yield row if row and not problems else self._rejected(raw, problems)

    def _survey(self) -> tuple[int, set[int]]:
        """Returns the number of rows, and the hashes of repeated ids.

        Hashes of eight bytes find the few ids that must be compared; a set of a million ids would take 150 MB.
        """
        hashes, total = array("q"), 0
        for raw in read_manifest(self._file, self._where):
            total += 1
            if name := raw.cells.get("id"):
                hashes.append(hash(name))
        found = np.sort(np.frombuffer(hashes, np.int64))
        return total, set(found[1:][found[1:] == found[:-1]].tolist())

    def _rejected(self, raw: RawRow, problems: list[Problem]) -> RejectedRow:
        inputs = {name: absolute(raw.cells[name], self._folder) for name in INPUT_COLUMNS if raw.cells.get(name)}
        return RejectedRow(row=raw.row, line=raw.line, cells=raw.cells, inputs=inputs, problems=problems)


def _repeated(raw: RawRow, first_line: int) -> Problem:
    """Returns the problem of a row whose id an earlier row has, even if that row is rejected."""
    message = f"is also the id of line {first_line}; give each row its own"
    return Problem(line=raw.line, row=raw.row, column="id", value=raw.cells["id"], message=message)

"""Selects the images to export: by run, by id, and by a condition."""

import csv
import io
import os
from dataclasses import dataclass, field

from stylize_core.errors import UsageError
from stylize_core.export.where import Where
from stylize_core.files.inputs import read_input
from stylize_core.job import public_uri
from stylize_core.manifest.paths import absolute

_REJECTING = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Selects the images to export.

    Attributes:
        runs: their names; empty for all runs of the store. Each id has the newest image from these runs.
        where: a condition on the columns; None for no condition.
        ids: of rows; None for all.
    """

    runs: tuple[str, ...] = ()
    where: Where | None = None
    ids: frozenset[str] | None = field(default=None, repr=False)

    @property
    def is_narrow(self) -> bool:
        """Whether it may leave images out."""
        return bool(self.runs or self.where or self.ids is not None)


def read_ids(path: str) -> frozenset[str]:
    """Returns the ids that a file lists: one per line, or the column `id` of a CSV.

    If a CSV has a column `mark`, as the report writes it, lines marked `bad` are left out.

    Args:
        path: path or URL.

    Raises:
        InputError: the file cannot be read.
        UsageError: it is not UTF-8 text, lists no id, or a line of the CSV has none.
    """
    uri = absolute(path, os.getcwd())
    where = public_uri(uri)
    try:
        lines = list(csv.reader(io.StringIO(read_input(uri).decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError("the file of ids is not UTF-8 text", where=where, todo="save it as UTF-8") from error
    lines = [[cell.strip() for cell in line] for line in lines if any(cell.strip() for cell in line)]
    if lines and "id" in lines[0]:
        head, *lines = lines
        found = [dict(zip(head, line, strict=False)) for line in lines]
        ids = [line.get("id", "") for line in found if line.get("mark", "").lower() != _REJECTING]
    else:
        ids = [",".join(line) for line in lines]
    if not ids or not all(ids):
        what = "a line has no id" if ids else "there is no id"
        raise UsageError(
            what, where=where, todo="write one id per line, or a CSV with a column id; give rows without one an id"
        )
    return frozenset(ids)

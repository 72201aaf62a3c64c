"""Of each id the newest image: rows of runs, given newest first, without those that a newer run has."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from stylize_core.store.records import PLAN
from stylize_core.store.tables import TableFile

_NAMED = pa.schema([PLAN.field(name) for name in ("id", "job_id", "cells")])
_LINES = 20_000


class NewestFirst:
    """Knows which rows had an image in newer runs; 60 bytes a row."""

    def __init__(self) -> None:
        self._with_image = set[int]()
        self._now = set[int]()  # of the run that is read: its own rows do not hide each other
        self._without: dict[int, str] = {}
        self._looked = set[tuple[int, str]]()

    def may_add(self, plan: TableFile) -> bool:
        """Returns whether a run may have an image that no newer one has: most runs of a nightly store have none."""
        return any(
            row["job_id"] and (key := _key(row)) not in self._with_image and (key, row["job_id"]) not in self._looked
            for table in plan.batches(_NAMED, _LINES)
            for row in table.to_pylist()
        )

    def added(self, rows: pa.Table) -> Iterator[dict[str, Any]]:
        """Yields the rows of a run that count, with an image or without.

        Args:
            rows: with columns `status` and `image`, and those of `PLAN` that name them.
        """
        for row in rows.to_pylist():
            key = _key(row)
            if key in self._with_image:
                continue
            if row["status"] not in ("done", "skipped"):
                self._without.setdefault(key, row["status"])
                self._looked.add((key, row["job_id"] or ""))
                continue
            self._now.add(key)
            yield row

    def end_run(self) -> None:
        """The rows of the run are all known."""
        self._with_image |= self._now
        self._now.clear()

    def without_image(self) -> Counter[str]:
        """Returns the number of rows that have no image in any run, by what became of them in the newest."""
        return Counter(status for key, status in self._without.items() if key not in self._with_image)


def _key(row: Mapping[str, Any]) -> int:
    """Returns what tells a row from others in all runs: its id, else its job, else its cells."""
    name = f"id {row['id']}" if row["id"] else f"job {row['job_id']}" if row["job_id"] else f"cells {row['cells']}"
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())

"""Finds the newest image of each id: reads runs newest first and leaves out rows with an image in a newer run."""

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
    """Remembers which rows had an image in newer runs; about 60 bytes per row."""

    def __init__(self) -> None:
        self._with_image = set[int]()
        self._now = set[int]()  # rows of the current run, which do not hide each other
        self._without: dict[int, str] = {}
        self._seen = set[tuple[int, str]]()  # rows without an image, with their jobs

    def may_add(self, plan: TableFile) -> bool:
        """Returns whether a run may have an image that newer runs lack; most runs of a nightly store do not."""
        return any(
            row["job_id"] and (key := _key(row)) not in self._with_image and (key, row["job_id"]) not in self._seen
            for table in plan.batches(_NAMED, _LINES)
            for row in table.to_pylist()
        )

    def added(self, rows: pa.Table) -> Iterator[dict[str, Any]]:
        """Yields the rows of a run with an image, unless a newer run has an image of them.

        Args:
            rows: with columns `status`, `id`, `job_id` and `cells`.
        """
        for row in rows.to_pylist():
            key = _key(row)
            if key in self._with_image:
                continue
            if row["status"] not in ("done", "skipped"):
                self._without.setdefault(key, row["status"])
                self._seen.add((key, row["job_id"] or ""))
                continue
            self._now.add(key)
            yield row

    def end_run(self) -> None:
        """Marks the end of a run's rows."""
        self._with_image |= self._now
        self._now.clear()

    def without_image(self) -> Counter[str]:
        """Returns the number of rows that have no image in any run, by their status in the newest one."""
        return Counter(status for key, status in self._without.items() if key not in self._with_image)


def _key(row: Mapping[str, Any]) -> int:
    """Returns a digest that identifies a row across runs: of its id, else its job, else its cells."""
    name = f"id {row['id']}" if row["id"] else f"job {row['job_id']}" if row["job_id"] else f"cells {row['cells']}"
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())

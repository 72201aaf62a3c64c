"""Joins small commits into few large ones at the end of a run, so that a store of a million jobs is quick to read.

The new commit is published like any other, losses first and the mark last; only then are the old ones deleted, marks
first. If this is interrupted at any point, every line still exists with its losses, some of them twice, and one of
them counts as always; leftovers have no mark.

Only neighbours in the order of names are joined, and the new name sorts right after theirs: so among lines of equal
rank the same one counts before and after.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.errors import StoreDamaged, StoreError, StoreLocked
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.ledger import live
from stylize_core.store.records import METRICS, RESULTS
from stylize_core.store.tables import list_tables, map_tables, publish_batches, regrouped

_log = logging.getLogger(__name__)

_LEFT = "small commits are left as they are: %s"

FEW = 16
"""Fewer neighbours than this are not joined: readers do not notice them."""

RESULTS_BYTES, METRICS_BYTES = 4_000_000, 32_000_000
"""Upper bounds of the joined files: about 40,000 lines."""

LARGE = 1 / 4
"""A commit with this share of either bound is not joined, so that no line is rewritten again and again."""

RESULTS_LINES, METRICS_LINES = 10_000, 50_000
"""Approximate lines of a row group: about 20 MB in memory."""

AT_ONCE = 8
"""Number of small files to read at once."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as the store lists it.

    Attributes:
        name: of the commit.
        results: bytes of its results.
        metrics: bytes of its losses; 0 if it has none.
    """

    name: str
    results: int
    metrics: int

    @property
    def is_large(self) -> bool:
        """Whether it is too large to be joined."""
        return self.results >= LARGE * RESULTS_BYTES or self.metrics >= LARGE * METRICS_BYTES


def compact(files: Files, check: Callable[[], None] = lambda: None) -> int:
    """Joins small commits and returns how many; only the lease's holder may call this, while nobody commits.

    Nothing depends on it: if it fails, the log says why, and nothing is lost.

    Args:
        files: of the store.
        check: raises if the lease is lost; called before each commit and right before its mark.

    Raises:
        StoreLocked: by `check`.
    """
    joined = 0
    try:
        for group in _groups(_commits(files)):
            check()
            with _damage_logged():
                _join(files, group, check)
                joined += len(group)
    except StoreLocked:
        raise
    except (StoreError, FileNotFoundError) as error:
        _log.warning(_LEFT, error)
    return joined


@contextmanager
def _damage_logged() -> Iterator[None]:
    """A block that joins one group of commits; a damaged file leaves the group as it is."""
    try:
        yield
    except StoreDamaged as error:
        _log.warning(_LEFT, error)


def _commits(files: Files) -> list[Commit]:
    """Returns the commits in the order of their names."""
    sizes = {folder: _sizes(files, folder) for folder in (layout.RESULTS, layout.METRICS)}
    return [
        Commit(name, size, sizes[layout.METRICS].get(name, 0)) for name, size in sorted(sizes[layout.RESULTS].items())
    ]


def _sizes(files: Files, folder: str) -> dict[str, int]:
    found = list_tables(files, folder)
    return {entry.path.removeprefix(f"{folder}/").removesuffix(".parquet"): entry.size for entry in found}


def _groups(commits: Iterable[Commit]) -> list[list[Commit]]:
    """Returns groups of small neighbouring commits that are worth joining, each within the bounds."""
    groups: list[list[Commit]] = [[]]
    for commit in commits:
        together = [*groups[-1], commit]
        is_full = (
            sum(one.results for one in together) > RESULTS_BYTES or sum(one.metrics for one in together) > METRICS_BYTES
        )
        if is_full or commit.is_large:
            groups.append([])
        if not commit.is_large:
            groups[-1].append(commit)
    return [group for group in groups if len(group) >= FEW]


def _join(files: Files, group: Sequence[Commit], check: Callable[[], None]) -> None:
    name = _name_after(group[-1].name)
    lines = _keys(files, group)
    if any(commit.metrics for commit in group):
        losses = regrouped(_losses(files, group, lines), METRICS_LINES)
        publish_batches(files, layout.metrics(name), METRICS, losses)
    results = regrouped(_results(files, group, lines, name), RESULTS_LINES)
    check()
    publish_batches(files, layout.results(name), RESULTS, results)
    files.delete([layout.results(commit.name) for commit in group])
    files.delete([layout.metrics(commit.name) for commit in group])


def _name_after(name: str) -> str:
    """Returns a name that sorts right after the given one, before that of any later commit."""
    compacted = re.fullmatch(r"(.+)_(\d{4})", name)
    stem, times = (compacted[1], int(compacted[2])) if compacted else (name, 0)
    return f"{stem}_{times + 1:04d}"


def _keys(files: Files, group: Sequence[Commit]) -> pa.Table:
    """Returns the columns that decide which lines count; `commit` numbers commits in the group, `place` their lines."""
    schema = pa.schema([RESULTS.field(name) for name in ("job_id", "attempt", "status")])
    tables = list(_read(files, [layout.results(commit.name) for commit in group], schema))
    commits = np.repeat(np.arange(len(group), dtype=np.int32), [len(table) for table in tables])
    lines = pa.concat_tables(tables).append_column("commit", pa.array(commits))
    return lines.append_column("place", pa.array(np.arange(len(lines))))


def _losses(files: Files, group: Sequence[Commit], lines: pa.Table) -> Iterator[pa.Table]:
    """Yields each commit's losses of the lines that count, because a job may have only one set of losses."""
    counting = live(lines)
    jobs, commits = counting["job_id"].combine_chunks(), counting["commit"].to_numpy()
    places = [place for place, commit in enumerate(group) if commit.metrics and (commits == place).any()]
    tables = _read(files, [layout.metrics(group[place].name) for place in places], METRICS)
    for place, table in zip(places, tables, strict=True):
        yield table.filter(pc.is_in(table["job_id"], value_set=jobs.filter(pa.array(commits == place))))


def _results(files: Files, group: Sequence[Commit], lines: pa.Table, name: str) -> Iterator[pa.Table]:
    """Yields each commit's lines under the new name, without those that a later commit repeats with equal rank."""
    kept = _latest_of_each_rank(lines)
    start = 0
    for table in _read(files, [layout.results(commit.name) for commit in group], RESULTS):
        renamed = table.set_column(
            RESULTS.get_field_index("commit"), RESULTS.field("commit"), pa.array([name] * len(table))
        )
        yield renamed.filter(pa.array(kept[start : start + len(table)]))
        start += len(table)


def _latest_of_each_rank(lines: pa.Table) -> npt.NDArray[np.bool_]:
    ranks = pc.binary_join_element_wise(lines["job_id"], lines["status"], pc.cast(lines["attempt"], pa.string()), "/")
    kept = np.zeros(len(lines), dtype=np.bool_)
    kept[live(lines.set_column(0, "job_id", ranks))["place"].to_numpy()] = True
    return kept


def _read(files: Files, paths: Sequence[str], schema: pa.Schema) -> Iterator[pa.Table]:
    for start in range(0, len(paths), AT_ONCE):
        yield from map_tables(lambda table: table, files, paths[start : start + AT_ONCE], schema)

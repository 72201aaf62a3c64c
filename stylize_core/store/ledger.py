"""The lines of a store: all that were ever committed, and the one line per job that counts."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.errors import OutputRefused, StoreDamaged, StoreUnusable
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.records import METRICS, RESULTS
from stylize_core.store.tables import list_tables, map_tables, read_batches, read_tables

_log = logging.getLogger(__name__)

T = TypeVar("T")

LISTINGS = 5
"""Most listings to read a store as a whole; each compaction in the meantime costs one."""
LINES = 50_000
"""Lines of losses in memory at once, besides the requested ones."""


def read_results(files: Files) -> pa.Table:
    """Returns every committed line, with schema `RESULTS`, in the order of the commits' names.

    Raises:
        StoreUnusable: the store is compacted again and again.
        StoreError: a results file is damaged; it is named.
    """
    return read_listed(files, lambda paths: read_tables(files, paths, RESULTS))


def read_listed(files: Files, read: Callable[[list[str]], T]) -> T:
    """Returns what `read` makes of all results files; lists them again if one has gone since.

    A run compacts its store at its end; on object stores the last requests of a killed run may arrive after its end.

    Raises:
        StoreUnusable: the store is compacted again and again.
    """
    for _ in range(LISTINGS):
        with suppress(FileNotFoundError):
            return read(results_paths(files))
    raise StoreUnusable("the store is compacted while it is read", where=files.public_uri, todo="try again")


def map_results(function: Callable[[pa.Table], T], files: Files, columns: list[str]) -> Iterator[T]:
    """Applies a function to some columns of each results file, in the order of the files' names.

    For stores whose lines do not all fit into memory; raises as `read_results` does.
    """
    schema = pa.schema([RESULTS.field(column) for column in columns])
    return map_tables(function, files, results_paths(files), schema)


def results_paths(files: Files) -> list[str]:
    """Returns the paths of all results files, in the order of the commits' names."""
    paths = [entry.path for entry in list_tables(files, layout.RESULTS)]
    return sorted(paths, key=lambda path: path.removesuffix(".parquet"))


def live(results: pa.Table) -> pa.Table:
    """Returns one line per job, sorted by job id.

    The line that counts is chosen by status (done before failed), then highest attempt, then latest commit.

    Args:
        results: lines with job_id, attempt, commit, status and any other columns; ids and commits of any type that
                sorts like the texts.
    """
    keys = results.select(["job_id", "attempt", "commit"]).append_column(
        "failed", pc.not_equal(results["status"], "done")
    )
    order = pc.sort_indices(
        keys,
        sort_keys=[
            ("job_id", "ascending"),
            ("failed", "ascending"),
            ("attempt", "descending"),
            ("commit", "descending"),
        ],
    )
    jobs = results["job_id"].take(order).combine_chunks()
    is_first = pa.concat_arrays([pa.array([True] * bool(len(jobs)), pa.bool_()), pc.not_equal(jobs[1:], jobs[:-1])])
    return results.take(order.filter(is_first))


def live_results(files: Files) -> pa.Table:
    """Returns the line that counts of each job; see `read_results` and `live`."""
    return live(read_results(files))


def attempts(results: pa.Table) -> pa.Table:
    """Returns the highest attempt of each job, including failed ones: columns job_id and attempt, unordered.

    Args:
        results: every committed line.
    """
    return results.group_by("job_id").aggregate([("attempt", "max")]).rename_columns(["job_id", "attempt"])


def read_metrics(files: Files, results: pa.Table) -> pa.Table:
    """Returns the losses of the given live lines, with schema `METRICS`, in the order of the commits' names.

    Losses count only through a results line: those of a superseded attempt are left out although they are in the
    store. A job without losses has no lines; neither has a job whose losses are damaged, which is logged.

    Raises:
        StoreError: the store cannot be read.
    """
    jobs_of = defaultdict(list)
    for commit, job_id in zip(results["commit"].to_pylist(), results["job_id"].to_pylist(), strict=True):
        jobs_of[commit].append(job_id)
    tables = [_metrics_of(files, commit, jobs_of[commit]) for commit in sorted(jobs_of)]
    return pa.concat_tables([METRICS.empty_table(), *tables])


def _metrics_of(files: Files, commit: str, jobs: list[str]) -> pa.Table:
    wanted = pa.array(jobs, pa.string())
    try:
        batches = read_batches(files, layout.metrics(commit), METRICS, LINES)
        counting = [table.filter(pc.is_in(table["job_id"], value_set=wanted)) for table in batches]
    except FileNotFoundError:
        return METRICS.empty_table()
    except (StoreDamaged, OutputRefused) as error:
        _log.warning("left out: %s", error)
        return METRICS.empty_table()
    return pa.concat_tables([METRICS.empty_table(), *counting])

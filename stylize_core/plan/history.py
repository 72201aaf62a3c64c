"""What a store knows about jobs before a run, and which jobs a run therefore computes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.files.files import Files
from stylize_core.store.ledger import attempts, live, map_results
from stylize_core.store.records import RESULTS

COLUMNS = ["job_id", "commit", "attempt", "status", "retryable"]
"""Columns of the results that a history uses."""

JobIds = npt.NDArray[np.bytes_]
"""(n,) job ids of 12 bytes."""

_NO_LINES = RESULTS.empty_table().select(COLUMNS)


def packed(job_ids: Sequence[str]) -> JobIds:
    """Returns job ids of 24 hex digits as an array."""
    return np.frombuffer(bytes.fromhex("".join(job_ids)), "S12")


class History:
    """What the store knows about jobs before a run; about 20 bytes of memory per job.

    Args:
        parts: committed lines, each part from `condensed`; none unless given.
        lost: ids of jobs whose result does not match their line, for example because the image is gone.
    """

    def __init__(self, parts: Sequence[pa.Table] = (), lost: Sequence[str] = ()) -> None:
        lines = _joined(parts)
        counting = live(lines)
        self._ids: JobIds = _ids(counting["job_id"])
        self._is_done = pc.equal(counting["status"], "done").to_numpy()
        self._is_lost = np.isin(self._ids, packed(lost))
        self._is_retryable = counting["retryable"].fill_null(False).to_numpy()
        self._attempts: npt.NDArray[np.int32] = attempts(lines).sort_by("job_id")["attempt"].to_numpy()

    @classmethod
    def read(cls, files: Files, lost: Sequence[str] = ()) -> "History":
        """Returns the history of a store; reads only the needed columns, some lines at a time.

        Args:
            files: the store.
            lost: as of the class.

        Raises:
            StoreError: a results file is damaged; it is named.
        """
        return cls(list(map_results(condensed, files, COLUMNS)), lost)

    def judge(self, jobs: JobIds, retry_failed: str) -> tuple[list[str], npt.NDArray[np.int32]]:
        """Returns the action for each job, and its highest attempt so far.

        Args:
            jobs: ids from `packed`.
            retry_failed: which failed jobs run again: none, transient or all.

        Returns:
            `run`, `skip` or `keep_failed` for each job, and its attempts, 0 if it was never tried.
        """
        if not len(self._ids):
            return ["run"] * len(jobs), np.zeros(len(jobs), np.int32)
        at = np.minimum(np.searchsorted(self._ids, jobs), len(self._ids) - 1)
        is_known = self._ids[at] == jobs
        is_new = ~is_known | self._is_lost[at]
        again = {"none": np.False_, "transient": self._is_retryable[at], "all": np.True_}[retry_failed]
        actions = np.select([is_new, self._is_done[at], is_known & again], ["run", "skip", "run"], "keep_failed")
        return actions.tolist(), np.where(is_known, self._attempts[at], 0)


def condensed(results: pa.Table) -> pa.Table:
    """Returns `COLUMNS` of committed lines in a fifth of the memory: short ids, each commit's name once."""
    ids = pa.py_buffer(packed(results["job_id"].to_pylist()).tobytes())
    columns = {
        "job_id": pa.FixedSizeBinaryArray.from_buffers(pa.binary(12), results.num_rows, [None, ids]),
        "commit": results["commit"].dictionary_encode(),
    }
    return pa.table(columns | {name: results[name] for name in COLUMNS[2:]})


def _joined(parts: Sequence[pa.Table]) -> pa.Table:
    """Returns all lines, with commits as numbers in the order of their names."""
    lines = pa.concat_tables([condensed(_NO_LINES), *parts])
    commits = lines["commit"].combine_chunks()
    numbers = pc.rank(commits.dictionary, tiebreaker="dense").take(commits.indices)
    return lines.set_column(1, "commit", numbers)


def _ids(column: pa.ChunkedArray) -> JobIds:
    chunks = (
        np.frombuffer(chunk.buffers()[1], "S12", len(chunk), 12 * chunk.offset) for chunk in column.chunks if len(chunk)
    )
    return np.concatenate([packed([]), *chunks])

"""The losses of every listed job by term, thinned to few steps, for quantiles; and where its sizes begin."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.files.files import Files
from stylize_core.record.job_curves import kept_steps
from stylize_core.store import layout
from stylize_core.store.records import METRICS
from stylize_core.store.tables import map_tables, read_readable
from stylize_core.terms import LOSSES

POINTS = 48
"""Approximate number of steps kept: with four terms about 800 bytes of memory per job."""

ENDS = 8
"""Number of most frequent step counts whose last step is kept too."""

TAIL = 0.1
"""Share of a job's last steps that decides whether its total still falls."""

_SCHEMA = pa.schema([METRICS.field(name) for name in ("job_id", "step", "size_px", *LOSSES)])

Floats = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TermCurves:
    """Thinned losses of many jobs.

    Attributes:
        steps: the kept steps, ascending.
        values: jobs x terms x steps, NaN if a loss is not positive and finite. A job that has ended keeps its last
                losses, so that every step covers the same jobs and the last step has all final losses.
        falling: by job, the fall of its total over the last tenth of its steps, relative to the last total; NaN if
                unknown.
        begins: `job_id`, `size_px` and the first `step` of each size, of jobs with several.
    """

    steps: Whole
    values: Floats
    falling: Floats
    begins: pd.DataFrame


def read_term_curves(files: Files, jobs: pd.DataFrame) -> TermCurves:
    """Returns the losses of jobs, read commit by commit; those of a damaged file are left out, which is logged.

    Args:
        files: the store.
        jobs: `job_id`, `commit` and `updates` of distinct finished jobs, numbered from 0.
    """
    ends = jobs["updates"].fillna(0).to_numpy(np.int64)
    steps = _kept(ends)
    tails = np.minimum(np.rint(ends * (1 - TAIL)).astype(np.int64), ends - 1)
    values = np.full((len(jobs), len(LOSSES), len(steps)), np.nan, np.float32)
    late, last = np.full((2, len(jobs), len(LOSSES)), np.nan, np.float32)
    begins = [_begins(*(np.zeros(0, np.int64),) * 3)]
    for places, step, size, losses in _read(files, jobs):
        begins.append(_begins(places, step, size))
        column = np.minimum(np.searchsorted(steps, step), len(steps) - 1)
        is_kept = steps[column] == step
        values[places[is_kept], :, column[is_kept]] = losses[is_kept]
        for then, wanted in ((late, tails), (last, ends)):
            is_then = step == wanted[places]
            then[places[is_then]] = losses[is_then]
    for place, end in enumerate(steps):
        values[ends < end, :, place] = last[ends < end]
    values[~(np.isfinite(values) & (values > 0))] = np.nan
    sizes = pd.concat(begins, ignore_index=True)
    sizes["job_id"] = jobs["job_id"].to_numpy()[sizes.pop("job")]
    return TermCurves(steps=steps, values=values, falling=_fallen(late[:, 0], last[:, 0]), begins=sizes)


def _fallen(late: Floats, last: Floats) -> Floats:
    with np.errstate(all="ignore"):
        share = (late - last) / np.abs(last)
    return np.where(np.isfinite(share), share, np.float32(np.nan))


def _begins(places: Whole, step: Whole, size: Whole) -> pd.DataFrame:
    """Returns the first `step` of each `size_px` by number of the `job`, of jobs with several sizes."""
    is_new = np.ones(len(places), np.bool_)
    is_new[1:] = (places[1:] != places[:-1]) | (size[1:] != size[:-1])
    found = pd.DataFrame({"job": places[is_new], "size_px": size[is_new], "step": step[is_new]})
    first = found.groupby(["job", "size_px"])["step"].min().reset_index()
    return first[first.duplicated("job", keep=False)]


def _kept(ends: Whole) -> Whole:
    if not len(ends):
        return np.zeros(1, np.int64)
    found, counts = np.unique(ends, return_counts=True)
    return np.union1d(kept_steps(int(found[-1]), POINTS), found[np.argsort(-counts)[:ENDS]])


def _read(files: Files, jobs: pd.DataFrame) -> Iterator[tuple[Whole, Whole, Whole, Floats]]:
    """Yields the lines that count of each commit: job numbers, steps, sizes in pixels, and losses (lines x terms)."""
    places = {str(commit): found for commit, found in jobs.groupby("commit", observed=True).indices.items()}
    there = {entry.path for entry in files.list(layout.METRICS)}
    commits = [commit for commit in sorted(places) if layout.metrics(commit) in there]
    tables = map_tables(lambda table: table, files, map(layout.metrics, commits), _SCHEMA, read_readable)
    for commit, table in zip(commits, tables, strict=True):
        ours = places[commit]
        found = pc.index_in(table["job_id"], value_set=pa.array(jobs["job_id"].iloc[ours], pa.string()))
        lines = table.filter(pc.is_valid(found))
        losses = np.stack([lines[term].to_numpy() for term in LOSSES], axis=1)
        step, size = (lines[name].to_numpy() for name in ("step", "size_px"))
        yield ours[found.drop_null().to_numpy()], step, size, losses

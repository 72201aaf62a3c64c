"""Which jobs a report is about, and which of them a page shows one by one.

A small run is shown whole. Of a large one the report draws some hundred jobs, and the page shows the best, the worst,
failed ones and a sample of these.
"""

import random
import statistics
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from stylize_core.report.record import FINISHED, JobRecord
from stylize_core.report.variation import scale

DRAWN = 500
"""Jobs that a report is about, at most."""

SHOW_ALL = 200
RANKED = 12
FAILED = 40
SAMPLE = 24


def draw(jobs: pa.Table, scales: Callable[[], npt.NDArray[np.int64]], seed: str) -> pa.Array:
    """Returns the ids of the jobs that a report is about: all, or best, worst, failed and a sample of the finished.

    Args:
        jobs: `job_id`, `status`, `final_total` and `place` of each distinct job, in the manifest's order.
        scales: gives a number for each place; jobs with the same one have totals that compare.
        seed: fixes the sample.
    """
    if len(jobs) <= DRAWN:
        return jobs["job_id"].combine_chunks()
    status, totals = (jobs[name].to_pandas() for name in ("status", "final_total"))
    failed = np.flatnonzero(status == "failed")[:FAILED]
    judged = totals[(status != "failed") & totals.notna()]
    number = pd.Series(scales()[jobs["place"].to_numpy()])[judged.index]
    medians = judged.groupby(number).transform("median").replace(0.0, 1.0)
    ranked = (judged / medians).sort_values(kind="stable").index.to_numpy()
    chosen = {*failed.tolist(), *ranked[:RANKED].tolist(), *ranked[-RANKED:].tolist()}
    others = np.setdiff1d(np.flatnonzero(status.isin(FINISHED)), list(chosen)).tolist()
    chosen |= set(random.Random(seed).sample(others, min(len(others), DRAWN - len(chosen))))
    return jobs["job_id"].take(pa.array(sorted(chosen), pa.int64())).combine_chunks()


def select(jobs: Sequence[JobRecord], seed: str) -> dict[str, str]:
    """Returns the shown jobs' ids, in the order of `jobs`, with why: `best`, `worst`, `failed`, `sample` or ``.

    Args:
        jobs: the finished jobs.
        seed: fixes the sample.
    """
    if len(jobs) <= SHOW_ALL:
        return {job.job_id: "" for job in jobs}
    failed = [job for job in jobs if job.status == "failed"][:FAILED]
    ranked = rank([job for job in jobs if job.status != "failed"])
    middle = ranked[RANKED:-RANKED]
    chosen = {job.job_id: "sample" for job in random.Random(seed).sample(middle, min(SAMPLE, len(middle)))}
    chosen |= {job.job_id: "best" for job in ranked[:RANKED]}
    chosen |= {job.job_id: "worst" for job in ranked[-RANKED:]}
    chosen |= {job.job_id: "failed" for job in failed}
    return {job.job_id: chosen[job.job_id] for job in jobs if job.job_id in chosen}


def rank(jobs: Sequence[JobRecord]) -> list[JobRecord]:
    """Returns the jobs that have a final total, lowest first.

    A total is measured against the median of those it compares with, so that jobs of another form, network, size or
    other weights can stand in one list.
    """
    totals: dict[tuple[object, ...], list[float]] = {}
    judged = [job for job in jobs if "total" in job.finals]
    for job in judged:
        totals.setdefault(scale(job), []).append(job.finals["total"])
    medians = {key: statistics.median(values) or 1.0 for key, values in totals.items()}
    return sorted(judged, key=lambda job: job.finals["total"] / medians[scale(job)])

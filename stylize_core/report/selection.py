"""Which jobs a page shows one by one: all of a small run; the best, worst, failed and a sample of a large one."""

import random
import statistics
from collections.abc import Sequence

from stylize_core.report.record import JobRecord
from stylize_core.report.variation import scale

SHOW_ALL = 200
RANKED = 12
FAILED = 40
SAMPLE = 24


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

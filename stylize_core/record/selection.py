"""Which jobs a report is about, and which of them a page shows one by one.

A small run is shown whole. Of a large one the sheets draw some hundred jobs, and the page shows the ranked ones and a
sample of these one by one; its table, bands and ranks are about all.
"""

import random
from collections.abc import Callable, Collection, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from stylize_core.record.run_record import FINISHED, JobRecord

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


def select(jobs: Sequence[JobRecord], seed: str, ranked: Collection[str]) -> tuple[list[str], list[str]]:
    """Returns the ids of the jobs that the page shows in its gallery, and of those with all their curves and pictures.

    Both are all jobs of a small run. Of a large one the gallery has a sample; the ranked jobs have curves as well.

    Args:
        jobs: the finished jobs.
        seed: fixes the sample.
        ranked: ids of the jobs in ranked lists.
    """
    ids = [job.job_id for job in jobs]
    if len(ids) <= SHOW_ALL:
        return ids, ids
    sound = [job.job_id for job in jobs if job.image and job.status != "failed" and job.job_id not in ranked]
    sample = set(random.Random(seed).sample(sound, min(SAMPLE, len(sound))))
    gallery = [job_id for job_id in ids if job_id in sample]
    return gallery, [job_id for job_id in ids if job_id in sample or job_id in ranked]

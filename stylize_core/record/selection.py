"""Selects the jobs that a report covers, and those that a page shows one by one.

A small run is shown completely. For a large run, the sheets draw some hundred jobs, and the page shows the ranked jobs
and a sample of these one by one; its table, bands and ranks cover all jobs.
"""

import random
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from stylize_core.record.comparable import scales
from stylize_core.record.rows import FINISHED
from stylize_core.record.run_record import JobRecord
from stylize_core.settings import TOTAL_SCALE

DRAWN = 500
"""Most jobs that a report covers."""

SHOW_ALL = 200
RANKED = 12
FAILED = 40
SAMPLE = 24


def draw(jobs: pd.DataFrame, seed: str) -> list[str]:
    """Returns the ids of the jobs that a report covers: all, or best, worst, failed and a sample of the finished ones.

    Args:
        jobs: each once, numbered from 0 in the manifest's order; see `RunTable.asked`.
        seed: fixes the sample.
    """
    ids: list[str] = jobs["job_id"].tolist()
    if len(ids) <= DRAWN:
        return ids
    failed = np.flatnonzero(jobs["status"] == "failed")[:FAILED]
    judged = jobs[(jobs["status"] != "failed") & jobs["final_total"].notna()]
    medians = judged["final_total"].groupby(scales(judged, TOTAL_SCALE)).transform("median").replace(0.0, 1.0)
    ranked = (judged["final_total"] / medians).sort_values(kind="stable").index.to_numpy()
    chosen = {*failed.tolist(), *ranked[:RANKED].tolist(), *ranked[-RANKED:].tolist()}
    others = np.setdiff1d(np.flatnonzero(jobs["status"].isin(FINISHED)), list(chosen)).tolist()
    chosen |= set(random.Random(seed).sample(others, min(len(others), DRAWN - len(chosen))))
    return [ids[place] for place in sorted(chosen)]


def select(jobs: Sequence[JobRecord], seed: str, ranked: Collection[str]) -> tuple[list[str], list[str]]:
    """Returns the ids of the jobs in the page's gallery, and of those with all their curves and pictures.

    For a small run both are all jobs. For a large run the gallery has a sample; the ranked jobs have curves too.

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

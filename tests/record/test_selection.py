"""The jobs that a report shows."""

import numpy as np
import pandas as pd
import pytest
from fixtures.records import record_of, table_of

from stylize_core.record import selection
from stylize_core.record.selection import FAILED, RANKED, draw, select
from stylize_core.settings import TOTAL_SCALE


def _jobs(count, **columns):
    """Jobs that are all done and comparable, each with its number as its total."""
    values = {
        "job_id": [f"job-{n}" for n in range(count)],
        "status": ["done"] * count,
        "final_total": np.arange(1, count + 1, dtype=np.float32),
        **{name: ["same"] * count for name in ("network", *TOTAL_SCALE)},
    }
    return pd.DataFrame(values | columns)


def _drawn(jobs, seed="run"):
    """Numbers of the shown jobs."""
    return [int(job.removeprefix("job-")) for job in draw(jobs, seed)]


def test_a_small_run_is_drawn_whole():
    """Up to 500 jobs, all of them, whatever their status."""
    jobs = _jobs(selection.DRAWN, status=["stopped", "failed"] * (selection.DRAWN // 2))
    assert _drawn(jobs) == list(range(selection.DRAWN))


def test_a_large_run_is_drawn_in_part():
    """500 jobs in the manifest's order, with the best and the worst; the rest is a sample by the run's name."""
    drawn = _drawn(_jobs(3000))
    assert len(drawn) == selection.DRAWN
    assert drawn == sorted(set(drawn))
    assert set(drawn) >= {*range(RANKED), *range(3000 - RANKED, 3000)}
    assert drawn == _drawn(_jobs(3000))
    assert drawn != _drawn(_jobs(3000), seed="another run")
    assert 1200 < np.mean(drawn) < 1800


def test_failed_jobs_are_drawn_first():
    """The first failed jobs are shown; low totals do not make them the best."""
    status = ["failed" if n % 2 else "done" for n in range(2000)]
    totals = [None if n % 4 == 1 else float(n % 2 == 0) + n / 1e4 for n in range(2000)]
    drawn = _drawn(_jobs(2000, status=status, final_total=totals))
    assert set(drawn) >= {*range(1, 2 * FAILED, 2), *range(0, 2 * RANKED, 2)}


def test_totals_are_measured_against_those_they_compare_with():
    """A job that is bad among comparable jobs is among the worst, whatever the totals of others."""
    forms = ["mean", "paper"] * 1000
    totals = [1e6 + n if n % 2 else 1.0 + n / 1e6 for n in range(2000)]
    totals[10] = 1.5
    assert 10 in _drawn(_jobs(2000, final_total=totals, form=forms))


def test_jobs_that_were_not_reached_are_left_out():
    """For a large run that was stopped, the finished jobs are shown."""
    status = ["done" if n < 30 else "stopped" for n in range(2000)]
    totals = [1.0 if n < 30 else None for n in range(2000)]
    assert _drawn(_jobs(2000, status=status, final_total=totals)) == list(range(30))


@pytest.mark.parametrize("status", ["failed", "stopped"])
def test_a_large_run_without_a_result(status):
    """If nothing can be ranked, there is no error."""
    drawn = _drawn(_jobs(600, status=[status] * 600, final_total=np.full(600, np.nan)))
    assert len(drawn) == (selection.DRAWN if status == "failed" else 0)


def test_small_runs_show_every_job(stores, run):
    """Up to 200 jobs, all are shown."""
    jobs = record_of(stores(12), run).finished
    ids = [job.job_id for job in jobs]
    assert select(jobs, run, set()) == (ids, ids)


def test_large_runs_show_a_sample_and_the_ranked_jobs(stores, run):
    """The sample has done jobs with a picture, the same each time; ranked jobs are added."""
    jobs = record_of(stores(210), run).finished
    ranked = {jobs[0].job_id, jobs[-1].job_id}
    gallery, shown = select(jobs, run, ranked)
    assert len(gallery) == selection.SAMPLE
    assert set(shown) == {*gallery, *ranked}
    assert ranked.isdisjoint(gallery)
    order = [job.job_id for job in jobs]
    assert shown == sorted(shown, key=order.index)
    assert (gallery, shown) == select(jobs, run, ranked)
    assert gallery != select(jobs, "another run", ranked)[0]
    assert not {job.job_id for job in jobs if job.status == "failed"} & set(gallery)


def test_wanted_jobs_are_drawn(stores, run, monkeypatch):
    """Requested jobs of a large run are always shown, in the manifest's order."""
    monkeypatch.setattr(selection, "DRAWN", 80)
    order = [job.job_id for job in record_of(stores(210), run, ()).jobs]
    every = table_of(stores(210), run).rows["job_id"].tolist()
    left = sorted(set(every) - set(order))[:3]
    jobs = [job.job_id for job in record_of(stores(210), run, left).jobs]
    assert jobs == [job for job in every if job in {*order, *left}]

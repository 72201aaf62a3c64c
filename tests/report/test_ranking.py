"""Lists of notable jobs."""

import numpy as np
import pandas as pd
import pytest
from fixtures.records import table_of

from stylize_core.record.term_curves import TermCurves, read_term_curves
from stylize_core.report import ranking
from stylize_core.report.ranking import LENGTH, rank
from stylize_core.settings import TERM_SCALE


def _jobs(count, **columns):
    """Jobs that are all done, each with its number as its style loss and its seconds."""
    numbers = np.arange(1.0, count + 1)
    common = dict.fromkeys(("network", *TERM_SCALE), "same")
    figures = {"final_style": numbers, "seconds": numbers, "best_step": numbers, "status": "done", "error_code": None}
    return pd.DataFrame({"job_id": [f"job-{n}" for n in range(count)], **common, **figures, **columns})


def _curves(falling):
    values, falls = np.zeros((len(falling), 4, 1)), np.array(falling, np.float32)
    return TermCurves(steps=np.zeros(1, int), values=values, falling=falls, begins=pd.DataFrame())


def _list(jobs, falling, title):
    return next((one for one in rank(jobs, _curves(falling)) if one.title.startswith(title)), None)


def test_few_jobs_have_no_lists():
    """A run of a dozen jobs has no lists."""
    assert rank(_jobs(ranking.FEW), _curves([1.0] * ranking.FEW)) == []


def test_the_highest_style_loss_is_against_the_median_of_its_like():
    """Ten times higher losses of another form do not fill the list."""
    jobs = _jobs(40, form=["mean", "paper"] * 20)
    jobs.loc[jobs["form"] == "paper", "final_style"] *= 1000
    found = _list(jobs, [0.0] * 40, "Highest style loss")
    assert set(found.jobs) == {f"job-{n}" for n in range(32, 40)}
    assert next(iter(found.jobs)) == "job-38"  # 39 / 20, and 40 / 21
    assert found.jobs["job-38"] == "1.95 × median"


def test_failed_jobs_are_in_no_list_of_losses():
    """A diverged job has a separate list; the slowest may have failed."""
    jobs = _jobs(20)
    jobs.loc[19, ["status", "error_code"]] = ["failed", "diverged"]
    lists = {one.title: one for one in rank(jobs, _curves([0.5] * 20))}
    assert "job-19" not in lists["Highest style loss"].jobs
    assert "job-19" not in lists["Not converged"].jobs
    assert list(lists["Diverged"].jobs) == ["job-19"]
    assert next(iter(lists["Slowest"].jobs)) == "job-19"


def test_not_converged_is_what_still_falls():
    """Jobs whose loss falls more than 1 % over the last tenth, the steepest first; the title counts all of them."""
    falling = [np.nan, 0.009, *np.linspace(0.02, 0.2, 18)]
    found = _list(_jobs(20), falling, "Not converged")
    assert found.total == 18
    assert next(iter(found.jobs.items())) == ("job-19", "fell 20.0%")
    assert len(found.jobs) == LENGTH


def test_lists_without_jobs_are_left_out():
    """If nothing diverged and everything converged, there are no such lists."""
    titles = [one.title for one in rank(_jobs(20), _curves([0.0] * 20))]
    assert titles == ["Highest style loss", "Slowest"]


def test_a_batch_is_slow_once():
    """Jobs of a batch have the same time: only the first is listed, to leave room for other batches."""
    found = _list(_jobs(20, seconds=[9.5] * 12 + [7.25] * 7 + [8.0]), [0.0] * 20, "Slowest")
    assert found.jobs == {"job-0": "9.5 s each of 12", "job-19": "8 s", "job-12": "7.25 s each of 7"}


@pytest.mark.parametrize("name", ["final_style", "seconds"])
def test_ranks_are_those_of_the_store(stores, run, name):
    """The highest figures of a real run with one kind of jobs."""
    files = stores(210)
    jobs = table_of(files, run).jobs()
    title = {"final_style": "Highest style loss", "seconds": "Slowest"}[name]
    found = next(one for one in rank(jobs, read_term_curves(files, jobs)) if one.title == title)
    sound = jobs[jobs["status"] != "failed"] if name == "final_style" else jobs
    highest = sound.sort_values(name, ascending=False, kind="stable").drop_duplicates(name)
    assert list(found.jobs) == highest["job_id"][:LENGTH].tolist()

"""Finding the newest run."""

import dataclasses

import pytest

from stylize_core.files.files import Files
from stylize_core.store.holder import Holder
from stylize_core.store.runs import latest_run, planned_runs

EARLY, LATE = "20261101T000000.000-aaaa", "20261201T000000.000-bbbb"


@pytest.fixture
def two(files: Files) -> Files:
    """A store with two planned runs and one that was not."""
    for name in (f"{LATE}/plan.parquet", f"{EARLY}/plan.parquet", "20270101T000000.000-cccc/manifest.csv"):
        files.publish(f"runs/{name}", b"x")
    return files


def lease(files: Files, n: int, run: str) -> None:
    """Publishes a lease that names a run."""
    holder = dataclasses.replace(Holder.here(n), run=run, released=True)
    files.publish(f"lease/{n:08d}.json", holder.to_json())


def test_without_a_run(files: Files) -> None:
    """A store may have no runs."""
    assert (planned_runs(files), latest_run(files)) == ([], "")


def test_the_lease_says_which_is_newest(two: Files) -> None:
    """The newest lease counts, whatever the clock when the runs got their names."""
    lease(two, 1, LATE)
    lease(two, 2, EARLY)
    assert latest_run(two) == EARLY
    assert planned_runs(two) == [EARLY, LATE]


@pytest.mark.parametrize("run", ["", "20261130T000000.000-dddd", "../../etc"])
def test_by_name_where_the_lease_does_not_tell(two: Files, run: str) -> None:
    """If a lease is of release 0.1, names a deleted run, or names none, the run with the latest name counts."""
    lease(two, 1, run)
    assert latest_run(two) == LATE


def test_a_damaged_lease_is_no_matter_of_readers(two: Files) -> None:
    """Readers then use the names."""
    two.publish("lease/00000001.json", b"damaged")
    assert latest_run(two) == LATE

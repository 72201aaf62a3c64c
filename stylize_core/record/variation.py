"""Finds the settings that vary among jobs, and the few of them that serve as axes."""

from collections.abc import Hashable, Mapping, Sequence

import pandas as pd

from stylize_core import wording
from stylize_core.record.run_record import JobRecord
from stylize_core.settings import SETTING_FIELDS

NAMES = ("preset", *(spec.name for spec in SETTING_FIELDS))


def axes(columns: Mapping[str, Sequence[Hashable]]) -> list[str]:
    """Returns the varying settings that do not follow from another one, those with the most values first.

    Sweeping `size` also changes `style_size`, and changing `preset` changes much else: each is one axis. Seeds come
    last, because a different seed for every job would seem to decide everything.

    Args:
        columns: by setting, its value for each job.
    """
    counts = {name: count for name, values in columns.items() if (count := len(set(values))) > 1}
    leaders: list[str] = []
    for name in sorted(counts, key=lambda name: (name == "seed", -counts[name])):
        if not any(_decides(columns[leader], columns[name]) for leader in leaders):
            leaders.append(name)
    return leaders


def axes_of_jobs(jobs: Sequence[JobRecord]) -> list[str]:
    """Returns the axes of jobs."""
    return axes({name: [job.settings[name] for job in jobs] for name in NAMES})


def axes_of_rows(rows: pd.DataFrame) -> list[str]:
    """Returns the axes of rows in a table; an empty cell counts as a value."""
    return axes({name: pd.factorize(rows[name])[0].tolist() for name in NAMES})


def describe(job: JobRecord, names: Sequence[str]) -> str:
    """Returns the text of some settings of a job: `style_weight 1e6 · start noise`."""
    return " · ".join(f"{name} {wording.setting(name, job.settings[name])}" for name in names)


def _decides(leader: Sequence[Hashable], follower: Sequence[Hashable]) -> bool:
    return len(set(zip(leader, follower, strict=True))) == len(set(leader))

"""Which jobs may stand in one chart, and by what they are split there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stylize_core import wording
from stylize_core.record.variation import NAMES
from stylize_core.settings import TERM_SCALE, TOTAL_SCALE

SETS = 12
"""Sets of comparable jobs drawn, the largest first."""

SPLITS = 6
"""Splits offered of a set at most."""

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparableSet:
    """Jobs whose terms compare.

    Attributes:
        title: what they share and other sets do not.
        places: their numbers among all jobs.
        has_total: whether their totals compare as well: they weigh the terms alike.
    """

    title: str
    places: Places
    has_total: bool


def comparable_sets(jobs: pd.DataFrame) -> list[ComparableSet]:
    """Returns the sets of jobs with one form, size, layers and network, the largest first; failed jobs are in none."""
    sound = jobs[jobs["status"] != "failed"]
    numbers = scales(sound, TERM_SCALE)
    totals = scales(sound, TOTAL_SCALE)
    names = ["form", "size", *(name for name in TERM_SCALE[2:] if count(sound[name]) > 1)]
    found = [sound.index[numbers == number].to_numpy() for number in range(numbers.max(initial=-1) + 1)]
    networks = count(sound["network"]) > 1
    return [
        ComparableSet(
            title=_title(jobs.loc[places[0]], names, networks),
            places=places,
            has_total=len(np.unique(totals[np.isin(sound.index, places)])) == 1,
        )
        for place, places in sorted(enumerate(found), key=lambda one: (-len(one[1]), one[0]))
    ][:SETS]


def scales(jobs: pd.DataFrame, names: Sequence[str]) -> Places:
    """Returns a number for each job; those with the same one are comparable.

    Args:
        jobs: of a listing.
        names: `TERM_SCALE` to compare terms, `TOTAL_SCALE` to compare totals.
    """
    keys = ["network", *names]
    return np.asarray(jobs.groupby(keys, observed=True, dropna=False, sort=False).ngroup(), np.int64)


def splits(jobs: pd.DataFrame) -> list[str]:
    """Returns the columns by which jobs fall into parts worth comparing: preset, style, content, swept settings.

    A setting that another one decides is left out, and so is what nearly every job has a value of its own of.
    """
    names = [*axes(jobs), "style", "content"]
    order = sorted(names, key=lambda name: ("preset", "style").index(name) if name in ("preset", "style") else 2)
    return [name for name in order if 1 < count(jobs[name]) <= max(len(jobs) // 2, 2)][:SPLITS]


def axes(jobs: pd.DataFrame) -> list[str]:
    """Returns the varying settings that none of the others decides, as `variation.axes` does for single jobs."""
    counts = {name: number for name in NAMES if (number := count(jobs[name])) > 1}
    leaders: list[str] = []
    for name in sorted(counts, key=lambda name: (name == "seed", -counts[name])):
        if not any(_decides(jobs, leader, name, counts[leader]) for leader in leaders):
            leaders.append(name)
    return leaders


def parts(jobs: pd.DataFrame, name: str) -> Iterator[tuple[str, Places]]:
    """Yields the values of a column as text, with the places of their jobs: numbers rising, others by frequency."""
    groups = jobs.groupby(name, observed=True, sort=True).indices
    values = list(groups)
    if not pd.api.types.is_numeric_dtype(jobs[name]):
        values.sort(key=lambda value: -len(groups[value]))
    for value in values:
        yield value_text(name, value), np.asarray(groups[value], np.int64)


def value_text(name: str, value: object) -> str:
    """Writes a value of a column: of an input its file name, of a setting what a manifest would say."""
    return wording.file_name(str(value)) if name in ("content", "style") else wording.setting(value)


def count(column: "pd.Series[Any]") -> int:
    """Returns the number of distinct values of a column, an empty cell among them."""
    return column.nunique(dropna=False)


def _decides(jobs: pd.DataFrame, leader: str, name: str, values: int) -> bool:
    return not jobs.duplicated([leader]).ne(jobs.duplicated([leader, name])).any() and values > 0


def _title(job: "pd.Series[Any]", names: Sequence[str], networks: bool) -> str:
    words = [f"{name} {wording.setting(job[name])}" for name in names]
    return " · ".join([*words, *([f"network {str(job['network'])[:8]}"] if networks else [])])

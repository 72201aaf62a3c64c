"""Decides which jobs may share a chart, and how they can be split there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stylize_core import wording
from stylize_core.record.variation import axes_of_rows
from stylize_core.settings import TERM_SCALE, TOTAL_SCALE
from stylize_core.terms import LOSSES

SPLITS = 6
"""Most splits offered for a set."""

_ALWAYS = ("form", "size")  # in the title of every set

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparableSet:
    """Jobs whose terms are comparable.

    Attributes:
        title: what distinguishes them from other sets.
        shared: the settings that make their terms comparable, with the shared values.
        places: their numbers among all jobs.
        terms: the comparable losses, including the total if all jobs have the same weights.
    """

    title: str
    shared: Mapping[str, object]
    places: Places
    terms: tuple[str, ...]


def comparable_sets(jobs: pd.DataFrame) -> list[ComparableSet]:
    """Returns the sets of jobs with equal form, size, layers and network, largest first, without failed jobs."""
    sound = jobs[jobs["status"] != "failed"]
    totals = scales(sound, TOTAL_SCALE)
    names = [*_ALWAYS, *(name for name in TERM_SCALE if name not in _ALWAYS and count(sound[name]) > 1)]
    networks = count(sound["network"]) > 1
    groups = pd.Series(np.arange(len(sound))).groupby(scales(sound, TERM_SCALE)).indices
    found = [groups[number] for number in range(len(groups))]
    return [
        ComparableSet(
            title=_title(jobs.loc[sound.index[places[0]]], names, networks),
            shared={name: plain(sound[name].iloc[places[0]]) for name in TERM_SCALE},
            places=sound.index[places].to_numpy(),
            terms=tuple(loss for loss in LOSSES if loss != "total" or len(np.unique(totals[places])) == 1),
        )
        for places in sorted(found, key=len, reverse=True)
    ]


def scales(jobs: pd.DataFrame, names: Sequence[str]) -> Places:
    """Returns a number for each job, from 0 in order of appearance; jobs with equal numbers are comparable.

    Args:
        jobs: of a run's table.
        names: `TERM_SCALE` to compare terms, `TOTAL_SCALE` to compare totals.
    """
    keys = ["network", *names]
    return np.asarray(jobs.groupby(keys, observed=True, dropna=False, sort=False).ngroup(), np.int64)


def splits(jobs: pd.DataFrame) -> list[str]:
    """Returns the columns that split jobs into parts worth comparing: preset, style, content, swept settings.

    Settings that follow from another one are left out, and so are those with a different value for nearly every job.
    """
    names = [*axes_of_rows(jobs), "style", "content"]
    order = sorted(names, key=lambda name: ("preset", "style").index(name) if name in ("preset", "style") else 2)
    return [name for name in order if 1 < count(jobs[name]) <= max(len(jobs) // 2, 2)][:SPLITS]


def parts(jobs: pd.DataFrame, name: str) -> Iterator[tuple[str, Places]]:
    """Yields the values of a column as text, with the places of their jobs: numbers ascending, others by frequency."""
    groups = jobs.groupby(name, observed=True, sort=True).indices
    values = list(groups)
    if not pd.api.types.is_numeric_dtype(jobs[name]):
        values.sort(key=lambda value: -len(groups[value]))
    for value in values:
        yield value_text(name, value), np.asarray(groups[value], np.int64)


def value_text(name: str, value: object) -> str:
    """Returns the text of a value: for an input its file name, for a setting its text in a manifest."""
    return wording.file_name(str(value)) if name in ("content", "style") else wording.setting(name, value)


def count(column: "pd.Series[Any]") -> int:
    """Returns the number of distinct values of a column; an empty cell counts as a value."""
    return column.nunique(dropna=False)


def plain(cell: Any) -> object:
    """Returns a cell of a table as a value of a setting; None if it is empty."""
    return None if pd.isna(cell) else cell.item() if isinstance(cell, np.generic) else cell


def _title(job: "pd.Series[Any]", names: Sequence[str], networks: bool) -> str:
    words = [f"{name} {wording.setting(name, job[name])}" for name in names]
    return " · ".join([*words, *([f"network {str(job['network'])[:8]}"] if networks else [])])

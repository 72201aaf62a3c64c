"""Compares two runs: which of their jobs match, and how their figures changed from the earlier run to the later."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stylize_core.record.comparable import value_text
from stylize_core.record.variation import NAMES
from stylize_core.settings import TERM_SCALE, TOTAL_SCALE
from stylize_core.store.records import FIGURES, FINALS

COMPARED = (*FIGURES, "seconds")

_PAIR = ["content", "style"]
_OTHER = ("job_id", "image", "status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs.

    Attributes:
        rows: a line per matched pair of jobs: the columns of the later run, of the earlier `other_job_id`,
            `other_image`, `other_status`, `before_<figure>`, and `change_<figure>`: by which share of the figure
            before it rose; NaN if the two are not comparable.
        others: the matched jobs of the earlier run, in the same order.
        gone: jobs that only the earlier run has.
        new: jobs that only the later run has.
        same: pairs of the same job.
        settings: those that differ in some pair, with the number of pairs by `before → after`.
    """

    rows: pd.DataFrame
    others: pd.DataFrame
    gone: int
    new: int
    same: int
    settings: dict[str, dict[str, int]]


def compare(before: pd.DataFrame, after: pd.DataFrame) -> Comparison:
    """Compares the jobs of a run with those of a later one.

    Jobs are matched by job id first; then by equal id, content and style; then by equal content and style, in the
    manifests' order.

    Args:
        before: the finished jobs of the earlier run's table.
        after: those of the later one.
    """
    places = match(after, before)
    matched = after[places >= 0].reset_index(drop=True)
    partner = before.iloc[places[places >= 0]].reset_index(drop=True)
    columns = {f"other_{name}": partner[name] for name in _OTHER}
    for name in COMPARED:
        old, new = (side[name].astype(float) for side in (partner, matched))
        columns |= {f"before_{name}": old, f"change_{name}": _change(old, new, _scale(name), matched, partner)}
    return Comparison(
        rows=pd.concat([matched, pd.DataFrame(columns)], axis=1),
        others=partner,
        gone=len(before) - len(matched),
        new=int((places < 0).sum()),
        same=int((matched["job_id"] == partner["job_id"]).sum()),
        settings={name: found for name in NAMES if (found := _settings(name, matched, partner))},
    )


def match(ours: pd.DataFrame, others: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Returns for each of our jobs the number of the matching job of the other run, -1 if there is none."""
    found = np.full(len(ours), -1, np.int64)
    is_free = np.ones(len(others), bool)
    for keys in (["job_id"], ["id", *_PAIR], _PAIR):
        left = np.flatnonzero(found < 0)
        right = np.flatnonzero(is_free)
        joined = _numbered(ours, left, keys).merge(_numbered(others, right, keys), on=[*keys, "turn"])
        found[joined["place_x"]] = joined["place_y"]
        is_free[joined["place_y"]] = False
    return found


def _numbered(jobs: pd.DataFrame, places: npt.NDArray[np.int64], keys: list[str]) -> pd.DataFrame:
    """Returns keys as texts, with each job's position among jobs of the same key; jobs without a key are left out."""
    table = jobs[keys].iloc[places].astype("object").assign(place=places).dropna()
    return table.assign(turn=table.groupby(keys).cumcount())


def _scale(name: str) -> tuple[str, ...]:
    return TOTAL_SCALE if name == "final_total" else TERM_SCALE if name in FINALS else ()


def _change(
    before: "pd.Series[float]",
    after: "pd.Series[float]",
    scale: tuple[str, ...],
    ours: pd.DataFrame,
    others: pd.DataFrame,
) -> "pd.Series[float]":
    keys = ["network", *scale] if scale else []
    is_fair = np.ones(len(ours), np.bool_)
    for key in keys:
        is_fair &= _equal(ours[key], others[key])
    change = (after - before) / before.abs()
    return change.where(is_fair & np.isfinite(change))


def _equal(ours: "pd.Series[Any]", others: "pd.Series[Any]") -> npt.NDArray[np.bool_]:
    sides = [side.astype("object").where(side.notna(), None).to_numpy() for side in (ours, others)]
    return np.array([one == other for one, other in zip(*sides, strict=True)], bool)


def _settings(name: str, ours: pd.DataFrame, others: pd.DataFrame) -> dict[str, int]:
    is_other = ~_equal(ours[name], others[name])
    sides = zip(others[name][is_other], ours[name][is_other], strict=True)
    words = Counter(" → ".join(value_text(name, value) for value in pair) for pair in sides)
    return dict(words.most_common())

"""The page that compares two runs, A the earlier and B the later; made from the store alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stylize_core import wording
from stylize_core.files.files import Files
from stylize_core.record.rows import RunRows
from stylize_core.record.table import LINE, run_table
from stylize_core.record.thumbnails import Thumbnails
from stylize_core.report import charts, packing
from stylize_core.report.album import Album, Thumb
from stylize_core.report.comparison import COMPARED, Comparison, compare
from stylize_core.report.packed_rows import columns_of, endings, review_key, table
from stylize_core.report.sets import compared_sets
from stylize_core.report.template import HELP, template, vega
from stylize_core.store import layout

LENGTH = 8
"""Most pairs in a list of the largest changes."""

EDGE = 240
"""Edge of their pictures, pixels."""

RANKED_BY = ("final_style", "quality_gram", "final_content", "quality_ssim")
"""Pairs are ranked by the change of the first of these figures that is comparable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureChange:
    """How a figure changed over all comparable pairs.

    Attributes:
        name: of the figure.
        pairs: number of comparable pairs.
        lower: pairs in which it fell.
        higher: pairs in which it rose.
        median: change, as text.
    """

    name: str
    pairs: int
    lower: int
    higher: int
    median: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCard:
    """A job and the one it is compared with.

    Attributes:
        job_id: of the later run.
        label: its id, or the names of its content and style.
        row: its number in the manifest.
        change: as text.
        before: picture of the earlier run.
        after: picture of the later run.
    """

    job_id: str
    label: str
    row: int
    change: str
    before: Thumb
    after: Thumb


def write_comparison(files: Files, run: str, other: str) -> str:
    """Writes a page that compares a run with another of the same store, the earlier one with the later.

    Args:
        files: the store.
        run: the run's name; the page is in its folder.
        other: the run to compare with; of the two, either may be the earlier one.

    Returns:
        The page's path in the store.

    Raises:
        UsageError: there is no such run.
        StoreError: the store cannot be read or written.
    """
    before, after = sorted((run, other))  # names begin with the time
    earlier, later = (run_table(RunRows(files, name, LINE)) for name in (before, after))
    comparison = compare(earlier.jobs(), later.jobs())
    sets = compared_sets(files, comparison)
    found = {"before": before, "after": after, "key": review_key(after, later.rows), "sets": sets}
    path = layout.run(run, f"compare-{other}.html")
    files.publish(path, _render(comparison, Thumbnails(files), found).encode("utf-8"))
    return path


def _render(comparison: Comparison, pictures: Thumbnails, found: dict[str, Any]) -> str:
    """Returns the page as HTML."""
    album = Album(pictures)
    rows = comparison.rows
    ranked_by = next((name for name in RANKED_BY if rows[f"change_{name}"].notna().any()), "")
    return template("compare.html.j2", album).render(
        **found,
        charts=charts.charts(),
        vega=vega(),
        comparison=comparison,
        summaries=[one for name in COMPARED if (one := _summary(name, rows[f"change_{name}"])).pairs],
        ranked_by=ranked_by,
        lists=_lists(rows, ranked_by, album) if ranked_by else {},
        help=HELP,
        rows=packing.pack(_table(rows)),
    )


def _table(rows: pd.DataFrame) -> dict[str, Any]:
    other = rows[["other_job_id", "other_image"]].set_axis(["job_id", "image"], axis=1)
    beside = {"job_id": other["job_id"].tolist(), "texts": {"ending": columns_of(endings(other))}}
    return {**table(rows.assign(falling=np.nan)), "other": beside}


def _summary(name: str, change: "pd.Series[float]") -> FigureChange:
    known = change.dropna()
    median = _percent(float(known.median())) if len(known) else ""
    return FigureChange(
        name=name, pairs=len(known), lower=int((known < 0).sum()), higher=int((known > 0).sum()), median=median
    )


def _lists(rows: pd.DataFrame, name: str, album: Album) -> dict[str, list[PairCard]]:
    change = rows[f"change_{name}"].dropna().sort_values(kind="stable")
    ends = {"rose": change[change > 0][::-1], "fell": change[change < 0]}
    return {
        way: [_pair(rows.iloc[place], _percent(found[place]), album) for place in found.index[:LENGTH].tolist()]
        for way, found in ends.items()
        if len(found)
    }


def _pair(row: "pd.Series[Any]", change: str, album: Album) -> PairCard:
    names = [wording.file_name(str(row[name])) for name in ("content", "style")]
    images = [row[name] if isinstance(row[name], str) else None for name in ("other_image", "image")]
    before, after = (
        album.thumb(f"{' × '.join(names)}, {side}", path, EDGE) for side, path in zip("AB", images, strict=True)
    )
    return PairCard(
        job_id=row["job_id"],
        label=row["id"] if isinstance(row["id"], str) else " × ".join(names),
        row=int(row["row"]),
        change=change,
        before=before,
        after=after,
    )


def _percent(share: float) -> str:
    return f"{share:+.1%}" if abs(share) < 10 else f"{share + 1:,.3g} ×"

"""Packs all rows for the page's table: column by column, each text once."""

from typing import Any

import numpy as np
import pandas as pd

from stylize_core import wording
from stylize_core.manifest.header import EXTRA_PREFIX
from stylize_core.presets import PRESETS, resolve
from stylize_core.record.table import RunTable
from stylize_core.record.term_curves import TermCurves
from stylize_core.record.variation import NAMES, axes_of_rows
from stylize_core.report import packing
from stylize_core.report.packing import digits
from stylize_core.store import layout
from stylize_core.store.records import FIGURES

BYTES = 6_000_000
"""Most bytes of the packed table: further rows are left out."""

SHOWN = 3
"""Most varying settings with a column of their own; a row's details have all."""

MESSAGE = 400
"""Most characters of an error."""

PICTURED = 5000
"""Most contents, or styles, whose thumbnails in the store are linked."""

_TEXTS = ("status", "id", "content", "style", "init", "error_code")
_WHOLE = ("row", "bytes", "width", "height", "updates", "best_step")
_FIGURES = (*FIGURES, "seconds", "falling")

Column = dict[str, Any]


def pack_rows(listed: RunTable, jobs: pd.DataFrame, curves: TermCurves) -> tuple[str, int]:
    """Returns the packed table and its number of rows: as many as fit into `BYTES`.

    If it is too large, the manifest's own columns are dropped first.

    Args:
        listed: the rows.
        jobs: its finished jobs.
        curves: of these.
    """
    falling = pd.Series(curves.falling, jobs["job_id"]).reindex(listed.rows["job_id"]).to_numpy()
    rows = listed.rows.assign(falling=np.where(listed.rows["status"] == "failed", np.nan, falling))
    packed = packing.pack(table(rows))
    if len(packed) > BYTES:
        rows = rows[[name for name in map(str, rows) if not name.startswith(EXTRA_PREFIX)]]
        packed = packing.pack(table(rows))
    while len(packed) > BYTES:
        rows = rows[: min(len(rows) - 1, int(0.95 * len(rows) * BYTES / len(packed)))]
        packed = packing.pack(table(rows))
    return packed, len(rows)


def table(rows: pd.DataFrame) -> dict[str, Any]:
    """Returns rows as columns.

    `texts` and `settings` are `words` with `codes` into them, -1 for none, a single code where all rows have the same;
    inputs have `names` besides their `words`, and `sha256` if they are few. `extras` are texts too.
    `numbers` are lists with null for none, those that no row has left out. Of images only the `ending` is kept, for
    the path of all others follows from the job id.

    Args:
        rows: of a run's table, with `falling`; those of a comparison have figures `before_` and `change_` as well.
    """
    texts = {name: columns_of(rows[name]) for name in _TEXTS}
    for name in ("content", "style"):
        texts[name]["names"] = [wording.file_name(uri) for uri in texts[name]["words"]]
        texts[name]["sha256"] = _digests(rows, name) if len(texts[name]["words"]) <= PICTURED else []
    texts["error"] = columns_of(rows["error"].astype("str").where(rows["error"].notna()).str.slice(0, MESSAGE))
    texts["ending"] = columns_of(endings(rows))
    figures = [*_FIGURES, *(name for name in map(str, rows) if name.startswith(("before_", "change_")))]
    numbers = {name: _whole(rows[name]) for name in _WHOLE} | {
        name: digits(rows[name].to_numpy("float64", na_value=float("nan")).tolist()) for name in figures
    }
    return {
        "count": len(rows),
        "job_id": ["" if pd.isna(job) else job for job in rows["job_id"]],
        "texts": texts,
        "numbers": {name: column for name, column in numbers.items() if any(value is not None for value in column)},
        "settings": {name: columns_of(rows[name], name) for name in NAMES},
        "extras": {name: columns_of(rows[name]) for name in map(str, rows) if name.startswith(EXTRA_PREFIX)},
        "shown": [name for name in axes_of_rows(rows[rows["job_id"].notna()]) if name != "seed"][:SHOWN],
        "presets": {name: _preset(name) for name in rows["preset"].dropna().unique() if name in PRESETS},
    }


def columns_of(column: "pd.Series[Any]", setting: str = "") -> Column:
    """Returns texts, or the values of a setting, as `words` and `codes`, see `table`."""
    codes, values = pd.factorize(column)
    is_one = len(codes) > 0 and bool((codes == codes[0]).all())
    return {
        "words": [wording.cell(setting, value) for value in values],
        "codes": int(codes[0]) if is_one else codes.tolist(),
    }


def review_key(run: str, rows: pd.DataFrame) -> str:
    """Returns the key for marks in a browser: run and first job, because two stores may use the same run name."""
    return f"{run} {next(iter(rows['job_id'].dropna()), '')}"


def endings(rows: pd.DataFrame) -> "pd.Series[str]":
    """Returns the part after the job id in the paths of images; an unusual path is returned completely."""
    found: list[str | None] = []
    for job, image in zip(rows["job_id"], rows["image"], strict=True):
        usual = f"{layout.IMAGES}/{job[:2]}/{job}" if isinstance(job, str) else "/"
        found.append(image.removeprefix(usual) if isinstance(image, str) else None)
    return pd.Series(found, rows.index, "str")


def _digests(rows: pd.DataFrame, name: str) -> list[str | None]:
    """Returns the digest of each input, in the order of `columns_of`; None if it was never read."""
    inputs = pd.DataFrame({"uri": rows[name], "sha256": rows[f"{name}_sha256"]}).dropna(subset="uri").astype("object")
    first = inputs.groupby("uri", sort=False)["sha256"].first()
    return [None if pd.isna(sha256) else str(sha256) for sha256 in first]


def _preset(name: str) -> dict[str, str]:
    values = resolve(name, {}).to_dict()
    return {setting: wording.cell(setting, value) for setting, value in values.items() if value is not None}


def _whole(column: "pd.Series[Any]") -> list[int | None]:
    return [None if pd.isna(value) else int(value) for value in column]

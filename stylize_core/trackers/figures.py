"""What trackers show of a run, read from its store: numbers over many jobs and a few pictures, never a job's own line.

Trackers grow slow with a few thousand series, so what they get does not grow with the run: quantiles by step,
distributions, counts, and some strips.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from stylize_core.files.files import Files
from stylize_core.record.rows import read_plan, read_rows
from stylize_core.store import layout
from stylize_core.store.json_files import read_json
from stylize_core.store.live import live_lines
from stylize_core.store.records import QUALITY, RESULTS, STATUSES, TERMS
from stylize_core.trackers.bands import read_bands
from stylize_core.trackers.groups import Groups
from stylize_core.trackers.strips import read_strips

Values = npt.NDArray[np.float64]

FIGURES = {**{f"final_{term}": f"final/{term}" for term in TERMS}, **{f"quality_{q}": f"quality/{q}" for q in QUALITY}}
"""Columns of the results whose distribution is shown, and the names that trackers show them under."""

_LINE = ("job_id", "commit", "status", "image", "seconds", "steps", *FIGURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFigures:
    """Jobs whose content, style and tv may be compared.

    Attributes:
        name: such as `mean-192px`.
        settings: by which the group is told from others.
        jobs: done ones.
        sampled: of which the quantiles are.
        bands: by term, `step`, `p10`, `p25`, `p50`, `p75` and `p90`; without `total` where its weights differ.
        distributions: finite values of the done jobs by `final/<term>` or `quality/<figure>`.
    """

    name: str
    settings: Mapping[str, object]
    jobs: int
    sampled: int
    bands: Mapping[str, pd.DataFrame]
    distributions: Mapping[str, Values]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """A run as trackers show it.

    Attributes:
        run: its name.
        store: public URI of the store.
        counts: rows by status, every status among them.
        totals: `jobs`, `jobs_done`, `seconds` of these, `groups` and `groups_left_out`, the small ones of very many.
        settings: that all jobs share, `preset` among them, and for each other one how many values it takes.
        environment: device, precision, weights and versions, as far as the run recorded them.
        groups: the largest ones first.
        medians: of each figure of quality over all done jobs that have it.
        strips: content, style and result of the first done jobs, by the row's id or the job's.
    """

    run: str
    store: str
    counts: Mapping[str, int]
    totals: Mapping[str, float]
    settings: Mapping[str, object]
    environment: Mapping[str, object]
    groups: tuple[GroupFigures, ...]
    medians: Mapping[str, float]
    strips: Mapping[str, Image.Image]


def read_figures(files: Files, run: str) -> RunFigures:
    """Returns the figures of a run.

    Raises:
        UsageError: there is no such run.
        StoreError: a file of the store is damaged.
    """
    groups = Groups()
    for planned in read_plan(files, run, ["job_id", "preset", "settings"]):
        groups.add(planned)
    done = _done(files, groups)
    shown = [_group(files, groups, number, lines) for number, lines in groups.largest(done)]
    return RunFigures(
        run=run,
        store=files.public_uri,
        counts=_counts(files, run),
        totals={
            "jobs": len(groups.jobs),
            "jobs_done": len(done),
            "seconds": pc.sum(done["seconds"]).as_py() or 0.0,
            "groups": groups.count,
            "groups_left_out": groups.count - len(shown),
        },
        settings=groups.settings(),
        environment=_environment(files, run),
        groups=tuple(shown),
        medians={name: float(np.median(values)) for name, values in _distributions(done, ["quality"]).items()},
        strips=read_strips(files, run, done),
    )


def _done(files: Files, groups: Groups) -> pa.Table:
    """Returns the live lines of the run's jobs that are done."""
    wanted = pa.array(groups.jobs, pa.string())
    found = []
    for table in live_lines(files, _LINE):
        is_done = pc.equal(table["status"], "done")
        found.append(table.filter(pc.and_(is_done, pc.is_in(table["job_id"], value_set=wanted))))
    return pa.concat_tables(found or [RESULTS.empty_table().select(_LINE)])


def _group(files: Files, groups: Groups, number: int, lines: pa.Table) -> GroupFigures:
    terms = [term for term in TERMS if term != "total" or groups.has_one_total(number)]
    bands, sampled = read_bands(files, lines, terms)
    left_out = {f"final/{term}" for term in TERMS if term not in terms}
    distributions = _distributions(lines, ["final", "quality"])
    return GroupFigures(
        name=groups.name(number),
        settings=groups.shared(number),
        jobs=len(lines),
        sampled=sampled,
        bands=bands,
        distributions={name: values for name, values in distributions.items() if name not in left_out},
    )


def _distributions(lines: pa.Table, kinds: list[str]) -> dict[str, Values]:
    """Returns the finite values of each figure that has any."""
    found = {}
    for column, name in FIGURES.items():
        values = lines[column].to_numpy().astype(np.float64)  # bins of nearly equal values need its digits
        values = values[np.isfinite(values)]
        if len(values) and name.partition("/")[0] in kinds:
            found[name] = values
    return found


def _counts(files: Files, run: str) -> dict[str, int]:
    counts = Counter[str]()
    for rows in read_rows(files, run):
        counts.update(rows["status"].to_pylist())
    return {status: counts[status] for status in STATUSES}


def _environment(files: Files, run: str) -> dict[str, object]:
    recorded = read_json(files, layout.run(run, "environment.json"))
    return dict(_flat({name: recorded.get(name) or {} for name in ("device", "precision", "weights", "versions")}))


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value

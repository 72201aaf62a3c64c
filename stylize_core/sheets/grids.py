"""Arranges jobs in rows and columns: the content x style matrix, and sweeps along one or two settings."""

import itertools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from stylize_core import wording
from stylize_core.record.run_record import InputRecord, JobRecord
from stylize_core.record.variation import axes_of_jobs
from stylize_core.sheets import brief
from stylize_core.store import layout

VALUES = 24
"""Most values of a setting side by side; more, such as a seed for every job, are not a sweep."""

CELLS = 6
"""Fewest cells of a matrix if there are several: smaller ones would be spread over too many pages."""

WEIGHTS = ("content_weight", "style_weight")
"""The settings of a trade-off: columns, rows."""

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A picture with a caption, or only text.

    Attributes:
        caption: below the picture.
        note: in a quiet colour below the caption; without a picture, the name of the value.
        path: of the picture in the store; None if there is none.
        mark: why there is no result, or no good one: an error's code, or `stopped`.
    """

    caption: str
    note: str = ""
    path: str | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Jobs in rows and columns.

    Attributes:
        title: of the grid.
        name: distinguishes it from other grids with this title.
        note: how to read it.
        columns: a header per column.
        rows: headers per row: one tile, or content and style.
        cells: tiles by (row, column); a missing one means that there is no such job.
        inputs: content and style, if they are not headers.
    """

    title: str
    name: str = ""
    note: str
    columns: tuple[Tile, ...]
    rows: tuple[tuple[Tile, ...], ...]
    cells: Mapping[tuple[int, int], Tile]
    inputs: tuple[Tile, ...] = ()


def matrices(jobs: Sequence[JobRecord]) -> list[Grid]:
    """Returns contents x styles, one grid for each combination of settings.

    Only for a real cross: at least two contents and two styles that fill at least half of the cells, unless every
    content has a style of its own.
    """
    names = axes_of_jobs(jobs) if jobs else ()
    found = [_matrix(group, names) for group in _alike(jobs, names) if _is_cross(group)]
    return found if len(found) == 1 else [grid for grid in found if len(grid.cells) >= CELLS]


def trade_offs(jobs: Sequence[JobRecord]) -> list[Grid]:
    """Returns content weight x style weight, a grid for each pair and each combination of other settings."""
    grids = []
    for pair in pairs(jobs):
        names = axes_of_jobs(pair)
        others = [name for name in names if name not in WEIGHTS]
        planes = [group for group in _alike(pair, others) if _spans(group, *WEIGHTS)]
        grids += [_plane(group, *WEIGHTS, others=brief.spell(group[0], others)) for group in planes]
    return grids


def sweeps(jobs: Sequence[JobRecord]) -> dict[str, list[Grid]]:
    """Returns the jobs that differ only in one or two settings, arranged along these.

    Returns:
        Grids by the names of their settings. One setting: a row for each pair of content and style. Two settings:
        a grid for each pair. If more settings are swept at once, each is shown separately. Trade-offs between the
        weights are left to `trade_offs`.
    """
    lines: dict[str, list[list[JobRecord]]] = {}
    grids: dict[str, list[Grid]] = {}
    for pair in pairs(jobs):
        names = [name for name in axes_of_jobs(pair) if _count(pair, name) <= VALUES]
        if set(WEIGHTS) <= set(names):
            names = [name for name in names if name not in WEIGHTS]
        elif len(names) == 2 and _spans(pair, *names):
            grids.setdefault("-".join(names), []).append(_plane(pair, *names))
            continue
        for name in names:
            lines.setdefault(name, []).extend(_lines(pair, name))
    swept = {name: found for name, found in lines.items() if 0 < _count(itertools.chain(*found), name) <= VALUES}
    return {name: [_stack(found, name)] for name, found in swept.items()} | grids


def pairs(jobs: Iterable[JobRecord]) -> list[list[JobRecord]]:
    """Returns the jobs of each pair of content and style; jobs with another start image are separate."""
    return list(group_by(jobs, lambda job: (job.content.sha256, job.style.sha256, job.init)).values())


def group_by(jobs: Iterable[JobRecord], key: Callable[[JobRecord], Hashable]) -> dict[Hashable, list[JobRecord]]:
    """Returns jobs by a key, both in order of appearance."""
    groups: dict[Hashable, list[JobRecord]] = {}
    for job in jobs:
        groups.setdefault(key(job), []).append(job)
    return groups


def job_tile(job: JobRecord, caption: str = "", note: str = "") -> Tile:
    """Returns a job's result, named by its id unless a caption is given."""
    mark = job.error_code if job.status == "failed" else job.status if job.status == "stopped" else ""
    return Tile(caption=caption or job.short_id, note=note, path=job.image, mark=mark)


def input_tile(source: InputRecord) -> Tile:
    """Returns a content or a style."""
    return Tile(caption=source.name, path=layout.thumbnail(source.sha256))


def _is_cross(jobs: Sequence[JobRecord]) -> bool:
    made = {(job.content, job.style) for job in jobs}
    sides = [len(set(side)) for side in zip(*made, strict=True)]
    return min(sides) > 1 and max(sides) < len(made) and sides[0] * sides[1] <= 2 * len(made)


def _matrix(jobs: Sequence[JobRecord], names: Sequence[str]) -> Grid:
    contents = _places(job.content for job in jobs)
    styles = _places(job.style for job in jobs)
    return Grid(
        title=f"{wording.plural(len(contents), 'content')} × {wording.plural(len(styles), 'style')}",
        name=brief.spell(jobs[0], names),
        note="contents down, styles across",
        columns=tuple(map(input_tile, styles)),
        rows=tuple((input_tile(content),) for content in contents),
        cells={(contents[job.content], styles[job.style]): job_tile(job) for job in jobs},
    )


def _lines(pair: Sequence[JobRecord], name: str) -> list[list[JobRecord]]:
    """Splits the jobs of a pair into lines that differ only in one setting."""
    others = [other for other in axes_of_jobs(pair) if other != name]
    return [line for line in _alike(pair, others) if len(line) > 1]


def _alike(jobs: Sequence[JobRecord], names: Sequence[str]) -> list[list[JobRecord]]:
    """Splits jobs into those that share some settings."""
    return list(group_by(jobs, lambda job: tuple(job.settings[name] for name in names)).values())


def _stack(lines: Sequence[Sequence[JobRecord]], name: str) -> Grid:
    values = _values([job for line in lines for job in line], name)
    return Grid(
        title=f"Sweep of {name}",
        note=f"{name} across, a row for each content and style",
        columns=_value_tiles(name, values),
        rows=tuple((input_tile(line[0].content), input_tile(line[0].style)) for line in lines),
        cells={(i, values[job.settings[name]]): _swept(job, name) for i, line in enumerate(lines) for job in line},
    )


def _plane(pair: Sequence[JobRecord], across: str, down: str, others: str = "") -> Grid:
    columns, rows = _values(pair, across), _values(pair, down)
    names = f"{pair[0].content.name} × {pair[0].style.name}"
    is_trade_off = (across, down) == WEIGHTS
    return Grid(
        title="Trade-off of content and style" if is_trade_off else f"Sweep of {down} and {across}",
        name=" · ".join(filter(None, [names, others])),
        note=f"{across} across, {down} down",
        columns=_value_tiles(across, columns),
        rows=tuple((tile,) for tile in _value_tiles(down, rows)),
        cells={(rows[job.settings[down]], columns[job.settings[across]]): _swept(job, across, down) for job in pair},
        inputs=(input_tile(pair[0].content), input_tile(pair[0].style)),
    )


def _swept(job: JobRecord, *names: str) -> Tile:
    """Returns a job's result, named by the swept values, because an id may be too long to be shown completely."""
    return job_tile(job, brief.describe(job, names), job.short_id)


def _spans(jobs: Sequence[JobRecord], *names: str) -> bool:
    """Returns whether jobs fill at least half of the grid along two settings with at least two values each."""
    counts = [_count(jobs, name) for name in names]
    return min(counts) > 1 and max(counts) <= VALUES and counts[0] * counts[1] <= 2 * len(jobs)


def _count(jobs: Iterable[JobRecord], name: str) -> int:
    return len({job.settings[name] for job in jobs})


def _values(jobs: Sequence[JobRecord], name: str) -> dict[object, int]:
    """Returns the positions of the values: numbers in numeric order, words in the manifest's."""
    values = _places(job.settings[name] for job in jobs)
    numeric = all(isinstance(value, int | float) for value in values)
    return _places(sorted(values, key=float)) if numeric else values  # type: ignore[arg-type]


def _places(values: Iterable[T]) -> dict[T, int]:
    return {value: place for place, value in enumerate(dict.fromkeys(values))}


def _value_tiles(name: str, values: Iterable[object]) -> tuple[Tile, ...]:
    return tuple(Tile(caption=brief.value(name, value), note=name) for value in values)

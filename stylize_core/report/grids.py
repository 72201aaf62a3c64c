"""Jobs laid out in rows and columns: the content x style matrix, and sweeps along one or two settings."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from stylize_core.report import variation, wording
from stylize_core.report.record import InputRecord, JobRecord
from stylize_core.store import layout

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A picture with a caption, or words alone.

    Attributes:
        caption: beneath the picture.
        path: of the picture in the store; None where there is none.
        mark: why there is no result, or no good one: an error's code, or `stopped`.
    """

    caption: str
    path: str | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Jobs in rows and columns.

    Attributes:
        title: what is laid out.
        note: what all of its jobs share, or how to read it.
        columns: a header per column.
        rows: headers per row: one tile, or content and style.
        cells: tiles by (row, column); where one is missing there was no such job.
        inputs: content and style, where they are no headers.
    """

    title: str
    note: str
    columns: tuple[Tile, ...]
    rows: tuple[tuple[Tile, ...], ...]
    cells: Mapping[tuple[int, int], Tile]
    inputs: tuple[Tile, ...] = ()


def matrices(jobs: Sequence[JobRecord]) -> list[Grid]:
    """Returns contents x styles, one grid for each combination of settings.

    Only for a real cross: three jobs or more, that fill at least half of the cells.
    """
    names = variation.axes(jobs) if jobs else ()
    groups = group_by(jobs, lambda job: tuple(job.settings[name] for name in names))
    return [_matrix(group, names) for group in groups.values() if _is_cross(group)]


def sweeps(jobs: Sequence[JobRecord]) -> dict[str, list[Grid]]:
    """Returns the jobs that differ in one or two settings alone, laid out along these.

    Returns:
        Grids by the names of their settings. One setting: a row for each pair of content and style. Two settings:
        a grid for each pair. Where more settings are swept at once, each is laid out for itself.
    """
    lines: dict[str, list[list[JobRecord]]] = {}
    grids: dict[str, list[Grid]] = {}
    for pair in group_by(jobs, lambda job: (job.content.sha256, job.style.sha256, job.init)).values():
        names = variation.axes(pair)
        if len(names) == 2:
            grids.setdefault("-".join(names), []).append(_plane(pair, *names))
        else:
            for name in names:
                lines.setdefault(name, []).extend(_lines(pair, name, names))
    rows = {name: [_stack(found, name)] for name, found in lines.items() if found}
    return rows | grids


def group_by(jobs: Iterable[JobRecord], key: Callable[[JobRecord], Hashable]) -> dict[Hashable, list[JobRecord]]:
    """Returns jobs by a key, both in the order in which they come."""
    groups: dict[Hashable, list[JobRecord]] = {}
    for job in jobs:
        groups.setdefault(key(job), []).append(job)
    return groups


def job_tile(job: JobRecord, caption: str = "") -> Tile:
    """Returns a job's result, named by its id unless a caption is given."""
    mark = job.error_code if job.status == "failed" else job.status if job.status == "stopped" else ""
    return Tile(caption=caption or job.short_id, path=job.image, mark=mark)


def input_tile(source: InputRecord) -> Tile:
    """Returns a content or a style."""
    return Tile(caption=source.name, path=layout.thumbnail(source.sha256))


def _is_cross(jobs: Sequence[JobRecord]) -> bool:
    contents, styles = ({source(job) for job in jobs} for source in (_content, _style))
    return len(jobs) > 2 and len(contents) * len(styles) <= 2 * len(jobs)


def _matrix(jobs: Sequence[JobRecord], names: Sequence[str]) -> Grid:
    contents = _places(_content(job) for job in jobs)
    styles = _places(_style(job) for job in jobs)
    return Grid(
        title=f"{wording.plural(len(contents), 'content')} × {wording.plural(len(styles), 'style')}",
        note=variation.describe(jobs[0], names) or "contents down, styles across",
        columns=tuple(map(input_tile, styles)),
        rows=tuple((input_tile(content),) for content in contents),
        cells={(contents[_content(job)], styles[_style(job)]): job_tile(job) for job in jobs},
    )


def _lines(pair: Sequence[JobRecord], name: str, names: Sequence[str]) -> list[list[JobRecord]]:
    """Splits the jobs of a pair into lines that differ in one setting alone."""
    others = [other for other in names if other != name]
    found = group_by(pair, lambda job: tuple(job.settings[other] for other in others))
    return [line for line in found.values() if len(line) > 1]


def _stack(lines: Sequence[Sequence[JobRecord]], name: str) -> Grid:
    values = _values([job for line in lines for job in line], name)
    return Grid(
        title=f"Sweep of {name}",
        note=f"{name} across, a row for each content and style",
        columns=_value_tiles(name, values),
        rows=tuple((input_tile(line[0].content), input_tile(line[0].style)) for line in lines),
        cells={(i, values[job.settings[name]]): job_tile(job) for i, line in enumerate(lines) for job in line},
    )


def _plane(pair: Sequence[JobRecord], across: str, down: str) -> Grid:
    columns, rows = _values(pair, across), _values(pair, down)
    return Grid(
        title=f"Sweep of {down} and {across}",
        note=f"{pair[0].content.name} × {pair[0].style.name}",
        columns=_value_tiles(across, columns),
        rows=tuple((tile,) for tile in _value_tiles(down, rows)),
        cells={(rows[job.settings[down]], columns[job.settings[across]]): job_tile(job) for job in pair},
        inputs=(input_tile(pair[0].content), input_tile(pair[0].style)),
    )


def _values(jobs: Sequence[JobRecord], name: str) -> dict[object, int]:
    """Places of the values: numbers in their order, words in the manifest's."""
    values = _places(job.settings[name] for job in jobs)
    numeric = all(isinstance(value, int | float) for value in values)
    return _places(sorted(values, key=float)) if numeric else values  # type: ignore[arg-type]


def _places(values: Iterable[T]) -> dict[T, int]:
    return {value: place for place, value in enumerate(dict.fromkeys(values))}


def _value_tiles(name: str, values: Iterable[object]) -> tuple[Tile, ...]:
    return tuple(Tile(caption=f"{name} {wording.setting(value)}") for value in values)


def _content(job: JobRecord) -> InputRecord:
    return job.content


def _style(job: JobRecord) -> InputRecord:
    return job.style

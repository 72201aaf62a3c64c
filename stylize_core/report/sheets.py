"""Contact sheets of a run: matrix, sweeps and strips, as JPEG pages in its folder."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

from stylize_core.report import variation
from stylize_core.report.canvas import Canvas
from stylize_core.report.grid_sheet import draw_grid, frame_grid, split_grid
from stylize_core.report.grids import Grid, matrices, sweeps
from stylize_core.report.pictures import Pictures
from stylize_core.report.record import JobRecord, RunRecord
from stylize_core.report.strip_sheet import StripFrame, draw_strips, make_strip
from stylize_core.store import layout
from stylize_core.store.files import Files

FOLDER = "contact-sheets"

PAGES = 20
"""Drawn at most: each takes up to a second, and nobody looks at more."""

CELL_EDGES = (128, 256)
"""Long edge of the pictures, pixels: that of the results within these bounds, so that none is blown up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetFile:
    """A published page.

    Attributes:
        name: within the run's folder.
        title: what it shows.
    """

    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Sheets:
    """The contact sheets of a run.

    Attributes:
        files: the published pages in their order.
        undrawn: number of further pages, beyond `PAGES`.
    """

    files: tuple[SheetFile, ...]
    undrawn: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page to be drawn.

    Attributes:
        title: what it shows.
        draw: draws it.
    """

    title: str
    draw: Callable[[], Canvas]


def write_sheets(files: Files, record: RunRecord, pictures: Pictures) -> Sheets:
    """Draws the contact sheets of a run and publishes them, one page at a time; pages of an earlier drawing go."""
    cell = cell_size(record.finished)
    sheets = {"matrix": grid_pages(matrices(record.jobs), cell, pictures)}
    for names, grids in sweeps(record.jobs).items():
        sheets[f"sweep-{names}"] = grid_pages(grids, cell, pictures)
    sheets["strips"] = strip_pages(record.finished, cell, pictures)
    pages = [(number, *page) for name, parts in sheets.items() for number, page in enumerate(_named(name, parts))]
    drawn = {name for _, name, _ in sorted(pages, key=itemgetter(0))[:PAGES]}  # the first of each, the second ...
    published = [_publish(files, record.run, name, page) for _, name, page in pages if name in drawn]
    _delete_others(files, record.run, published)
    return Sheets(tuple(published), len(pages) - len(published))


def cell_size(jobs: Sequence[JobRecord]) -> tuple[int, int]:
    """Returns width and height in pixels of the box into which the results fit, scaled to the same long edge."""
    sizes = [(job.width, job.height) for job in jobs if job.width and job.height]
    if not sizes:
        return CELL_EDGES[1], CELL_EDGES[1]
    low, high = CELL_EDGES
    edge = min(high, max(low, *(max(size) for size in sizes)))
    width = max(width / max(width, height) for width, height in sizes)
    height = max(height / max(width, height) for width, height in sizes)
    return round(edge * max(width, 1 / 2)), round(edge * max(height, 1 / 2))


def grid_pages(grids: Sequence[Grid], cell: tuple[int, int], pictures: Pictures) -> list[Page]:
    """Returns the pages of grids, each of which starts a new one."""
    pages = []
    for grid in grids:
        frame = frame_grid(grid, cell)
        title = grid.title if len(grids) == 1 else f"{grid.title}: {grid.note}"
        parts = split_grid(grid, frame)
        titles = [title, *(f"{title}, page {number}" for number in range(2, len(parts) + 1))]
        pages += [
            Page(name, partial(draw_grid, part, frame, pictures)) for name, part in zip(titles, parts, strict=True)
        ]
    return pages


def strip_pages(jobs: Sequence[JobRecord], cell: tuple[int, int], pictures: Pictures) -> list[Page]:
    """Returns the pages with a strip for each job."""
    if not jobs:
        return []
    names = variation.axes(jobs)
    strips = [make_strip(job, names) for job in jobs]
    frame = StripFrame(*cell, tiles=max(len(strip.tiles) for strip in strips))
    across, down = frame.capacity
    per_page = across * down
    parts = [strips[start : start + per_page] for start in range(0, len(strips), per_page)]
    titles = ["All jobs"] if len(parts) == 1 else [f"Jobs, page {number}" for number in range(1, len(parts) + 1)]
    return [
        Page(title, partial(draw_strips, part, frame, title, pictures))
        for title, part in zip(titles, parts, strict=True)
    ]


def _named(name: str, pages: Sequence[Page]) -> Iterator[tuple[str, Page]]:
    """Yields a sheet's pages with the names of their files."""
    numbered = len(pages) > 1 or name == "strips"
    for number, page in enumerate(pages, 1):
        yield f"{FOLDER}/{name}-{number:03d}.jpg" if numbered else f"{FOLDER}/{name}.jpg", page


def _publish(files: Files, run: str, name: str, page: Page) -> SheetFile:
    files.publish(layout.run(run, name), page.draw().jpeg())
    return SheetFile(name=name, title=page.title)


def _delete_others(files: Files, run: str, published: Sequence[SheetFile]) -> None:
    kept = {layout.run(run, sheet.name) for sheet in published}
    files.delete([entry.path for entry in files.list(layout.run(run, FOLDER)) if entry.path not in kept])

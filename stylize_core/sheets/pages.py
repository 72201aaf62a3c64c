"""Plans the contact sheets of a run and their pages, before any is drawn.

A small run has a matrix, sweeps and strips of all its jobs. A large run is browsed by style and by content.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from stylize_core.record.run_record import JobRecord
from stylize_core.record.thumbnails import Thumbnails
from stylize_core.record.variation import axes_of_jobs
from stylize_core.sheets.canvas import Canvas
from stylize_core.sheets.grid_page import count_pages, draw_grid, frame_grid, split_grid
from stylize_core.sheets.grids import Grid, matrices, sweeps, trade_offs
from stylize_core.sheets.section_page import SectionFrame, SectionPage, draw_sections, split_sections
from stylize_core.sheets.sections import Sections, by_content, by_style
from stylize_core.sheets.strip_page import draw_strips, frame_strips, make_strip

FEW = 500
"""Most jobs of a small run."""

MATRIX_PAGES = 4
"""Most pages of a matrix: nobody compares results over more pages."""

OTHERS = 3
"""Results with different partners from which an input gets its own section."""

CELL_EDGES = (128, 256)
"""Bounds of the pictures' long edge, pixels: within them it is that of the results, so that none is enlarged."""

LARGE_EDGES = (128, 168)
"""The same for a large run and for pages of sections: an edge of `EDGES`, so that each result is opened once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page to draw.

    Attributes:
        title: what it shows.
        names: of the inputs in its rows or sections.
        rank: pages of a lower rank are drawn first.
        draw: draws it.
    """

    title: str
    names: tuple[str, ...] = ()
    rank: int
    draw: Callable[[], Canvas]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A contact sheet.

    Attributes:
        name: prefix of its file names.
        title: what it shows.
        pages: in order; at least one.
    """

    name: str
    title: str
    pages: tuple[Page, ...]

    def file_name(self, place: int) -> str:
        """Returns the name of a page's file, which does not depend on which pages are drawn."""
        if len(self.pages) == 1:
            return f"{self.name}.jpg"
        names = self.pages[place].names
        slug = re.sub(r"[^A-Za-z0-9]+", "-", names[0])[:40].strip("-") if len(names) == 1 else ""
        return "-".join(filter(None, [self.name, f"{place + 1:03d}", slug])) + ".jpg"


def sheets_of(jobs: Sequence[JobRecord], finished: Sequence[JobRecord], pictures: Thumbnails) -> list[Sheet]:
    """Returns the contact sheets of a run.

    Args:
        jobs: of the run.
        finished: the jobs that are shown one by one.
        pictures: of the store.
    """
    cell = cell_size(finished, LARGE_EDGES if len(jobs) > FEW else CELL_EDGES)
    grids = [grid for grid in matrices(jobs) if count_pages(grid, cell) <= MATRIX_PAGES]
    found = [("matrix", "Contents × styles", grid_pages(grids, cell, pictures))]
    found.append(("trade-off", "Trade-off of content and style", grid_pages(trade_offs(jobs), cell, pictures)))
    for names, swept in sweeps(jobs).items():
        found.append((f"sweep-{names}", swept[0].title, grid_pages(swept, cell, pictures)))
    for sections in _sections(jobs, has_matrix=bool(grids)):
        found.append((sections.kind, f"By {sections.kind}", section_pages(sections, cell, pictures)))
    is_whole = len(finished) == len(jobs)
    title = "All jobs" if is_whole else "Single jobs: lowest and highest totals, failed ones, a sample"
    found.append(("strips", title, strip_pages(finished, cell, title, pictures)))
    return [Sheet(name, title, tuple(pages)) for name, title, pages in found if pages]


def cell_size(jobs: Sequence[JobRecord], edges: tuple[int, int] = CELL_EDGES) -> tuple[int, int]:
    """Returns width and height, in pixels, of the box that fits all results, scaled to the same long edge.

    Args:
        jobs: with the results.
        edges: the smallest and the largest long edge, pixels.
    """
    low, high = edges
    sizes = [(job.width, job.height) for job in jobs if job.width and job.height]
    if not sizes:
        return high, high
    edge = min(high, max(low, *(max(size) for size in sizes)))
    width = max(width / max(width, height) for width, height in sizes)
    height = max(height / max(width, height) for width, height in sizes)
    return round(edge * max(width, 1 / 2)), round(edge * max(height, 1 / 2))


def grid_pages(grids: Sequence[Grid], cell: tuple[int, int], pictures: Thumbnails) -> list[Page]:
    """Returns the pages of grids; each grid starts a new page."""
    pages = []
    for grid in grids:
        frame = frame_grid(grid, cell)
        title = ": ".join(filter(None, [grid.title, grid.name]))
        for number, part in enumerate(split_grid(grid, frame), 1):
            names = tuple(dict.fromkeys(row[0].caption for row in part.rows if row[0].path))
            draw = partial(draw_grid, part, frame, pictures)
            pages.append(Page(title=_numbered(title, number), names=names, rank=number, draw=draw))
    return pages


def section_pages(sections: Sections, cell: tuple[int, int], pictures: Thumbnails) -> list[Page]:
    """Returns the pages of sections."""
    scale = min(1.0, LARGE_EDGES[1] / max(cell))
    has_notes = any(tile.note for section in sections.parts for tile in section.tiles)
    frame = SectionFrame(round(cell[0] * scale), round(cell[1] * scale), has_notes)
    pages = []
    for page in split_sections(sections, frame):
        title = _section_title(sections.kind, page)
        draw = partial(draw_sections, page, sections, frame, title, pictures)
        pages.append(Page(title=title, names=tuple(page.names), rank=page.rank, draw=draw))
    return pages


def strip_pages(jobs: Sequence[JobRecord], cell: tuple[int, int], title: str, pictures: Thumbnails) -> list[Page]:
    """Returns the pages with a strip for each job."""
    if not jobs:
        return []
    names = axes_of_jobs(jobs)
    strips = [make_strip(job, names) for job in jobs]
    frame = frame_strips(strips, cell)
    across, down = frame.capacity
    starts = range(0, len(strips), across * down)
    titles = [_numbered(title, number) for number in range(1, len(starts) + 1)]
    return [
        Page(
            title=name,
            rank=number,
            draw=partial(draw_strips, strips[start : start + starts.step], frame, name, pictures),
        )
        for number, (start, name) in enumerate(zip(starts, titles, strict=True), 1)
    ]


def _sections(jobs: Sequence[JobRecord], *, has_matrix: bool) -> list[Sections]:
    """Returns the sections for browsing a run; for a small run only if they show more than a matrix."""
    is_large = len(jobs) > FEW
    if has_matrix and not is_large:
        return []
    found = []
    if _has_sections((job.style.sha256, job.content.sha256) for job in jobs):
        found.append(by_style(jobs))
    if _has_sections((job.content.sha256, job.style.sha256) for job in jobs):
        found.append(by_content(jobs))
    return found or ([by_style(jobs)] if is_large else [])


def _has_sections(pairs: Iterable[tuple[str, str]]) -> bool:
    partners: defaultdict[str, set[str]] = defaultdict(set)
    for lead, other in pairs:
        partners[lead].add(other)
    return any(len(others) >= OTHERS for others in partners.values())


def _section_title(kind: str, page: SectionPage) -> str:
    if len(page.names) == 1:
        return _numbered(f"{kind.capitalize()}: {page.names[0]}", page.number)
    return f"{kind.capitalize()}s: {page.names[0]} to {page.names[-1]}"


def _numbered(title: str, number: int) -> str:
    return title if number == 1 else f"{title}, page {number}"

"""Draws each job as a strip: content, style, snapshots, result."""

from collections.abc import Sequence
from dataclasses import dataclass

from stylize_core import wording
from stylize_core.record.run_record import JobRecord, snapshots
from stylize_core.record.thumbnails import Thumbnails
from stylize_core.sheets import brief
from stylize_core.sheets.canvas import GAP, MARGIN, PAGE_LIMIT, QUIET, SMALL, TEXT, TITLE, Box, Canvas
from stylize_core.sheets.grid_page import CAPTION, HEAD, draw_tile, picture_keys
from stylize_core.sheets.grids import Tile, input_tile, job_tile

SNAPSHOTS = 8
"""Most snapshots shown per job, evenly spread over all."""

LABEL = TEXT + SMALL + 22
BETWEEN = 40
"""Space between two strips."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A job as a row of pictures.

    Attributes:
        title: its name.
        note: its distinguishing settings, and its final losses.
        tiles: content, style, snapshots, result.
    """

    title: str
    note: str
    tiles: tuple[Tile, ...]


def make_strip(job: JobRecord, names: Sequence[str]) -> Strip:
    """Returns a job's strip.

    Args:
        job: a finished job.
        names: the distinguishing settings.
    """
    losses = [f"{term} {wording.number(value)}" for term, value in job.finals.items() if value]
    parts = [brief.spell(job, ["preset", *(name for name in names if name != "preset")]), *losses]
    steps = [Tile(caption=f"step {step:,}", path=path) for step, path in snapshots(job, SNAPSHOTS)]
    result = job_tile(job, f"step {job.steps:,}" if job.image else "no result")
    return Strip(
        title=f"{job.label}  ·  {job.job_id[:8]}",
        note=" · ".join(parts),
        tiles=(input_tile(job.content), input_tile(job.style), *steps, result),
    )


@dataclass(frozen=True, slots=True)
class StripFrame:
    """The measures of strips, in pixels.

    Attributes:
        width: of a picture.
        height: of a picture.
        tiles: pictures of the longest strip.
    """

    width: int
    height: int
    tiles: int

    @property
    def pitch(self) -> tuple[int, int]:
        """The distance from one strip to the next: horizontal, vertical."""
        across = self.tiles * (self.width + GAP) - GAP + 2 * BETWEEN
        return across, LABEL + self.height + CAPTION + BETWEEN

    @property
    def capacity(self) -> tuple[int, int]:
        """The number of strips on one page: horizontal, vertical."""
        across, down = self.pitch
        space = PAGE_LIMIT - 2 * MARGIN
        return max(1, (space + 2 * BETWEEN) // across), (PAGE_LIMIT - HEAD - MARGIN) // down

    def columns(self, count: int) -> int:
        """Returns the fewest columns for `count` strips at which the page is no taller than wide, or than the limit."""
        across, down = self.pitch
        most, rows = self.capacity
        for columns in range(1, most + 1):
            tall = -(-count // columns)
            if tall <= rows and tall * down <= 1.4 * columns * across:
                return columns
        return most


def draw_strips(strips: Sequence[Strip], frame: StripFrame, title: str, pictures: Thumbnails) -> Canvas:
    """Returns a page with strips that fit on it, column by column."""
    pictures.prepare(picture_keys((tile for strip in strips for tile in strip.tiles), frame.width, frame.height))
    columns = frame.columns(len(strips))
    rows = -(-len(strips) // columns)
    across, down = frame.pitch
    width = 2 * MARGIN + columns * across - 2 * BETWEEN
    canvas = Canvas(max(width, 900), HEAD + rows * down - BETWEEN + MARGIN)
    canvas.text(MARGIN, MARGIN, title, width - 2 * MARGIN, size=TITLE)
    note = "content, style, snapshots, result" if frame.tiles > 3 else "content, style, result"
    canvas.text(MARGIN, MARGIN + TITLE + 14, note, width - 2 * MARGIN, colour=QUIET)
    for place, strip in enumerate(strips):
        column, row = divmod(place, rows)
        _draw_strip(canvas, strip, MARGIN + column * across, HEAD + row * down, frame, pictures)
    return canvas


def _draw_strip(canvas: Canvas, strip: Strip, x: int, y: int, frame: StripFrame, pictures: Thumbnails) -> None:
    limit = frame.pitch[0] - 2 * BETWEEN
    canvas.text(x, y, strip.title, limit)
    canvas.text(x, y + TEXT + 8, strip.note, limit, size=SMALL, colour=QUIET)
    for place, tile in enumerate(strip.tiles):
        box = Box(x + place * (frame.width + GAP), y + LABEL, frame.width, frame.height)
        draw_tile(canvas, box, tile, pictures)

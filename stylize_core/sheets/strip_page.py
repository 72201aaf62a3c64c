"""Draws each job as a strip: content, style, snapshots, result."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stylize_core import wording
from stylize_core.record.run_record import JobRecord, snapshots
from stylize_core.record.thumbnails import Thumbnails
from stylize_core.sheets import brief, lettering
from stylize_core.sheets.canvas import GAP, MARGIN, PAGE_LIMIT, QUIET, SMALL, TEXT, TITLE, Box, Canvas
from stylize_core.sheets.grid_page import CAPTION, HEAD, draw_tile, picture_keys
from stylize_core.sheets.grids import Tile, input_tile, job_tile

SNAPSHOTS = 8
"""Most snapshots shown per job, evenly spread over all."""

LABEL = TEXT + 17
"""Room above the pictures for the title, and for each line of notes."""

LINE = SMALL + 5
BETWEEN = 40
"""Space between two strips."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A job as a row of pictures.

    Attributes:
        title: what names it.
        notes: each setting that tells it from the others, and each final loss.
        tiles: content, style, snapshots, result.
    """

    title: str
    notes: tuple[str, ...]
    tiles: tuple[Tile, ...]


def make_strip(job: JobRecord, names: Sequence[str]) -> Strip:
    """Returns a job's strip.

    Args:
        job: a finished job.
        names: the distinguishing settings.
    """
    losses = [f"{term} {wording.number(value)}" for term, value in job.finals.items() if value]
    settings = [brief.spell(job, [name]) for name in ("preset", *(name for name in names if name != "preset"))]
    steps = [Tile(caption=f"step {step:,}", path=path) for step, path in snapshots(job, SNAPSHOTS)]
    result = job_tile(job, f"step {job.steps:,}" if job.image else "no result")
    return Strip(
        title=f"{job.label}  ·  {job.job_id[:8]}",
        notes=(*settings, *losses),
        tiles=(input_tile(job.content), input_tile(job.style), *steps, result),
    )


@dataclass(frozen=True, slots=True)
class StripFrame:
    """The measures of strips, in pixels.

    Attributes:
        width: of a picture.
        height: of a picture.
        tiles: pictures of the longest strip.
        lines: of notes of the strip with most.
    """

    width: int
    height: int
    tiles: int
    lines: int = 1

    @property
    def across(self) -> int:
        """Width of a strip."""
        return self.tiles * (self.width + GAP) - GAP

    @property
    def label(self) -> int:
        """Height of title and notes."""
        return LABEL + self.lines * LINE

    @property
    def pitch(self) -> tuple[int, int]:
        """The distance from one strip to the next: horizontal, vertical."""
        return self.across + 2 * BETWEEN, self.label + self.height + CAPTION + BETWEEN

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


def frame_strips(strips: Sequence[Strip], cell: tuple[int, int]) -> StripFrame:
    """Returns the measures with which strips are drawn; all notes of each fit.

    Args:
        strips: one at least.
        cell: width and height of the pictures, pixels.
    """
    frame = StripFrame(*cell, tiles=max(len(strip.tiles) for strip in strips))
    return replace(frame, lines=max(len(lettering.fold(strip.notes, SMALL, frame.across)) for strip in strips))


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
    canvas.text(x, y, strip.title, frame.across)
    for place, line in enumerate(lettering.fold(strip.notes, SMALL, frame.across)):
        canvas.text(x, y + TEXT + 8 + place * LINE, line, frame.across, size=SMALL, colour=QUIET)
    for place, tile in enumerate(strip.tiles):
        box = Box(x + place * (frame.width + GAP), y + frame.label, frame.width, frame.height)
        draw_tile(canvas, box, tile, pictures)

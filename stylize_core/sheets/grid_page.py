"""Draws a grid of jobs as pages of a contact sheet, with headers on every page."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from stylize_core.record.thumbnails import Thumbnails
from stylize_core.sheets import lettering
from stylize_core.sheets.canvas import GAP, INK, MARGIN, NOTE, PAGE_LIMIT, QUIET, SMALL, TEXT, TITLE, Box, Canvas
from stylize_core.sheets.grids import Grid, Tile

SCALES = (1, 7 / 8, 3 / 4, 5 / 8, 1 / 2)
"""Scales of cells; the largest at which the grid fits on one page is used."""

PAGED_SCALE = 3 / 4
"""Scale of cells if the grid does not fit on one page."""

HEAD = MARGIN + TITLE + TEXT + 44
CAPTION = 52
"""Height between a picture and the next one below, with the caption in between."""

WORDS_WIDTH, WORDS_HEIGHT = 180, 64
"""Room for headers without pictures."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The measures of a grid, in pixels.

    Attributes:
        width: of a picture.
        height: of a picture at most; a row is as high as its pictures.
        left: of the row headers with their gap.
        top: of the title and the column headers.
    """

    width: int
    height: int
    left: int
    top: int

    @property
    def capacity(self) -> tuple[int, int]:
        """Rows and columns that fit on one page."""
        down = (PAGE_LIMIT - self.top - MARGIN) // (self.height + CAPTION)
        across = (PAGE_LIMIT - self.left - MARGIN + GAP) // (self.width + GAP)
        return down, across

    def holds(self, grid: Grid) -> bool:
        """Returns whether a grid fits on one page."""
        down, across = self.capacity
        return len(grid.rows) <= down and len(grid.columns) <= across

    def box(self, column: int) -> Box:
        """Returns the box of a picture in the first row."""
        return Box(self.left + column * (self.width + GAP), self.top, self.width, self.height)

    def page_size(self, grid: Grid) -> tuple[int, int]:
        """Returns width and greatest height of a page with this grid."""
        width = self.left + len(grid.columns) * (self.width + GAP) - GAP + MARGIN
        return max(width, 900), self.top + len(grid.rows) * (self.height + CAPTION) + MARGIN


def frame_grid(grid: Grid, cell: tuple[int, int]) -> Frame:
    """Returns the measures for drawing a grid.

    Args:
        grid: the whole grid.
        cell: width and height of its pictures at full size, pixels.
    """
    frames = [_frame(grid, cell, scale) for scale in SCALES]
    fitting = [frame for frame in frames if frame.holds(grid)]
    return fitting[0] if fitting else _frame(grid, cell, PAGED_SCALE)


def _frame(grid: Grid, cell: tuple[int, int], scale: float) -> Frame:
    width, height = round(cell[0] * scale), round(cell[1] * scale)
    pictured = any(tile.path for tile in grid.columns)
    headers = [(width if tile.path else WORDS_WIDTH) + GAP for tile in grid.rows[0]]
    return Frame(
        width=width,
        height=height,
        left=MARGIN + sum(headers) + GAP,
        top=HEAD + (height + CAPTION if pictured else WORDS_HEIGHT) + (height + CAPTION if grid.inputs else 0),
    )


def count_pages(grid: Grid, cell: tuple[int, int]) -> int:
    """Returns how many pages a grid takes; for the arguments see `frame_grid`."""
    down, across = frame_grid(grid, cell).capacity
    return -(-len(grid.rows) // down) * -(-len(grid.columns) // across)


def split_grid(grid: Grid, frame: Frame) -> list[Grid]:
    """Cuts a grid into grids that each fit on one page."""
    down, across = frame.capacity
    corners = [(r, c) for r in range(0, len(grid.rows), down) for c in range(0, len(grid.columns), across)]
    cells: dict[tuple[int, int], dict[tuple[int, int], Tile]] = {corner: {} for corner in corners}
    for (row, column), tile in grid.cells.items():
        r, c = row % down, column % across
        cells[row - r, column - c][r, c] = tile
    return [
        replace(grid, rows=grid.rows[r : r + down], columns=grid.columns[c : c + across], cells=cells[r, c])
        for r, c in corners
    ]


def draw_grid(grid: Grid, frame: Frame, pictures: Thumbnails) -> Canvas:
    """Returns a page with a grid that fits it."""
    all_tiles = [*grid.inputs, *grid.columns, *(tile for row in grid.rows for tile in row), *grid.cells.values()]
    pictures.prepare(picture_keys(all_tiles, frame.width, frame.height))
    canvas = Canvas(*frame.page_size(grid))
    _heading(canvas, grid)
    for place, tile in enumerate(grid.inputs):
        box = Box(MARGIN + place * (frame.width + GAP), HEAD, frame.width, frame.height)
        draw_tile(canvas, box, tile, pictures, colour=INK)
    for column, tile in enumerate(grid.columns):
        _column_header(canvas, frame, column, tile, pictures)
    top = frame.top
    for row, headers in enumerate(grid.rows):
        cells = [grid.cells.get((row, column)) for column in range(len(grid.columns))]
        height = _row_height([*headers, *filter(None, cells)], frame, pictures)
        _row_header(canvas, Box(MARGIN, top, frame.width, height), headers, pictures)
        for column, cell in enumerate(cells):
            draw_tile(canvas, replace(frame.box(column), y=top, height=height), cell, pictures)
        top += height + CAPTION
    canvas.cut(top + MARGIN)
    return canvas


def _row_height(tiles: Iterable[Tile], frame: Frame, pictures: Thumbnails) -> int:
    """Returns the height of the highest picture in its box, pixels; the frame's where there is no picture."""
    box = Box(0, 0, frame.width, frame.height)
    images = (_image(tile, box, pictures) for tile in tiles)
    heights = [box.fit(image).height for image in images if image]
    return max(*heights, min(WORDS_HEIGHT, frame.height)) if heights else frame.height


def _heading(canvas: Canvas, grid: Grid) -> None:
    limit = canvas.image.width - 2 * MARGIN
    canvas.text(MARGIN, MARGIN, grid.title, limit, size=TITLE)
    canvas.text(MARGIN, MARGIN + TITLE + 14, " · ".join(filter(None, [grid.name, grid.note])), limit, colour=QUIET)


def _column_header(canvas: Canvas, frame: Frame, column: int, tile: Tile, pictures: Thumbnails) -> None:
    cell = frame.box(column)
    if tile.path:
        box = Box(cell.x, cell.y - CAPTION - frame.height, frame.width, frame.height)
        draw_tile(canvas, box, tile, pictures, colour=INK)
    else:
        middle = cell.x + cell.width // 2
        canvas.text(middle, cell.y - WORDS_HEIGHT + 4, tile.note, cell.width, size=SMALL, colour=QUIET, anchor="ma")
        canvas.text(middle, cell.y - WORDS_HEIGHT + 28, tile.caption, cell.width, anchor="ma")


def _row_header(canvas: Canvas, box: Box, tiles: Sequence[Tile], pictures: Thumbnails) -> None:
    for place, tile in enumerate(tiles):
        if tile.path:
            draw_tile(canvas, replace(box, x=box.x + place * (box.width + GAP)), tile, pictures, colour=INK)
        else:
            middle = box.y + box.height // 2
            canvas.text(MARGIN, middle - 14, tile.note, WORDS_WIDTH, size=SMALL, colour=QUIET, anchor="lm")
            canvas.text(MARGIN, middle + 12, tile.caption, WORDS_WIDTH, anchor="lm")


def draw_tile(
    canvas: Canvas, box: Box, tile: Tile | None, pictures: Thumbnails, *, colour: str = QUIET, lines: int = 2
) -> None:
    """Draws a tile: its picture, or why there is none, and its caption below.

    Args:
        canvas: the page.
        box: of the picture.
        tile: to draw; None leaves an empty box.
        pictures: of the store.
        colour: of the caption.
        lines: available for text; a caption without a note uses two rather than lose its middle.
    """
    if tile is None:
        canvas.well(box, "")
        return
    image = _image(tile, box, pictures)
    if image is None:
        canvas.well(box, tile.mark or "no picture", alarm=bool(tile.mark) and tile.mark != "stopped")
    else:
        place = canvas.picture(box, image)
        if tile.mark:
            canvas.flag(place, tile.mark)
    middle, foot = box.x + box.width // 2, box.y + box.height + 8
    room = 1 if tile.note else lines
    for number, line in enumerate(lettering.wrap(tile.caption, SMALL, box.width) if room == 2 else [tile.caption]):
        canvas.text(middle, foot + number * (SMALL + 2), line, box.width, size=SMALL, colour=colour, anchor="ma")
    if tile.note:
        canvas.text(middle, foot + SMALL + 4, tile.note, box.width, size=NOTE, colour=QUIET, anchor="ma")


def picture_keys(tiles: Iterable[Tile], width: int, height: int) -> Iterator[tuple[str, int]]:
    """Yields path and edge of the pictures of tiles; see `Thumbnails.prepare`."""
    return ((tile.path, max(width, height)) for tile in tiles if tile.path)


def _image(tile: Tile, box: Box, pictures: Thumbnails) -> Image.Image | None:
    return pictures.thumbnail(tile.path, max(box.width, box.height))

"""Draws the results of inputs, one section after the other, as pages of a contact sheet.

A long section has its input at the left and rows of results beside it; short sections share a row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from stylize_core import wording
from stylize_core.record.thumbnails import Thumbnails
from stylize_core.sheets.canvas import GAP, MARGIN, NOTE, QUIET, SMALL, TEXT, TITLE, Box, Canvas
from stylize_core.sheets.grid_page import HEAD, draw_tile, picture_keys
from stylize_core.sheets.sections import Section, Sections

PAGE_WIDTH, PAGE_HEIGHT = 2400, 3200
CELLS = 220
"""Most pixels, and most results, of a page, so that it is clear and opens quickly."""

LABEL = TEXT + 26
"""Height above a row's pictures for the rule and the names of sections that begin there."""

CAPTION, NOTED = SMALL + 14, NOTE + 6
"""Height below a picture for its caption, and for its note."""

BETWEEN = 20


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a section on one row.

    Attributes:
        section: the section, with only the results of this row.
        column: of its first picture.
        count: number of results of the whole section.
        leads: whether the input is shown, with a rule and its name above.
        part: `, continued` if an earlier page has more of it.
    """

    section: Section
    column: int
    count: int
    leads: bool
    part: str = ""

    @property
    def end(self) -> int:
        """The column after its last picture."""
        return self.column + 1 + len(self.section.tiles)


SheetRow = list[Stretch]


@dataclass(frozen=True, slots=True)
class SectionFrame:
    """The measures of sections, in pixels.

    Attributes:
        width: of a picture.
        height: of a picture.
        has_notes: whether results have notes.
    """

    width: int
    height: int
    has_notes: bool

    @property
    def across(self) -> int:
        """Number of thumbnails in a row."""
        return max(2, (PAGE_WIDTH - 2 * MARGIN + GAP) // (self.width + GAP))

    def row_height(self, row: SheetRow) -> int:
        """Height of a row, with the space below it."""
        label = LABEL if any(stretch.leads for stretch in row) else 0
        return label + self.height + CAPTION + (NOTED if self.has_notes else 0) + BETWEEN


@dataclass(slots=True)
class SectionPage:
    """The rows of one page.

    Attributes:
        number: of the page among those of its first section, from 1.
        rows: from top to bottom.
    """

    number: int = 1
    rows: list[SheetRow] = field(default_factory=list)

    @property
    def rank(self) -> int:
        """Order of drawing: first pages on which a section begins, then second pages, and so on."""
        begins = any(stretch.leads and not stretch.part for row in self.rows for stretch in row)
        return 1 if begins else self.number

    @property
    def names(self) -> list[str]:
        """The names of the inputs on it."""
        return list(dict.fromkeys(stretch.section.lead.caption for row in self.rows for stretch in row))

    def holds(self, rows: Sequence[SheetRow], frame: SectionFrame) -> bool:
        """Returns whether there is room for further rows."""
        together = [*self.rows, *rows]
        cells = sum(len(stretch.section.tiles) for row in together for stretch in row)
        return cells <= CELLS and page_height(together, frame) <= PAGE_HEIGHT


def page_height(rows: Sequence[SheetRow], frame: SectionFrame) -> int:
    """Returns the height of a page with these rows."""
    return HEAD + sum(map(frame.row_height, rows)) - BETWEEN + MARGIN


def split_sections(sections: Sections, frame: SectionFrame) -> list[SectionPage]:
    """Distributes sections to pages: a section that does not fit on the rest of a page begins a new one."""
    pages = [SectionPage()]
    for section in sections.parts:
        stretch = Stretch(section, 0, len(section.tiles), leads=True)
        if beside := _beside(pages[-1], stretch, frame):
            pages[-1].rows[-1].append(beside)
            continue
        rows = list(_rows(stretch, frame))
        if pages[-1].rows and not pages[-1].holds(rows, frame):
            pages.append(SectionPage())
        for row in rows:
            if not pages[-1].holds([row], frame):
                pages.append(SectionPage(pages[-1].number + 1 if len(pages[-1].names) == 1 else 2))
                row = [replace(row[0], leads=True, part=", continued")]
            pages[-1].rows.append(row)
    return [page for page in pages if page.rows]


def _beside(page: SectionPage, stretch: Stretch, frame: SectionFrame) -> Stretch | None:
    """Returns a section moved to the last row of a page, after other short ones; None if it does not fit there."""
    if not page.rows or not all(other.leads for other in page.rows[-1]) or page.rows[-1][-1].part:
        return None
    moved = replace(stretch, column=page.rows[-1][-1].end)
    return moved if moved.end <= frame.across and page.holds([[moved]], frame) else None


def _rows(stretch: Stretch, frame: SectionFrame) -> Iterator[SheetRow]:
    tiles, room = stretch.section.tiles, frame.across - 1
    whole = room - room % stretch.section.step
    room = whole if 3 * whole >= 2 * room else room
    for start in range(0, max(1, len(tiles)), room):
        part = replace(stretch.section, tiles=tiles[start : start + room])
        yield [replace(stretch, section=part, leads=start == 0)]


def draw_sections(
    page: SectionPage, sections: Sections, frame: SectionFrame, title: str, pictures: Thumbnails
) -> Canvas:
    """Returns a page of sections."""
    pictures.prepare(_pictures(page, frame))
    used = max(stretch.end for row in page.rows for stretch in row)
    width = max(900, 2 * MARGIN + used * (frame.width + GAP) - GAP)
    canvas = Canvas(width, page_height(page.rows, frame))
    canvas.text(MARGIN, MARGIN, title, width - 2 * MARGIN, size=TITLE)
    canvas.text(MARGIN, MARGIN + TITLE + 14, sections.note, width - 2 * MARGIN, colour=QUIET)
    top = HEAD
    for row in page.rows:
        for stretch in row:
            _draw_stretch(canvas, stretch, sections.kind, top, frame, pictures)
        top += frame.row_height(row)
    return canvas


def _pictures(page: SectionPage, frame: SectionFrame) -> Iterator[tuple[str, int]]:
    for row in page.rows:
        for stretch in row:
            yield from picture_keys([stretch.section.lead, *stretch.section.tiles], frame.width, frame.height)


def _draw_stretch(
    canvas: Canvas, stretch: Stretch, kind: str, top: int, frame: SectionFrame, pictures: Thumbnails
) -> None:
    pitch = frame.width + GAP
    x = MARGIN + stretch.column * pitch
    y = top
    if stretch.leads:
        _draw_label(canvas, stretch, x, top, (stretch.end - stretch.column) * pitch - GAP)
        y += LABEL
        draw_tile(canvas, Box(x, y, frame.width, frame.height), replace(stretch.section.lead, caption=kind), pictures)
    for place, tile in enumerate(stretch.section.tiles, 1):
        draw_tile(canvas, Box(x + place * pitch, y, frame.width, frame.height), tile, pictures, lines=1)


def _draw_label(canvas: Canvas, stretch: Stretch, x: int, y: int, width: int) -> None:
    canvas.rule(x, y + 4, width)
    count = f"{wording.plural(stretch.count, 'result')}{stretch.part}"
    room = canvas.text(x, y + 12, stretch.section.lead.caption, width * 2 // 3)
    canvas.text(x + room + 14, y + 14, count, width - room - 14, size=SMALL, colour=QUIET)

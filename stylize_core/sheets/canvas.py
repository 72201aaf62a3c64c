"""The canvas of one page of a contact sheet: pictures, fitted text, marks."""

import io
from dataclasses import dataclass

from PIL import Image, ImageDraw

from stylize_core.sheets import lettering

PAGE_LIMIT = 4000
"""Longest edge of a page in pixels, so that every viewer can open it."""

PAGE_BYTES = 3_000_000
"""Most bytes of a page, so that it can be sent by mail and opened on a phone."""

QUALITIES = ((88, 0), (80, 0), (72, 2), (60, 2))
"""JPEG quality and chroma subsampling (0 keeps text sharp); the first that makes a page small enough is used."""

SHRINK = 3 / 4
"""Scale of a page if none of them makes it small enough."""

MARGIN = 56
GAP = 16
TITLE, TEXT, SMALL, NOTE = 34, 20, 17, 15
"""Font sizes in pixels."""

PAPER = "#fcfcfa"
INK = "#1c1c1a"
QUIET = "#6b6b66"
WELL = "#f1f1ec"
ALARM = "#b3261e"
ALARM_WELL = "#fbeceb"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page, in pixels.

    Attributes:
        x: of its left edge.
        y: of its top edge.
        width: of it.
        height: of it.
    """

    x: int
    y: int
    width: int
    height: int

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom pixel, as Pillow draws rectangles."""
        return self.x, self.y, self.x + self.width - 1, self.y + self.height - 1

    def fit(self, image: Image.Image) -> "Box":
        """Returns the place of a picture at the bottom of the box, scaled down if it is larger."""
        scale = min(1, self.width / image.width, self.height / image.height)
        width, height = max(1, round(scale * image.width)), max(1, round(scale * image.height))
        return Box(self.x + (self.width - width) // 2, self.y + self.height - height, width, height)


class Canvas:
    """A page.

    Args:
        width: pixels.
        height: pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width, height), PAPER)
        self._draw = ImageDraw.Draw(self.image)

    def text(
        self, x: int, y: int, text: str, limit: int, *, size: int = TEXT, colour: str = INK, anchor: str = "la"
    ) -> int:
        """Writes one line, shortened to `limit` pixels; returns its width.

        Args:
            x: of the anchor.
            y: of the anchor.
            text: one line.
            limit: greatest width.
            size: of the font, pixels.
            colour: of the text.
            anchor: Pillow's: `la` is left and top, `ma` middle and top, `mm` the middle.
        """
        line = lettering.shorten(text, size, limit)
        self._draw.text((x, y), line, fill=colour, font=lettering.font(size), anchor=anchor)
        return lettering.width(line, size)

    def rule(self, x: int, y: int, width: int) -> None:
        """Draws a horizontal line."""
        self._draw.rectangle((x, y, x + width - 1, y + 1), fill=INK)

    def picture(self, box: Box, image: Image.Image) -> Box:
        """Places a picture at the bottom of a box, scaled down if it is larger; returns its place."""
        place = box.fit(image)
        size = place.width, place.height
        fitted = image if image.size == size else image.resize(size, Image.Resampling.BICUBIC)
        self.image.paste(fitted, (place.x, place.y))
        return place

    def cut(self, height: int) -> None:
        """Cuts off the page below this height in pixels."""
        self.image = self.image.crop((0, 0, self.image.width, height))
        self._draw = ImageDraw.Draw(self.image)

    def well(self, box: Box, text: str, *, alarm: bool = False) -> None:
        """Fills a box without a picture, and says why there is none."""
        self._draw.rectangle(box.corners, fill=ALARM_WELL if alarm else WELL)
        x, y, room = box.x + box.width // 2, box.y + box.height // 2, box.width - GAP
        lines = lettering.wrap(text, SMALL, room)
        for place, line in enumerate(lines):
            offset = (2 * place - len(lines) + 1) * (SMALL + 5) // 2
            self.text(x, y + offset, line, room, colour=ALARM if alarm else QUIET, anchor="mm", size=SMALL)

    def flag(self, box: Box, text: str) -> None:
        """Frames a box in red, with a word across its bottom."""
        self._draw.rectangle(box.corners, outline=ALARM, width=4)
        foot = Box(box.x, box.y + box.height - 30, box.width, 30)
        self._draw.rectangle(foot.corners, fill=ALARM)
        middle = foot.x + foot.width // 2, foot.y + foot.height // 2
        self.text(*middle, text, foot.width - GAP, colour="#ffffff", anchor="mm", size=SMALL)

    def jpeg(self) -> bytes:
        """Returns the page as a JPEG of at most `PAGE_BYTES`."""
        image = self.image
        while True:
            for quality, subsampling in QUALITIES:
                sink = io.BytesIO()
                image.save(sink, "JPEG", quality=quality, subsampling=subsampling)  # `optimize` fails on noise
                if sink.tell() <= PAGE_BYTES:
                    return sink.getvalue()
            image = image.resize((round(image.width * SHRINK), round(image.height * SHRINK)), Image.Resampling.LANCZOS)

    def small(self, width: int) -> bytes:
        """Returns the page as a small JPEG.

        Args:
            width: at most, pixels; the height is at most twice as much.
        """
        page = self.image.copy()
        page.thumbnail((width, 2 * width), Image.Resampling.LANCZOS, reducing_gap=2.0)
        sink = io.BytesIO()
        page.save(sink, "JPEG", quality=75)
        return sink.getvalue()

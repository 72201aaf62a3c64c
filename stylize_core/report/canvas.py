"""One page of a contact sheet, to draw on: pictures, text that fits, marks."""

import io
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageOps

from stylize_core.report import lettering

PAGE_LIMIT = 4000
"""The longest edge of a page in pixels: every viewer opens it."""

MARGIN = 56
GAP = 16
TITLE, TEXT, SMALL = 34, 20, 17
"""Sizes of type in pixels."""

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
        """Left, top, and the last pixel's column and row, as Pillow draws rectangles."""
        return self.x, self.y, self.x + self.width - 1, self.y + self.height - 1


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
    ) -> None:
        """Writes one line, shortened to `limit` pixels.

        Args:
            x: of the anchor.
            y: of the anchor.
            text: one line.
            limit: the width that it may take.
            size: of the type, pixels.
            colour: of the type.
            anchor: Pillow's: `la` left and top, `ma` middle and top, `mm` the middle.
        """
        line = lettering.shorten(text, size, limit)
        self._draw.text((x, y), line, fill=colour, font=lettering.font(size), anchor=anchor)

    def picture(self, box: Box, image: Image.Image) -> Box:
        """Puts a picture at the foot of a box, scaled down where it is larger; returns the place that it takes."""
        fitted = ImageOps.contain(image, (box.width, box.height)) if _exceeds(image, box) else image
        left = box.x + (box.width - fitted.width) // 2
        top = box.y + box.height - fitted.height
        self.image.paste(fitted, (left, top))
        return Box(left, top, fitted.width, fitted.height)

    def well(self, box: Box, text: str, *, alarm: bool = False) -> None:
        """Fills a box where there is no picture, and says why."""
        self._draw.rectangle(box.corners, fill=ALARM_WELL if alarm else WELL)
        middle = box.x + box.width // 2, box.y + box.height // 2
        self.text(*middle, text, box.width - GAP, colour=ALARM if alarm else QUIET, anchor="mm", size=SMALL)

    def flag(self, box: Box, text: str) -> None:
        """Frames a box in red, with a word across its foot."""
        self._draw.rectangle(box.corners, outline=ALARM, width=4)
        foot = Box(box.x, box.y + box.height - 30, box.width, 30)
        self._draw.rectangle(foot.corners, fill=ALARM)
        middle = foot.x + foot.width // 2, foot.y + foot.height // 2
        self.text(*middle, text, foot.width - GAP, colour="#ffffff", anchor="mm", size=SMALL)

    def jpeg(self) -> bytes:
        """Returns the page as a JPEG with its full colour resolution, so that type stays sharp."""
        sink = io.BytesIO()
        self.image.save(sink, "JPEG", quality=88, subsampling=0, optimize=True)
        return sink.getvalue()


def _exceeds(image: Image.Image, box: Box) -> bool:
    return image.width > box.width or image.height > box.height

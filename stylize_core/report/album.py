"""The small pictures of a page; each is embedded once, however often it is shown."""

from collections.abc import Iterable
from dataclasses import dataclass

from stylize_core.record.thumbnails import Thumbnails, data_uri


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumb:
    """A small picture.

    Attributes:
        caption: what it is.
        key: of the picture on the page; empty if it is missing.
        uri: its `data:` URI; empty if the picture is missing.
        width: pixels.
        height: pixels.
    """

    caption: str
    key: str = ""
    uri: str = ""
    width: int = 0
    height: int = 0


class Album:
    """Makes small pictures and tracks which of them the page has embedded.

    Args:
        pictures: of the store.
    """

    def __init__(self, pictures: Thumbnails) -> None:
        self._pictures = pictures
        self._made: dict[tuple[str, int], Thumb] = {}
        self._placed: set[str] = set()

    def thumb(self, caption: str, path: str | None, edge: int) -> Thumb:
        """Returns a picture no larger than edge x edge; an empty one if it is missing or unreadable."""
        if path is None:
            return Thumb(caption=caption)
        if (path, edge) not in self._made:
            self._made[path, edge] = self._make(path, edge)
        made = self._made[path, edge]
        return Thumb(caption=caption, key=made.key, uri=made.uri, width=made.width, height=made.height)

    def place(self, thumb: Thumb) -> bool:
        """Returns whether the page shows the picture for the first time and must embed it."""
        is_first = thumb.key not in self._placed
        self._placed.add(thumb.key)
        return is_first

    def unplaced(self, thumbs: Iterable[Thumb]) -> dict[str, str]:
        """Returns the URIs by key of the pictures that the page has not embedded."""
        return {thumb.key: thumb.uri for thumb in thumbs if thumb.key and thumb.key not in self._placed}

    def _make(self, path: str, edge: int) -> Thumb:
        image = self._pictures.thumbnail(path, edge)
        if image is None:
            return Thumb(caption="")
        key = f"p{len(self._made)}"
        return Thumb(caption="", key=key, uri=data_uri(image), width=image.width, height=image.height)

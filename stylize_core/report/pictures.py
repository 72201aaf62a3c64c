"""Pictures of a store, opened small: for contact sheets, and embedded in the page."""

import base64
import functools
import io

from PIL import Image

from stylize_core.errors import StylizeError
from stylize_core.store.files import Files

WHITE = (255, 255, 255)
CACHED = 512
"""Thumbnails kept in memory, about 100 MB: a run's inputs come back with every job."""


class Pictures:
    """Opens pictures of a store as thumbnails.

    Args:
        files: the store.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._cached = functools.lru_cache(maxsize=CACHED)(self._open)

    def thumbnail(self, path: str | None, edge: int) -> Image.Image | None:
        """Returns a picture no larger than edge x edge, RGB on white; None where it is missing or unreadable.

        Args:
            path: in the store; None where there is no picture.
            edge: pixels.
        """
        return self._cached(path, edge) if path else None

    def _open(self, path: str, edge: int) -> Image.Image | None:
        try:
            with Image.open(io.BytesIO(self._files.read(path))) as image:
                image.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=3.0)
                return on_white(image)
        except (StylizeError, OSError, Image.DecompressionBombError):
            return None


def on_white(image: Image.Image) -> Image.Image:
    """Returns an RGB copy, transparency composited on white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, WHITE), layer).convert("RGB")


def data_uri(image: Image.Image, *, quality: int = 78) -> str:
    """Returns a picture as a JPEG in a `data:` URI."""
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=quality, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(sink.getvalue()).decode('ascii')}"

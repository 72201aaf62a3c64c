"""Thumbnails of a store's pictures, for contact sheets and the page."""

import base64
import io
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from PIL import Image, ImageOps

from stylize_core.errors import StylizeError
from stylize_core.files.files import Files

WHITE = (255, 255, 255)
CACHED = 512
"""Thumbnails kept in memory, about 100 MB: a run's inputs are used by many jobs."""

EDGES = (168, 256)
"""Smaller thumbnails are made from those of the next larger of these edges: other sheets show a result in another
size, and opening the full image again takes thirty times as long."""

PACKED_BYTES = 96_000_000
"""Bytes of further thumbnails of these edges that stay in memory as JPEG: about 10,000 of the smaller ones."""

_THREADS = 4  # Pillow decodes without Python's lock, and waiting for remote objects overlaps

Key = tuple[str, int]


class Thumbnails:
    """Opens pictures of a store as thumbnails.

    Args:
        files: the store.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._open_ones: OrderedDict[Key, Image.Image | None] = OrderedDict()
        self._packed: OrderedDict[Key, bytes] = OrderedDict()
        self._packed_bytes = 0

    def thumbnail(self, path: str | None, edge: int) -> Image.Image | None:
        """Returns a picture no larger than edge x edge, RGB on white; None if it is missing or unreadable.

        Args:
            path: in the store; None if there is no picture.
            edge: pixels.
        """
        if not path:
            return None
        key = _key(path, edge)
        if key in self._open_ones:
            self._open_ones.move_to_end(key)
        else:
            self._keep(key, self._unpack(key) or self._open(key))
        image = self._open_ones[key]
        if image is None or max(image.size) <= edge:
            return image
        return ImageOps.contain(image, (edge, edge), Image.Resampling.LANCZOS)

    def prepare(self, wanted: Iterable[tuple[str, int]]) -> None:
        """Opens several thumbnails in parallel for later calls of `thumbnail`.

        Args:
            wanted: path and edge of each.
        """
        keys = dict.fromkeys(_key(path, edge) for path, edge in wanted)
        missing = [key for key in keys if key not in self._open_ones and key not in self._packed]
        with ThreadPoolExecutor(_THREADS) as pool:
            for key, image in zip(missing, pool.map(self._open, missing), strict=True):
                self._keep(key, image)

    def _open(self, key: Key) -> Image.Image | None:
        path, edge = key
        try:
            with Image.open(io.BytesIO(self._files.read(path))) as image:
                image.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=3.0)
                return on_white(image)
        except (StylizeError, OSError, Image.DecompressionBombError):
            return None

    def _keep(self, key: Key, image: Image.Image | None) -> None:
        self._open_ones[key] = image
        if len(self._open_ones) > CACHED:
            self._pack(*self._open_ones.popitem(last=False))

    def _pack(self, key: Key, image: Image.Image | None) -> None:
        if image is None or key[1] not in EDGES:
            return
        data = self._packed.pop(key, b"")
        self._packed_bytes -= len(data)
        self._packed[key] = data or jpeg(image, quality=92, optimize=False)
        self._packed_bytes += len(self._packed[key])
        while self._packed_bytes > PACKED_BYTES:
            self._packed_bytes -= len(self._packed.popitem(last=False)[1])

    def _unpack(self, key: Key) -> Image.Image | None:
        data = self._packed.get(key)
        return Image.open(io.BytesIO(data)).convert("RGB") if data else None


def _key(path: str, edge: int) -> Key:
    return path, next((larger for larger in EDGES if larger >= edge), edge)


def on_white(image: Image.Image) -> Image.Image:
    """Returns an RGB copy, with transparency composited on white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, WHITE), layer).convert("RGB")


def jpeg(image: Image.Image, *, quality: int, optimize: bool = True) -> bytes:
    """Returns a picture as a JPEG."""
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=quality, optimize=optimize)
    return sink.getvalue()


def data_uri(image: Image.Image, *, quality: int = 78) -> str:
    """Returns a picture as a JPEG in a `data:` URI."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg(image, quality=quality)).decode('ascii')}"

"""Small real images, files of them and the built-in weights, for the tests of the engine."""

import io
import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from PIL import Image

from stylize_core.engine.weights import Weights, load_weights

FileOf = Callable[..., bytes]
Chunk = tuple[bytes, bytes]


@pytest.fixture(scope="session")
def file_of() -> FileOf:
    """Returns a function that gives the bytes of an image in a format, with Pillow's options."""

    def write(image: Image.Image, format: str, **options: object) -> bytes:
        file = io.BytesIO()
        image.save(file, format, **options)
        return file.getvalue()

    return write


@pytest.fixture(scope="session")
def rgba_pixels() -> np.ndarray:
    """Random pixels (20, 28, 4) uint8: no symmetry, so that every turn shows."""
    return np.random.default_rng(0).integers(0, 256, (20, 28, 4), dtype=np.uint8)


@pytest.fixture(scope="session")
def rgb_pixels(rgba_pixels: np.ndarray) -> np.ndarray:
    """Random pixels (20, 28, 3) uint8."""
    return np.ascontiguousarray(rgba_pixels[..., :3])


@pytest.fixture(scope="session")
def png() -> FileOf:
    """Returns a function that writes a PNG byte by byte, for what Pillow does not write."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    def write(
        shape: tuple[int, int], depth: int, kind: int, rows: Sequence[bytes], chunks: Sequence[Chunk] = ()
    ) -> bytes:
        header = struct.pack(">IIBBBBB", *shape, depth, kind, 0, 0, 0)
        pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
        parts = [(b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)

    return write


@pytest.fixture(scope="session")
def builtin() -> Weights:
    """The built-in weights."""
    return load_weights("builtin")

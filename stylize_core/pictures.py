"""Reads the pictures of inputs as planned: a file that is missing or has changed is an error."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

from stylize_core.errors import InputChanged
from stylize_core.files.inputs import open_input
from stylize_core.images.decode import Picture, decode, shape_of
from stylize_core.images.encode import lossless
from stylize_core.images.resize import content_image
from stylize_core.job import public_uri

LARGE_PIXELS = 16_000_000
"""A process decodes only one content with more pixels at a time for a data set: 16 million take about 200 MB."""

_large_ones = ThreadPoolExecutor(1)  # the C library keeps freed memory per thread: use few threads


def read_picture(uri: str, sha256: str) -> Picture:
    """Returns the picture in a file.

    Args:
        uri: an absolute path or an fsspec URL.
        sha256: of the planned file, 64 hex digits.

    Raises:
        InputChanged: the file has changed.
        InputError: it is missing, or not a usable image.
    """
    with open_input(uri) as data:
        _check(data, uri, sha256)
        return decode(data, public_uri(uri))


def content_png(uri: str, sha256: str, *, height: int, width: int, fit: str) -> bytes:
    """Returns a content at the size of its result as a PNG: exactly the pixels that the optimisation used.

    They are upright, in sRGB, and composited on white. Any number of threads may call it.

    Args:
        uri: an absolute path or an fsspec URL.
        sha256: of the planned file, 64 hex digits.
        height: of the result, pixels.
        width: of the result, pixels.
        fit: the setting of its row.

    Raises:
        InputError: as of `read_picture`.
    """
    where = public_uri(uri)

    def png(data: bytes) -> bytes:
        return lossless(content_image(decode(data, where), height, width, fit))

    with open_input(uri) as data:
        _check(data, uri, sha256)
        content_width, content_height = shape_of(data, where)
        is_large = content_width * content_height > LARGE_PIXELS
        return _large_ones.submit(png, data).result() if is_large else png(data)


def _check(data: bytes, uri: str, sha256: str) -> None:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise InputChanged("the file was changed after it was planned", where=public_uri(uri))

"""Reads the header of an image of any size; if Pillow cannot read it, the error says what the file is."""

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, PngImagePlugin

from stylize_core.errors import ImageEmpty, ImageTooLarge, ImageTruncated, ImageUnknown
from stylize_core.images import png_notes, tiff
from stylize_core.images.foreign import foreign_kind

MAX_PIXELS = 89_478_485
"""Most pixels of an image (about 9459 x 9459): above this Pillow suspects a decompression bomb too."""

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
"""The only decoders that are tried (JPEG includes MPO): rarer ones are a risk without a benefit here."""

_SIGNATURE = re.compile(
    rb"\x89PNG|\xff\xd8\xff|RIFF....WEBP|II[*+]\0|MM\0[*+]|BM....\0\0\0\0|GIF8[79]a|P[1-6]\s+[\d#]", re.DOTALL
)
"""Matches the beginning of files in these formats, to distinguish a damaged image from another file."""

DAMAGE = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""Exceptions of Pillow's decoders for damaged data; they have no common class."""

MAX_TEXT = 16 << 20
"""Most bytes of a PNG's profile, or of one of its texts, when unpacked: scanners and editors write megabytes."""

PngImagePlugin.MAX_TEXT_CHUNK = MAX_TEXT  # the only way to set it; Pillow's own 1 MB is too small


def open_header(data: bytes, where: str) -> Image.Image:
    """Returns an image of any size with its header read and its pixels not yet decoded.

    Raises:
        ImageEmpty, ImageUnknown, ImageTruncated, ImageTooLarge: the header cannot be read.
    """
    if not data:
        raise ImageEmpty("the file has 0 bytes", where=where)
    with reading(data, where):
        if data.startswith(tiff.SIGNATURES):
            return tiff.open_tiff(data, where)
        sound = png_notes.without_damaged_notes(data) if data.startswith(png_notes.SIGNATURE) else data
        return Image.open(io.BytesIO(sound), formats=FORMATS)


@contextmanager
def reading(data: bytes, where: str) -> Iterator[None]:
    """A block in which Pillow reads `data`: its exceptions become an `InputError`, its warnings are dropped.

    The warnings filter belongs to the process: a thread that ends its block may remove another thread's filter. Only
    the silence depends on it: every limit is checked without it, and it covers only Pillow's modules.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            yield
        except Image.DecompressionBombError as error:
            raise too_large(where) from error
        except DAMAGE as error:
            if "MAX_TEXT_" in str(error):
                what = f"the texts or the colour profile in this PNG are too long: {MAX_TEXT >> 20} MB at most"
                raise ImageUnknown(what, where=where, todo="save the image again without its metadata") from error
            if _SIGNATURE.match(data):
                raise ImageTruncated("the image's data ends early or is damaged", where=where) from error
            raise _unknown(data, where) from error


def too_large(where: str) -> ImageTooLarge:
    """Returns the error of an image with more than `MAX_PIXELS`."""
    return ImageTooLarge(f"the image has more than {MAX_PIXELS:,} pixels", where=where)


def _unknown(data: bytes, where: str) -> ImageUnknown:
    kind, todo = foreign_kind(data) or ("", "")
    return ImageUnknown(f"the file is not an image of a known format{kind and f', but {kind}'}", where=where, todo=todo)

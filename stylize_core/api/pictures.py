"""Pictures from a program: a path or URL, a Pillow image, or an array of pixels."""

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from stylize_core.chunk.loading import PairLoader
from stylize_core.errors import ImageUnknown
from stylize_core.files.inputs import read_input
from stylize_core.images.decode import Picture, decode
from stylize_core.job import Source, public_uri
from stylize_core.manifest.paths import is_url

PictureLike = str | os.PathLike[str] | Image.Image | npt.NDArray[Any]
"""A path or URL; a Pillow image; or an sRGB array (H, W), (H, W, 3) or (H, W, 4), uint8 or float in [0, 1]."""


class HeldPictures(PairLoader):
    """A program's pictures, each held once as the bytes of its file; Pillow images and arrays as PNG."""

    def __init__(self) -> None:
        super().__init__()
        self._files: dict[str, tuple[bytes, str]] = {}

    def hold(self, picture: PictureLike, name: str) -> Source:
        """Takes and checks a picture.

        Args:
            picture: the picture.
            name: its name in errors and records if it has no path.

        Raises:
            InputError: the file cannot be read, or is not a usable picture.
        """
        data, uri = _file(picture, name)
        sha256 = hashlib.sha256(data).hexdigest()
        self._files.setdefault(sha256, (data, public_uri(uri)))
        source = Source(uri=uri, sha256=sha256, width=0, height=0)
        width, height = self.picture(source).rgb.size
        return Source(uri=uri, sha256=sha256, width=width, height=height)

    def _read(self, source: Source) -> Picture:
        return decode(*self._files[source.sha256])


def _file(picture: PictureLike, name: str) -> tuple[bytes, str]:
    """Returns the bytes of a picture's file, and its location."""
    if isinstance(picture, str | os.PathLike):
        path = os.fspath(picture)
        uri = path if is_url(path) else str(Path(path).absolute())
        return read_input(uri), uri
    image = picture if isinstance(picture, Image.Image) else _from_array(np.asarray(picture), name)
    try:
        file = io.BytesIO()
        ImageOps.exif_transpose(image).save(file, "png", compress_level=1)
    except (OSError, ValueError) as error:
        what = f"the image of type {image.mode!r} and {image.width} x {image.height} pixels cannot be used"
        raise ImageUnknown(what, where=name, todo="give it as RGB: image.convert('RGB')") from error
    return file.getvalue(), name


def _from_array(pixels: npt.NDArray[Any], name: str) -> Image.Image:
    if not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))) or not pixels.size:
        what, todo = f"an array of shape {pixels.shape} is not a picture", "give (H, W), (H, W, 3) or (H, W, 4)"
        raise ImageUnknown(what, where=name, todo=todo)
    if pixels.dtype == np.uint8:
        return Image.fromarray(pixels)
    if not np.issubdtype(pixels.dtype, np.floating) or not (0 <= pixels.min() <= pixels.max() <= 1):
        what, todo = f"an array of {pixels.dtype} with other values", "give uint8, or floats from 0 to 1"
        raise ImageUnknown(f"{what} is not a picture", where=name, todo=todo)
    return Image.fromarray((pixels * 255).round().astype(np.uint8))

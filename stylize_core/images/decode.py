"""Decodes the bytes of a file to 8-bit sRGB pixels, or raises an error that says what is wrong with the file.

EXIF orientation is applied, colour profiles are converted to sRGB, transparency is composited on white, and only the
first frame of an animation is used. The caller reads files and URIs.
"""

import io
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps

from stylize_core.errors import ImageProfile, ImageTooSmall, ImageUnknown
from stylize_core.images.header import DAMAGE, MAX_PIXELS, open_header, reading, too_large
from stylize_core.images.tiff import Tiff

MIN_EDGE = 16
"""Shortest edge in pixels: the four poolings of VGG-19 reduce it to one pixel."""

_GREY = frozenset({"1", "L", "LA", "La"})
_COLOUR = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
_TOP = 65535  # the highest value of 16-bit grey
_GREY_16_BIT = frozenset({"I;16", "I;16B", "I;16L"})

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> the transposition that makes the picture upright (1 is upright); EXIF 2.32, tag 0x0112."""

_SIDEWAYS = frozenset(_TURNS[orientation] for orientation in (5, 6, 7, 8))


@dataclass(frozen=True, slots=True)
class Picture:
    """The pixels of a decoded image.

    Attributes:
        rgb: mode `RGB`, sRGB, upright, with transparency composited on white.
        alpha: mode `L`, of the same size, 255 = opaque; None if every pixel is opaque.
    """

    rgb: Image.Image
    alpha: Image.Image | None

    @property
    def bytes(self) -> int:
        """Memory use: Pillow stores a pixel of three bands in four bytes."""
        return self.rgb.width * self.rgb.height * (4 + (self.alpha is not None))


def shape_of(data: bytes, where: str) -> tuple[int, int]:
    """Returns (width, height) of the upright picture, from the file's header only.

    Args:
        data: the bytes of the file.
        where: its URI, for the error.

    Raises:
        ImageEmpty, ImageUnknown, ImageTruncated, ImageTooLarge, ImageTooSmall: the image cannot be used.
    """
    image, turn = _open_upright(data, where)
    width, height = image.size
    return (height, width) if turn in _SIDEWAYS else (width, height)


def decode(data: bytes, where: str) -> Picture:
    """Returns the picture in a file.

    Args:
        data: the bytes of the file.
        where: its URI, for the error.

    Raises:
        ImageEmpty, ImageUnknown, ImageTruncated, ImageTooLarge, ImageTooSmall: the image cannot be used.
        ImageProfile: its colour profile is damaged or is for another pixel type.
    """
    image, turn = _open_upright(data, where)
    profile = image.info.get("icc_profile")
    with reading(data, where):
        image.load()
        is_negative, top = (image.is_negative, image.top) if isinstance(image, Tiff) else (False, _TOP)
        colour, alpha = _split(image if turn is None else image.transpose(turn), top)
    rgb = _to_srgb(ImageOps.invert(colour) if is_negative else colour, profile, where)
    rgb.info = {}  # pixels only: Pillow would copy comments and profiles from here when it saves
    # A BMP that is completely transparent is one whose fourth byte is unused.
    if alpha is None or alpha.getextrema() == (255, 255) or (image.format == "BMP" and alpha.getextrema() == (0, 0)):
        return Picture(rgb, None)
    return Picture(_on_white(rgb, alpha), alpha)


def _open_upright(data: bytes, where: str) -> tuple[Image.Image, Image.Transpose | None]:
    """Returns the image, checked but not yet decoded, and the transposition that makes it upright."""
    image = open_header(data, where)
    _check_size(*image.size, where)
    _check_mode(image, where)
    with reading(data, where):
        return image, _turn(image)


def _check_size(width: int, height: int, where: str) -> None:
    if width * height > MAX_PIXELS:
        raise too_large(where)
    if min(width, height) < MIN_EDGE:
        what = f"the image has {width} x {height} pixels, fewer than {MIN_EDGE} along an edge"
        raise ImageTooSmall(what, where=where, todo="use a larger image")


def _check_mode(image: Image.Image, where: str) -> None:
    wide_grey = (image.mode, image.format) == ("I", "PPM")  # the only format whose mode I certainly has 16 bits
    if not wide_grey and image.mode not in _GREY | _COLOUR | _GREY_16_BIT:
        what = f"pixels of type {image.mode!r} (float, 32 bit or Lab) are not supported"
        todo = "save the image with 8 or 16 bits per channel, as grey, RGB or CMYK"
        raise ImageUnknown(what, where=where, todo=todo)


def _turn(image: Image.Image) -> Image.Transpose | None:
    if image.format == "TIFF":  # Pillow transposes a TIFF itself, including the size in its header
        return None
    try:
        # Image's own method, because a PNG's would decode the pixels to search for EXIF after them.
        orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
    except DAMAGE:  # damaged EXIF is common and the pixels are intact: show them as stored, as viewers do
        return None
    return _TURNS.get(orientation) if isinstance(orientation, int) else None


def _split(image: Image.Image, top: int) -> tuple[Image.Image, Image.Image | None]:
    """Returns 8-bit bands in the file's own colours (mode L, RGB or CMYK) and the alpha channel, if any."""
    if image.mode.startswith("I"):
        return _split_16_bit(image, top)
    if image.mode == "CMYK":
        return image, None
    mode = "L" if image.mode in _GREY else "RGB"
    if not image.has_transparency_data:
        return image.convert(mode), None
    whole = image.convert(mode + "A")
    return whole.convert(mode), whole.getchannel("A")


def _split_16_bit(image: Image.Image, top: int) -> tuple[Image.Image, Image.Image | None]:
    """The same for 12-bit or 16-bit grey, which Pillow would clip at 255 instead of scaling it by 255/top."""
    values = np.asarray(image).astype(np.uint32)
    grey = Image.fromarray(((values * 255 + top // 2) // top).astype(np.uint8))
    transparent = image.info.get("transparency")
    if transparent is None:
        return grey, None
    return grey, Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8))


def _to_srgb(colour: Image.Image, profile: bytes | None, where: str) -> Image.Image:
    """Converts L, RGB or CMYK to sRGB: by the profile, relative colorimetric; without one by Pillow's formula."""
    if not profile:
        return colour.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if colour.mode == "L" and source.profile.xcolor_space == "RGB ":
            colour = colour.convert("RGB")  # editors keep the RGB profile when they convert an image to grey
        target, intent = ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC
        return ImageCms.buildTransform(source, target, colour.mode, "RGB", intent).apply(colour)
    except (OSError, ValueError, ImageCms.PyCMSError) as error:
        what = f"the colour profile is damaged, or not one for {colour.mode} pixels"
        raise ImageProfile(what, where=where) from error


def _on_white(rgb: Image.Image, alpha: Image.Image) -> Image.Image:
    return Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)

"""Encodes a tensor as a PNG, JPEG or WebP file that records how it was made.

The same tensor and metadata give the same bytes, because there are no timestamps. Images are sRGB, marked as such in
PNG and by convention elsewhere. Metadata is one JSON text: in PNG an iTXt chunk, in JPEG and WebP the EXIF user
comment.
"""

import io
import json
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor, uint8

from stylize_core.images.decode import Picture
from stylize_core.images.header import open_header, reading

_KEY = "stylize"
"""Name of our metadata: the keyword of the PNG chunk and the only key of the JSON text."""

_UNDEFINED_CHARSET = bytes(8)
"""Prefix of an EXIF user comment in none of EXIF's own character sets (EXIF 2.32, tag 0x9286); we use UTF-8."""


def to_8bit(image: Tensor) -> Tensor:
    """Returns the pixels of an image file.

    Args:
        image: of any shape, float in [0, 1] (values outside are clamped, NaN is 0), or uint8, which is kept.

    Returns:
        uint8 of the same shape, rounded to the nearest of 0..255, halves to even.
    """
    if image.dtype == uint8:
        return image
    return image.detach().float().nan_to_num(nan=0.0).clamp(0, 1).mul(255).round().to(uint8)


def encode(image: Tensor, *, format: str, quality: int, alpha: Tensor | None, metadata: Mapping[str, str]) -> bytes:
    """Returns an image file.

    Args:
        image: (3, H, W), sRGB, float in [0, 1] or uint8.
        format: `png`, `jpeg` (4:4:4) or `webp`.
        quality: of jpeg and webp, 1 to 100; 100 makes webp lossless, colours under full transparency included.
        alpha: (1, H, W), 1 = opaque, like `image`; None for an opaque image. JPEG has no transparency.
        metadata: texts to embed, in JPEG up to 64 kB. `read_metadata` returns them unchanged.
    """
    options = {"png": _png_options, "jpeg": _jpeg_options, "webp": _webp_options}[format]
    file = io.BytesIO()
    to_pillow(image, alpha).save(file, format, **options(quality, metadata))
    return file.getvalue()


def read_metadata(data: bytes, where: str = "") -> dict[str, str]:
    """Returns the metadata that `encode` embedded in a file; empty if there is none.

    Args:
        data: the bytes of the file.
        where: its URI, for the error.

    Raises:
        ImageEmpty, ImageUnknown, ImageTruncated, ImageTooLarge: the header cannot be read.
    """
    image = open_header(data, where)
    if image.format == "PNG":
        return _from_json(image.info.get(_KEY))
    with reading(data, where):
        comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    return _from_json(comment.removeprefix(_UNDEFINED_CHARSET) if isinstance(comment, bytes) else None)


def lossless(image: Image.Image) -> bytes:
    """Returns a PNG of an image, marked as sRGB, without a record of how it was made."""
    file = io.BytesIO()
    image.save(file, "png", pnginfo=_marked_as_srgb())
    return file.getvalue()


def thumbnail(picture: Picture, edge: int = 256) -> bytes:
    """Returns a JPEG of the picture that fits into edge x edge pixels; a smaller picture is not enlarged."""
    small = picture.rgb.copy()
    small.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "jpeg", quality=85)
    return file.getvalue()


def to_pillow(image: Tensor, alpha: Tensor | None) -> Image.Image:
    """Returns pixels as a Pillow image, RGB or RGBA; for the arguments see `encode`."""
    rgb = Image.fromarray(to_8bit(image).permute(1, 2, 0).cpu().numpy())  # (H, W, 3)
    if alpha is not None:
        rgb.putalpha(Image.fromarray(to_8bit(alpha)[0].cpu().numpy()))  # (H, W)
    return rgb


def _png_options(quality: int, metadata: Mapping[str, str]) -> dict[str, Any]:
    chunks = _marked_as_srgb()
    chunks.add_itxt(_KEY, _to_json(metadata))
    return {"pnginfo": chunks}


def _marked_as_srgb() -> PngInfo:
    chunks = PngInfo()
    chunks.add(b"sRGB", b"\0")  # rendering intent: perceptual
    return chunks


def _jpeg_options(quality: int, metadata: Mapping[str, str]) -> dict[str, Any]:
    return {"quality": quality, "subsampling": "4:4:4", "exif": _exif(metadata)}


def _webp_options(quality: int, metadata: Mapping[str, str]) -> dict[str, Any]:
    if quality == 100:
        return {"lossless": True, "exact": True, "exif": _exif(metadata)}
    return {"quality": quality, "exif": _exif(metadata)}


def _exif(metadata: Mapping[str, str]) -> Image.Exif:
    exif = Image.Exif()
    comment = _UNDEFINED_CHARSET + _to_json(metadata).encode()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    return exif


def _to_json(metadata: Mapping[str, str]) -> str:
    return json.dumps({_KEY: dict(metadata)}, ensure_ascii=False)


def _from_json(text: str | bytes | None) -> dict[str, str]:
    try:
        found = json.loads(text or "{}")
    except ValueError:  # another program's comment
        return {}
    ours = found.get(_KEY) if isinstance(found, dict) else None
    return ours if isinstance(ours, dict) else {}

"""Resizes a picture to a tensor of the target's shape: implements `size`, `fit`, `style_size` and `style_fit`.

Shapes are computed from numbers, so that a plan knows them without decoding a pixel. Tensors are (C, H, W) float32
in [0, 1], resampled by Lanczos on 8-bit sRGB with antialiasing.
"""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylize_core.images.decode import Picture

CONTENT = 0
"""Instead of a size: the content's own."""

_MULTIPLE = 8
"""Short edges are multiples of this, so that contents of similar aspect ratio share a shape and thus a group."""


def output_shape(width: int, height: int, size: int, fit: str) -> tuple[int, int]:
    """Returns the shape of the output.

    Args:
        width: of the content, upright, in pixels.
        height: of the content.
        size: long edge of the output in pixels, 16 or more; or `CONTENT`.
        fit: `keep` (the content's aspect, short edge rounded to a multiple of 8), `exact` (rounded to a pixel), `crop`
            or `stretch` (a square).

    Returns:
        (height, width) in pixels. With `keep` and `exact` the long edge is exactly `size` and the short edge is not
        longer; for a square content the height counts as the short edge.
    """
    if size == CONTENT:
        return height, width
    if fit not in ("keep", "exact"):
        return size, size
    exact = size * min(width, height) / max(width, height)
    short = max(1, round(exact))
    if fit == "keep":
        short = _MULTIPLE * min(max(round(exact / _MULTIPLE), 1), size // _MULTIPLE)
    return (size, short) if height > width else (short, size)


def style_shape(
    style_width: int, style_height: int, style_size: float, style_fit: str, height: int, width: int
) -> tuple[int, int]:
    """Returns the shape to which a style is resized.

    Args:
        style_width: of the style, upright, in pixels.
        style_height: of the style.
        style_size: long edge in pixels.
        style_fit: `keep` (the style's aspect) or `stretch` (to the output's shape).
        height: of the output.
        width: of the output.

    Returns:
        (height, width) in pixels.
    """
    if style_fit == "stretch":
        return height, width
    scale = style_size / max(style_width, style_height)
    return max(1, round(style_height * scale)), max(1, round(style_width * scale))


def content_tensor(picture: Picture, height: int, width: int, fit: str) -> Tensor:
    """Returns the content at the output's shape.

    Args:
        picture: the content.
        height: of the output in pixels.
        width: of the output.
        fit: `crop` takes the largest centred part with the output's aspect ratio; otherwise the whole picture is used.

    Returns:
        (3, height, width) float32, sRGB, [0, 1].
    """
    return _tensor(picture.rgb, height, width, fit)


def alpha_plane(picture: Picture, height: int, width: int, fit: str) -> Tensor | None:
    """Returns the transparency for `content_tensor` with the same arguments.

    Returns:
        (1, height, width) float32 in [0, 1], 1 = opaque; None if the picture is opaque.
    """
    return None if picture.alpha is None else _tensor(picture.alpha, height, width, fit)


def style_tensor(picture: Picture, style_size: float, style_fit: str, height: int, width: int) -> Tensor:
    """Returns the style at the shape from `style_shape`.

    Args:
        picture: the style.
        style_size: long edge in pixels.
        style_fit: `keep` or `stretch`.
        height: of the output.
        width: of the output.

    Returns:
        (3, h, w) float32, sRGB, [0, 1].
    """
    return _tensor(picture.rgb, *style_shape(*picture.rgb.size, style_size, style_fit, height, width), "stretch")


def _tensor(image: Image.Image, height: int, width: int, fit: str) -> Tensor:
    box = _middle(*image.size, height, width) if fit == "crop" else None
    resized = image.resize((width, height), Image.Resampling.LANCZOS, box=box)
    pixels = torch.from_numpy(np.array(resized)).reshape(height, width, -1)
    return pixels.permute(2, 0, 1).contiguous().float() / 255  # (H, W, C) -> (C, H, W)


def _middle(image_width: int, image_height: int, height: int, width: int) -> tuple[float, float, float, float]:
    """Returns the largest centred box (left, top, right, bottom) with the aspect ratio width : height."""
    scale = min(image_width / width, image_height / height)
    left = max(0.0, (image_width - scale * width) / 2)  # rounding may give a value just below zero
    top = max(0.0, (image_height - scale * height) / 2)
    return left, top, image_width - left, image_height - top

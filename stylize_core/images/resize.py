"""Resizes a picture to pixels of the shape that `shapes` computes.

Pixels are resampled by Lanczos on 8-bit sRGB with antialiasing. Tensors are (C, H, W) float32 in [0, 1].
"""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylize_core.images.decode import Picture
from stylize_core.shapes import style_shape


def content_image(picture: Picture, height: int, width: int, fit: str) -> Image.Image:
    """Returns the pixels of `content_tensor` for the same arguments, in mode `RGB`."""
    return _resized(picture.rgb, height, width, fit)


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
    pixels = torch.from_numpy(np.array(_resized(image, height, width, fit))).reshape(height, width, -1)
    return pixels.permute(2, 0, 1).contiguous().float() / 255  # (H, W, C) -> (C, H, W)


def _resized(image: Image.Image, height: int, width: int, fit: str) -> Image.Image:
    box = _middle(*image.size, height, width) if fit == "crop" else None
    return image.resize((width, height), Image.Resampling.LANCZOS, box=box)


def _middle(image_width: int, image_height: int, height: int, width: int) -> tuple[float, float, float, float]:
    """Returns the largest centred box (left, top, right, bottom) with the aspect ratio width : height."""
    scale = min(image_width / width, image_height / height)
    left = max(0.0, (image_width - scale * width) / 2)  # rounding may give a value just below zero
    top = max(0.0, (image_height - scale * height) / 2)
    return left, top, image_width - left, image_height - top

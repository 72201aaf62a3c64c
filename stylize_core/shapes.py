"""Computes shapes from `size`, `fit`, `style_size` and `style_fit`, so that a plan needs no pixels."""

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

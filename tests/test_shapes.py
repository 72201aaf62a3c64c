"""Shapes from numbers alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.shapes import output_shape, style_shape

EDGES = st.integers(16, 20_000)
SIZES = st.integers(16, 16_384)


@pytest.mark.parametrize(
    ("width", "height", "size", "shape"),
    [
        (1000, 500, 256, (128, 256)),
        (500, 1000, 256, (256, 128)),
        (640, 480, 256, (192, 256)),
        (300, 200, 256, (168, 256)),  # 170.7 is nearer to 168 than to 176
        (20, 16, 512, (408, 512)),  # 409.6; enlarged
        (700, 700, 256, (256, 256)),
        (700, 700, 500, (496, 500)),
        (700, 700, 22, (16, 22)),  # the short edge is never the longer one
        (9000, 16, 256, (8, 256)),
    ],
)
def test_keep_by_hand(width, height, size, shape):
    """`keep`: the long edge is `size`, the short edge the nearest multiple of 8."""
    assert output_shape(width, height, size, "keep") == shape


@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_crop_and_stretch_are_square(fit):
    """`crop` and `stretch` give size x size, whatever the content."""
    assert output_shape(1000, 300, 250, fit) == (250, 250)


@given(EDGES, EDGES, SIZES)
def test_keep_holds_for_every_content(width, height, size):
    """The long edge is exact; the short edge is a multiple of 8 within 4 (8 at the limits) of the true aspect."""
    shape = output_shape(width, height, size, "keep")
    assert max(shape) == size
    assert min(shape) % 8 == 0
    exact = size * min(width, height) / max(width, height)
    assert abs(min(shape) - exact) <= (4 if 8 <= exact <= size - size % 8 else 8)
    assert (shape[0] > shape[1]) == (height > width and size > min(shape))


@given(EDGES, EDGES, SIZES)
def test_a_turned_content_has_the_turned_shape(width, height, size):
    """Swapping the content's edges swaps the output's."""
    if width != height:
        assert output_shape(height, width, size, "keep") == output_shape(width, height, size, "keep")[::-1]


@given(EDGES, EDGES, SIZES)
def test_style_keeps_its_aspect(width, height, size):
    """`keep`: the style's long edge is exactly `style_size`, the other is within half a pixel of its aspect."""
    shape = style_shape(width, height, size, "keep", 64, 80)
    assert max(shape) == size
    assert min(shape) >= 1
    exact = size * min(width, height) / max(width, height)
    assert abs(min(shape) - exact) <= max(0.5001, 1 - exact)


def test_style_stretched_has_the_outputs_shape():
    """`stretch`: exactly the output's shape, with any `style_size`."""
    assert style_shape(1000, 10, 512, "stretch", 64, 80) == (64, 80)

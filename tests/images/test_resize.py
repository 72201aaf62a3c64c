"""Shapes from numbers alone, and the tensors that have them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stylize_core.images.decode import Picture
from stylize_core.images.resize import alpha_plane, content_tensor, output_shape, style_shape, style_tensor

EDGES = st.integers(16, 20_000)
SIZES = st.integers(16, 16_384)


@pytest.fixture
def picture(rgba_pixels):
    """A picture 28 wide and 20 high, with transparency."""
    return Picture(Image.fromarray(rgba_pixels[..., :3].copy()), Image.fromarray(rgba_pixels[..., 3].copy()))


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
    """The long edge is exact, the short edge a multiple of 8 within 4 (8 at the borders) of the true aspect."""
    shape = output_shape(width, height, size, "keep")
    assert max(shape) == size
    assert min(shape) % 8 == 0
    exact = size * min(width, height) / max(width, height)
    assert abs(min(shape) - exact) <= (4 if 8 <= exact <= size - size % 8 else 8)
    assert (shape[0] > shape[1]) == (height > width and size > min(shape))


@given(EDGES, EDGES, SIZES)
def test_a_turned_content_has_the_turned_shape(width, height, size):
    """Swapping the content's edges swaps the output's (a square is its own turn)."""
    if width != height:
        assert output_shape(height, width, size, "keep") == output_shape(width, height, size, "keep")[::-1]


@given(EDGES, EDGES, SIZES)
def test_style_keeps_its_aspect(width, height, size):
    """`keep`: the style's long edge is exactly `style_size`, the other within half a pixel of its aspect."""
    shape = style_shape(width, height, size, "keep", 64, 80)
    assert max(shape) == size
    assert min(shape) >= 1
    exact = size * min(width, height) / max(width, height)
    assert abs(min(shape) - exact) <= max(0.5001, 1 - exact)


def test_style_stretched_has_the_outputs_shape():
    """`stretch`: exactly the output's shape, `style_size` or not."""
    assert style_shape(1000, 10, 512, "stretch", 64, 80) == (64, 80)


def test_the_tensor_of_the_same_shape_is_the_picture(picture, rgba_pixels):
    """Without a change of shape, pixels are divided by 255 and nothing else: (3, H, W) float32."""
    tensor = content_tensor(picture, 20, 28, "keep")
    assert (tensor.dtype, tensor.is_contiguous()) == (torch.float32, True)
    np.testing.assert_array_equal(tensor.numpy(), rgba_pixels[..., :3].transpose(2, 0, 1).astype(np.float32) / 255)
    np.testing.assert_array_equal(alpha_plane(picture, 20, 28, "keep")[0].numpy() * 255, rgba_pixels[..., 3])


@pytest.mark.parametrize(("height", "width"), [(16, 16), (8, 40), (64, 24)])
@pytest.mark.parametrize("fit", ["keep", "crop", "stretch"])
def test_tensors_have_the_shape_asked_for(picture, height, width, fit):
    """Colours and alpha come at the target's shape, in [0, 1]."""
    tensor, alpha = content_tensor(picture, height, width, fit), alpha_plane(picture, height, width, fit)
    assert (tensor.shape, alpha.shape) == ((3, height, width), (1, height, width))
    assert tensor.min() >= 0
    assert tensor.max() <= 1


def test_opaque_pictures_have_no_alpha_plane(picture):
    """No alpha in, none out."""
    assert alpha_plane(Picture(picture.rgb, None), 16, 16, "crop") is None


@pytest.mark.parametrize(("size", "box"), [((60, 20), (20, 0, 40, 20)), ((20, 60), (0, 20, 20, 40))])
def test_crop_takes_the_middle(size, box):
    """Of a picture three times as long as wide, a square crop is the middle third."""
    image = Image.new("RGB", size, "red")
    image.paste((0, 0, 255), box)
    alpha = image.getchannel("B")
    picture = Picture(image, alpha)
    assert (content_tensor(picture, 20, 20, "crop") == torch.tensor([0.0, 0.0, 1.0])[:, None, None]).all()
    assert (alpha_plane(picture, 20, 20, "crop") == 1).all()
    assert not (content_tensor(picture, 20, 20, "stretch")[0] == 0).all()


@given(st.integers(16, 300), st.integers(16, 300), st.integers(16, 60), st.integers(16, 60))
def test_crop_works_for_every_pair_of_shapes(image_width, image_height, height, width):
    """No rounding of the crop's box leaves the picture; a flat colour stays flat."""
    picture = Picture(Image.new("RGB", (image_width, image_height), (10, 20, 30)), None)
    tensor = content_tensor(picture, height, width, "crop")
    assert (tensor * 255).round().reshape(3, -1).T.unique(dim=0).tolist() == [[10, 20, 30]]


def test_shrinking_is_antialiased():
    """Stripes of one pixel shrunk to a quarter become grey, not stripes of another width."""
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    tensor = content_tensor(Picture(Image.fromarray(stripes), None), 16, 16, "keep")
    assert (tensor[:, :, 1:-1] - 0.5).abs().max() < 0.02


def test_style_tensor_has_the_planned_shape(picture):
    """What the plan computes from numbers is what the tensor has."""
    for style_fit in ("keep", "stretch"):
        shape = style_shape(28, 20, 50, style_fit, 24, 16)
        assert style_tensor(picture, 50, style_fit, 24, 16).shape == (3, *shape)
    assert style_shape(28, 20, 50, "keep", 24, 16) == (36, 50)

"""Resizing to the shapes that `shapes` computes."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stylize_core.images.decode import Picture
from stylize_core.images.resize import alpha_plane, content_image, content_tensor, style_tensor
from stylize_core.shapes import style_shape


@pytest.fixture
def picture(rgba_pixels):
    """A picture 28 wide and 20 high, with transparency."""
    return Picture(Image.fromarray(rgba_pixels[..., :3].copy()), Image.fromarray(rgba_pixels[..., 3].copy()))


def test_the_tensor_of_the_same_shape_is_the_picture(picture, rgba_pixels):
    """Without a change of shape, pixels are only divided by 255: (3, H, W) float32."""
    tensor = content_tensor(picture, 20, 28, "keep")
    assert (tensor.dtype, tensor.is_contiguous()) == (torch.float32, True)
    np.testing.assert_array_equal(tensor.numpy(), rgba_pixels[..., :3].transpose(2, 0, 1).astype(np.float32) / 255)
    np.testing.assert_array_equal(alpha_plane(picture, 20, 28, "keep")[0].numpy() * 255, rgba_pixels[..., 3])


@pytest.mark.parametrize(("height", "width"), [(16, 16), (8, 40), (64, 24)])
@pytest.mark.parametrize("fit", ["keep", "crop", "stretch"])
def test_tensors_have_the_shape_asked_for(picture, height, width, fit):
    """Colours and alpha have the target's shape and are in [0, 1]."""
    tensor, alpha = content_tensor(picture, height, width, fit), alpha_plane(picture, height, width, fit)
    assert (tensor.shape, alpha.shape) == ((3, height, width), (1, height, width))
    assert tensor.min() >= 0
    assert tensor.max() <= 1


@pytest.mark.parametrize(("height", "width"), [(20, 28), (16, 16), (64, 24)])
@pytest.mark.parametrize("fit", ["keep", "crop"])
def test_the_image_is_the_tensor(picture, height, width, fit):
    """The exported content has exactly the pixels that the optimisation used."""
    pixels = np.asarray(content_image(picture, height, width, fit))
    assert torch.equal(torch.tensor(pixels).permute(2, 0, 1).float() / 255, content_tensor(picture, height, width, fit))


def test_opaque_pictures_have_no_alpha_plane(picture):
    """Without alpha in the input there is none in the output."""
    assert alpha_plane(Picture(picture.rgb, None), 16, 16, "crop") is None


@pytest.mark.parametrize(("size", "box"), [((60, 20), (20, 0, 40, 20)), ((20, 60), (0, 20, 20, 40))])
def test_crop_takes_the_middle(size, box):
    """A square crop of a picture with aspect 3:1 is the middle third."""
    image = Image.new("RGB", size, "red")
    image.paste((0, 0, 255), box)
    alpha = image.getchannel("B")
    picture = Picture(image, alpha)
    assert (content_tensor(picture, 20, 20, "crop") == torch.tensor([0.0, 0.0, 1.0])[:, None, None]).all()
    assert (alpha_plane(picture, 20, 20, "crop") == 1).all()
    assert not (content_tensor(picture, 20, 20, "stretch")[0] == 0).all()


@given(st.integers(16, 300), st.integers(16, 300), st.integers(16, 60), st.integers(16, 60))
def test_crop_works_for_every_pair_of_shapes(image_width, image_height, height, width):
    """The rounded crop box never leaves the picture; a flat colour stays flat."""
    picture = Picture(Image.new("RGB", (image_width, image_height), (10, 20, 30)), None)
    tensor = content_tensor(picture, height, width, "crop")
    assert (tensor * 255).round().reshape(3, -1).T.unique(dim=0).tolist() == [[10, 20, 30]]


def test_shrinking_is_antialiased():
    """Stripes of one pixel, shrunk to a quarter, become grey, not stripes of another width."""
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    tensor = content_tensor(Picture(Image.fromarray(stripes), None), 16, 16, "keep")
    assert (tensor[:, :, 1:-1] - 0.5).abs().max() < 0.02


def test_style_tensor_has_the_planned_shape(picture):
    """The plan's computed shape is the tensor's shape."""
    for style_fit in ("keep", "stretch"):
        shape = style_shape(28, 20, 50, style_fit, 24, 16)
        assert style_tensor(picture, 50, style_fit, 24, 16).shape == (3, *shape)
    assert style_shape(28, 20, 50, "keep", 24, 16) == (36, 50)

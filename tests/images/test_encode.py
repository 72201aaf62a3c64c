"""Encoding: exact pixels if the format allows it, metadata that is read back unchanged, the same bytes every time."""

import io
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin

from stylize_core.errors import ImageUnknown
from stylize_core.images.decode import Picture
from stylize_core.images.encode import encode, read_metadata, thumbnail, to_8bit

FORMATS = ["png", "jpeg", "webp"]
LONG = "ünïcode “quotes” \\ ' \" \n\t\0 日本 🎨 " * 700  # more than 20,000 characters


def _opened(data):
    return Image.open(io.BytesIO(data))


@pytest.fixture(scope="module")
def image():
    """(3, 20, 28) float32 in [0, 1]."""
    return torch.rand(3, 20, 28, generator=torch.Generator().manual_seed(0))


def test_to_8bit_by_hand():
    """Values are clamped to [0, 1], times 255, rounded with halves to even; NaN is black."""
    values = torch.tensor([-3.0, 0.0, 0.5 / 255, 1.5 / 255, 0.5, 1.0, 7.0, torch.nan, torch.inf, -torch.inf])
    assert to_8bit(values).tolist() == [0, 0, 0, 2, 128, 255, 255, 0, 255, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_to_8bit_is_the_inverse_of_division(dtype):
    """All 256 levels survive the conversion to floats and back."""
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_8bit(levels.to(dtype) / 255), levels)


def test_8bit_pixels_are_kept():
    """uint8 pixels are stored unchanged."""
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_8bit(levels), levels)


@pytest.mark.parametrize(("format", "quality"), [("png", 95), ("webp", 100)])
def test_lossless_formats_are_exact(format, quality, image):
    """PNG, and WebP of quality 100, hold the 8-bit pixels exactly."""
    data = encode(image, format=format, quality=quality, alpha=None, metadata={})
    expected = to_8bit(image).permute(1, 2, 0).numpy()
    assert _opened(data).mode == "RGB"
    np.testing.assert_array_equal(np.asarray(_opened(data)), expected)


@pytest.mark.parametrize(("format", "quality"), [("png", 95), ("webp", 100)])
def test_alpha_is_kept_with_the_colours_under_it(format, quality, image):
    """Colours under alpha 0 are kept."""
    alpha = torch.linspace(-0.5, 1, 28).clamp(0, 1).expand(1, 20, 28)
    got = np.asarray(_opened(encode(image, format=format, quality=quality, alpha=alpha, metadata={})))
    np.testing.assert_array_equal(got[..., 3], to_8bit(alpha)[0].numpy())
    np.testing.assert_array_equal(got[..., :3], to_8bit(image).permute(1, 2, 0).numpy())


@pytest.mark.parametrize(("format", "name"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_the_file_has_the_format_and_shape(format, name, image):
    """The file has the requested format; its width is the tensor's last edge."""
    file = _opened(encode(image, format=format, quality=90, alpha=None, metadata={}))
    assert (file.format, file.size) == (name, (28, 20))


def test_jpeg_keeps_the_resolution_of_colours(image):
    """JPEG is 4:4:4, because style transfer makes fine coloured strokes."""
    file = _opened(encode(image, format="jpeg", quality=90, alpha=None, metadata={}))
    assert JpegImagePlugin.get_sampling(file) == 0


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_quality_has_an_effect(format, image):
    """A lower quality is a smaller file, further from the pixels."""

    def error_and_bytes(quality):
        data = encode(image, format=format, quality=quality, alpha=None, metadata={})
        wanted = to_8bit(image).permute(1, 2, 0).numpy().astype(int)
        return np.abs(np.asarray(_opened(data).convert("RGB")) - wanted).mean(), len(data)

    (coarse_error, coarse_bytes), (fine_error, fine_bytes) = error_and_bytes(20), error_and_bytes(95)
    assert coarse_error > fine_error
    assert coarse_bytes < fine_bytes


def test_png_says_that_it_is_srgb(image):
    """The sRGB chunk comes before the pixels."""
    data = encode(image, format="png", quality=95, alpha=None, metadata={})
    assert 0 < data.index(b"sRGB") < data.index(b"IDAT")


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_input_gives_the_same_bytes(format, image):
    """The file contains only pixels and metadata."""
    once, again = (
        encode(image.clone(), format=format, quality=90, alpha=None, metadata={"job_id": "a"}) for _ in range(2)
    )
    assert once == again
    assert b"tIME" not in once


@settings(deadline=None, max_examples=40)
@given(st.dictionaries(st.text(max_size=20), st.text(max_size=60), max_size=5), st.sampled_from(FORMATS))
def test_metadata_comes_back_unchanged(metadata, format):
    """Any mapping of texts survives in any format."""
    data = encode(torch.zeros(3, 8, 8), format=format, quality=90, alpha=None, metadata=metadata)
    assert read_metadata(data) == metadata


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("quality", [90, 100])
def test_long_metadata_comes_back_unchanged(format, quality, image):
    """More than 20,000 characters with quotes, control characters and emoji fit, lossless or not."""
    assert len(LONG) > 20_000
    metadata = {"settings": LONG, "job_id": "0123"}
    data = encode(image, format=format, quality=quality, alpha=None, metadata=metadata)
    assert read_metadata(data) == metadata


def test_metadata_survives_alpha(image):
    """Transparency and metadata can be combined."""
    data = encode(image, format="webp", quality=80, alpha=torch.zeros(1, 20, 28), metadata={"a": "b"})
    assert read_metadata(data) == {"a": "b"}


def test_png_metadata_is_a_text_that_other_programs_show(image):
    """In PNG it is plain JSON under the keyword `stylize`."""
    text = _opened(encode(image, format="png", quality=95, alpha=None, metadata={"style": "ü"})).text["stylize"]
    assert json.loads(text) == {"stylize": {"style": "ü"}}


def _user_comment(text):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = text
    return exif


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("GIF", {}),
        ("JPEG", {"exif": _user_comment(b"ASCII\0\0\0Lovely weather")}),
        ("JPEG", {"exif": _user_comment(bytes(8) + b'{"other": {"a": "b"}}')}),
        ("JPEG", {"exif": _user_comment(bytes(8) + b'["stylize"]')}),
        ("WEBP", {"exif": _user_comment(bytes(8) + b'{"stylize": 3}')}),
    ],
)
def test_foreign_images_have_no_metadata(format, options, file_of):
    """Other programs' files and comments are not mistaken for ours."""
    assert read_metadata(file_of(Image.new("RGB", (20, 20)), format, **options)) == {}


def test_metadata_of_something_else_is_an_error():
    """A file that is not an image is named."""
    with pytest.raises(ImageUnknown, match=r"notes\.txt"):
        read_metadata(b"some text", "notes.txt")


@pytest.mark.parametrize(
    ("size", "expected"), [((1000, 500), (256, 128)), ((300, 900), (85, 256)), ((40, 30), (40, 30))]
)
def test_thumbnails_fit_the_edge(size, expected):
    """A thumbnail is a JPEG of the same aspect within 256 x 256; small pictures keep their size."""
    file = _opened(thumbnail(Picture(Image.new("RGB", size, "red"), None)))
    assert (file.format, file.size) == ("JPEG", expected)


def test_making_a_thumbnail_leaves_the_picture(rgb_pixels):
    """The picture is not changed."""
    picture = Picture(Image.fromarray(rgb_pixels), None)
    thumbnail(picture, edge=16)
    np.testing.assert_array_equal(np.asarray(picture.rgb), rgb_pixels)

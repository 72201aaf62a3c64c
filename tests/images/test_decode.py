"""Decoding: every kind of file becomes the same upright sRGB pixels."""

import struct

import numpy as np
import pytest
from PIL import Image

from stylize_core.images.decode import decode, shape_of

WHERE = "s3://bucket/picture.png"


def _pixels(data):
    return np.asarray(decode(data, WHERE).rgb)


def _over_white(rgb, alpha):
    """The independent formula: a·c + (1 - a)·white, in floats."""
    share = alpha[..., None] / 255
    return share * rgb + (1 - share) * 255


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP", "PPM"])
def test_lossless_formats_give_the_pixels_as_stored(format, file_of, rgb_pixels):
    """8-bit RGB comes out unchanged, and opaque."""
    picture = decode(file_of(Image.fromarray(rgb_pixels), format), WHERE)
    assert (picture.rgb.mode, picture.alpha) == ("RGB", None)
    np.testing.assert_array_equal(np.asarray(picture.rgb), rgb_pixels)


@pytest.mark.parametrize("format", ["JPEG", "MPO", "WEBP"])
def test_lossy_formats_give_nearly_the_pixels(format, file_of):
    """A flat colour survives JPEG, MPO (its first picture) and WebP within a few levels."""
    flat = Image.new("RGB", (24, 20), (200, 120, 40))
    others = {"save_all": True, "append_images": [Image.new("RGB", (24, 20), "blue")]} if format == "MPO" else {}
    assert np.abs(_pixels(file_of(flat, format, quality=95, **others)).astype(int) - (200, 120, 40)).max() <= 4


@pytest.mark.parametrize("format", ["PNG", "GIF", "WEBP", "TIFF"])
def test_an_animation_gives_its_first_frame(format, file_of):
    """Later frames are ignored."""
    first, second = (Image.new("RGB", (24, 20), colour) for colour in ("red", "blue"))
    options = {"lossless": True} if format == "WEBP" else {}
    data = file_of(first, format, save_all=True, append_images=[second], **options)
    assert (_pixels(data) == (255, 0, 0)).all()


def test_cmyk_jpeg_without_a_profile(file_of):
    """Half cyan is a light blue-green: red at half, green and blue full."""
    data = file_of(Image.new("CMYK", (24, 20), (128, 0, 0, 0)), "JPEG", quality=95)
    assert np.abs(_pixels(data).astype(int) - (127, 255, 255)).max() <= 2


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_grey_becomes_three_equal_channels(format, file_of, rgb_pixels):
    """An 8-bit grey picture keeps its values."""
    grey = rgb_pixels[..., 0]
    np.testing.assert_array_equal(_pixels(file_of(Image.fromarray(grey), format)), np.stack([grey] * 3, axis=-1))


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP", "PPM"])
def test_one_bit_pictures_are_black_and_white(format, file_of, rgb_pixels):
    """1-bit pixels become 0 and 255."""
    bits = rgb_pixels[..., 0] > 127
    got = _pixels(file_of(Image.fromarray(bits), format))
    np.testing.assert_array_equal(got, np.stack([bits * np.uint8(255)] * 3, axis=-1))


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey_is_scaled(format, file_of):
    """16 bits are divided by 257 and rounded, never clipped: 65535 is white and 32896 is 128."""
    values = np.linspace(0, 65535, 16 * 16).astype(np.uint16).reshape(16, 16)
    values[0, :4] = (0, 128, 129, 32896)  # 129/257 rounds up
    image = Image.fromarray(values)
    got = _pixels(file_of(image.convert("I") if format == "PPM" else image, format))
    np.testing.assert_allclose(got[..., 0], np.rint(values / 257), atol=1 if format == "PPM" else 0)
    if format != "PPM":
        assert got[0, :4, 0].tolist() == [0, 0, 1, 128]


def test_16_bit_big_endian_tiff(file_of):
    """The byte order of a TIFF does not matter."""
    values = np.full((16, 16), 0x8080, dtype=np.uint16)
    values[0, 0] = 0x0102
    little = file_of(Image.fromarray(values), "TIFF")
    assert little[:2] == b"II"
    big = file_of(Image.frombytes("I;16B", (16, 16), values.astype(">u2").tobytes()), "TIFF")
    assert big[:2] == b"MM"
    np.testing.assert_array_equal(_pixels(big), _pixels(little))


def test_16_bit_rgb_png(png):
    """Each channel of 16-bit RGB keeps its upper bits."""
    data = png((16, 16), 16, 2, [struct.pack(">3H", 0x1234, 0x8000, 0xFFFF) * 16] * 16)
    assert _pixels(data)[0, 0].tolist() == [0x12, 0x80, 0xFF]


def test_palette_without_transparency(file_of, rgb_pixels):
    """A palette's colours are looked up."""
    image = Image.fromarray(rgb_pixels).quantize(16)
    np.testing.assert_array_equal(_pixels(file_of(image, "PNG")), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(
    ("format", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})]
)
def test_alpha_is_laid_on_white_and_kept(format, options, file_of, rgba_pixels):
    """`rgb` is a·c + (1 - a)·white, and `alpha` the channel itself."""
    picture = decode(file_of(Image.fromarray(rgba_pixels), format, **options), WHERE)
    np.testing.assert_array_equal(np.asarray(picture.alpha), rgba_pixels[..., 3])
    expected = _over_white(rgba_pixels[..., :3].astype(float), rgba_pixels[..., 3].astype(float))
    np.testing.assert_allclose(np.asarray(picture.rgb), expected, atol=0.51)


def test_grey_with_alpha(file_of, rgba_pixels):
    """Mode LA behaves as RGBA with three equal channels."""
    picture = decode(file_of(Image.fromarray(rgba_pixels[..., :2].copy()), "PNG"), WHERE)
    np.testing.assert_array_equal(np.asarray(picture.alpha), rgba_pixels[..., 1])
    grey = np.stack([rgba_pixels[..., 0]] * 3, axis=-1).astype(float)
    expected = _over_white(grey, rgba_pixels[..., 1].astype(float))
    np.testing.assert_allclose(np.asarray(picture.rgb), expected, atol=0.51)


def test_an_opaque_alpha_channel_is_none(file_of):
    """An alpha channel with only 255 is not transparency."""
    assert decode(file_of(Image.new("RGBA", (20, 20), "red"), "PNG"), WHERE).alpha is None


def _bmp_with_masks(pixels):
    """A BMP of version 4 whose header gives the fourth byte to transparency; (H, W, 4), red first."""
    height, width = pixels.shape[:2]
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, pixels.size, 2835, 2835, 0, 0)
    header += struct.pack("<4I", 0xFF, 0xFF00, 0xFF0000, 0xFF000000) + b"BGRs" + bytes(48)
    return b"BM" + struct.pack("<IHHI", 14 + 108 + pixels.size, 0, 0, 14 + 108) + header + pixels[::-1].tobytes()


def test_a_bmp_whose_fourth_byte_is_not_used(rgba_pixels):
    """Transparency of 0 everywhere is an unused byte; varying values are transparency."""
    blank = np.dstack([rgba_pixels[..., :3], np.zeros(rgba_pixels.shape[:2], np.uint8)])
    picture = decode(_bmp_with_masks(blank), WHERE)
    np.testing.assert_array_equal(np.asarray(picture.rgb), rgba_pixels[..., :3])
    assert picture.alpha is None
    np.testing.assert_array_equal(np.asarray(decode(_bmp_with_masks(rgba_pixels), WHERE).alpha), rgba_pixels[..., 3])


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_a_transparent_palette_entry(format, file_of):
    """Pixels of the transparent entry are white and have alpha 0; the others do not change."""
    image = Image.new("P", (20, 20), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (0, 0, 20, 10))
    picture = decode(file_of(image, format, transparency=1), WHERE)
    assert [picture.rgb.getpixel((5, y)) for y in (5, 15)] == [(255, 255, 255), (255, 0, 0)]
    assert [picture.alpha.getpixel((5, y)) for y in (5, 15)] == [0, 255]


def test_a_palette_with_partial_transparency(file_of):
    """Each palette entry has its own alpha."""
    image = Image.new("P", (20, 20), 1)
    image.putpalette([255, 0, 0, 0, 0, 0])
    picture = decode(file_of(image, "PNG", transparency=bytes([255, 51])), WHERE)
    assert (picture.rgb.getpixel((0, 0)), picture.alpha.getpixel((0, 0))) == ((204, 204, 204), 51)


@pytest.mark.parametrize(
    ("depth", "kind", "row", "key"),
    [
        (1, 0, b"\xf0\x00", b"\0\1"),
        (8, 0, b"\x28" * 4 + b"\x10" * 12, b"\0\x28"),
        (16, 0, b"\x12\x34" * 4 + b"\x12\x35" * 12, b"\x12\x34"),
        (8, 2, b"\1\2\3" * 4 + b"\1\2\4" * 12, b"\0\1\0\2\0\3"),
    ],
)
def test_a_transparent_colour(depth, kind, row, key, png):
    """The transparent colour of a PNG without an alpha channel (tRNS) is transparent at every depth."""
    picture = decode(png((16, 16), depth, kind, [row] * 16, [(b"tRNS", key)]), WHERE)
    assert [picture.alpha.getpixel((x, 3)) for x in (0, 3, 4, 15)] == [0, 0, 255, 255]
    assert picture.rgb.getpixel((0, 3)) == (255, 255, 255)
    assert picture.rgb.getpixel((4, 3)) != (255, 255, 255)


UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: np.rot90(stored),
}
"""EXIF's table as array operations: 6 means that the first stored row is the right edge, and so on."""


def _exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize(("format", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_orientation_is_applied(orientation, format, options, file_of, rgb_pixels):
    """All eight orientations become upright, and the header alone gives the upright shape."""
    data = file_of(Image.fromarray(rgb_pixels), format, exif=_exif(orientation), **options)
    expected = UPRIGHT[orientation](rgb_pixels)
    np.testing.assert_array_equal(_pixels(data), expected)
    assert shape_of(data, WHERE) == (expected.shape[1], expected.shape[0])


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_orientation_of_a_jpeg(orientation, file_of):
    """A JPEG whose upright view has a red top and left edge: its stored pixels are rotated back."""
    view = np.full((32, 48, 3), 255, dtype=np.uint8)
    view[:16] = (255, 0, 0)
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    stored = Image.fromarray(np.ascontiguousarray(UPRIGHT[inverse](view)))
    data = file_of(stored, "JPEG", quality=95, subsampling=0, exif=_exif(orientation))
    assert np.abs(_pixels(data).astype(int) - view).max() <= 8
    assert shape_of(data, WHERE) == (48, 32)


def test_alpha_turns_with_the_picture(file_of, rgba_pixels):
    """The alpha channel has the same orientation as the colours."""
    picture = decode(file_of(Image.fromarray(rgba_pixels), "PNG", exif=_exif(6)), WHERE)
    np.testing.assert_array_equal(np.asarray(picture.alpha), np.rot90(rgba_pixels[..., 3], -1))


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_unknown_orientation_is_ignored(orientation, file_of, rgb_pixels):
    """Values that EXIF does not define do not rotate the picture."""
    data = file_of(Image.fromarray(rgb_pixels), "PNG", exif=_exif(orientation))
    np.testing.assert_array_equal(_pixels(data), rgb_pixels)


def test_damaged_exif_is_ignored(png):
    """With an unreadable EXIF block only the orientation is lost, not the picture."""
    data = png((16, 16), 8, 0, [bytes(16)] * 16, [(b"eXIf", b"MM\0\xffnonsense")])
    assert shape_of(data, WHERE) == (16, 16)
    assert (_pixels(data) == 0).all()


def test_exif_behind_the_pixels_is_not_looked_for(png):
    """Only the header counts, so that the announced shape and the decoded one agree."""
    shape, rows = (28, 20), [bytes(28)] * 20
    plain, turned = png(shape, 8, 0, rows), png(shape, 8, 0, rows, [(b"eXIf", _exif(6).tobytes())])
    assert shape_of(turned, WHERE) == decode(turned, WHERE).rgb.size == (20, 28)
    chunk, end = turned[33 : 33 + len(turned) - len(plain)], len(plain) - 12  # after IHDR; before IEND
    behind = plain[:end] + chunk + plain[end:]
    assert shape_of(behind, WHERE) == decode(behind, WHERE).rgb.size == shape

"""Decoding of TIFF: the many ways to write the same pixels, and first pictures that are only previews."""

import numpy as np
import pytest
from PIL import Image

from stylize_core.errors import ImageUnknown
from stylize_core.images.decode import decode, shape_of

WHERE = "s3://bucket/picture.tif"

WHITE_IS_ZERO, RGB, CMYK, CFA, LINEAR = {262: (0,)}, {262: (2,)}, {262: (5,)}, {262: (32803,)}, {262: (34892,)}
ALPHA, PREMULTIPLIED = {338: (2,)}, {338: (1,)}
DEFLATE, PLANES = {259: (8,)}, {284: (2,)}


def samples(count, bits):
    """Random samples (20, 24, count) with a number of bits, without symmetry, so that every mistake shows."""
    return np.random.default_rng(0).integers(0, 2**bits, (20, 24, count), dtype=np.uint32)


def over_white(colours, alpha):
    """a·c + (1 - a)·white, in floats."""
    share = alpha[..., None] / 255
    return share * colours + (1 - share) * 255


def pixels(data):
    """The decoded picture."""
    return np.asarray(decode(data, WHERE).rgb).astype(float)


@pytest.mark.parametrize("more", [{}, DEFLATE, PLANES, DEFLATE | PLANES], ids=["plain", "deflate", "planes", "both"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_white_may_be_zero(bits, order, more, tiff):
    """Grey in which 0 is white is inverted at every depth, byte order and storage; grey in which 0 is black is not."""
    values = samples(1, bits)
    expected = 255 * values / (2**bits - 1)
    got = pixels(tiff(values, bits, more, order))
    np.testing.assert_allclose(got, np.repeat(expected, 3, -1), atol=0.51)
    np.testing.assert_allclose(pixels(tiff(values, bits, WHITE_IS_ZERO | more, order)), 255 - got)


@pytest.mark.parametrize("order", ["<", ">"])
def test_white_may_be_zero_under_alpha(order, tiff):
    """The colour is inverted, the transparency is not."""
    values = samples(2, 8)
    picture = decode(tiff(values, 8, WHITE_IS_ZERO | ALPHA, order), WHERE)
    np.testing.assert_array_equal(np.asarray(picture.alpha), values[..., 1])
    expected = over_white(255.0 - np.repeat(values[..., :1], 3, -1), values[..., 1])
    np.testing.assert_allclose(np.asarray(picture.rgb), expected, atol=0.51)


@pytest.mark.parametrize("compression", ["tiff_ccitt", "group3", "group4"])
def test_a_fax(compression, file_of):
    """Black on white stays black on white."""
    page = Image.new("1", (40, 32), 1)
    page.paste(0, (0, 0, 20, 32))
    got = pixels(file_of(page, "TIFF", compression=compression))
    assert (got[:, :20] == 0).all()
    assert (got[:, 20:] == 255).all()


@pytest.mark.parametrize("tags", [{}, WHITE_IS_ZERO])
def test_grey_of_12_bits(tags, tiff):
    """4095 of 12 bits becomes 255."""
    values = samples(1, 12)
    got, expected = pixels(tiff(values, 12, tags)), np.repeat(255 * values / 4095, 3, -1)
    np.testing.assert_allclose(got, 255 - expected if tags else expected, atol=0.51)


def test_grey_multiplied_by_its_alpha(tiff):
    """Grey that is stored as a·c is composited on white as a·c + (1 - a)·white."""
    values = samples(2, 8)
    values[..., 0] = np.minimum(values[..., 0], values[..., 1])
    expected = np.repeat(values[..., :1], 3, -1) + 255.0 - values[..., 1:]
    np.testing.assert_allclose(pixels(tiff(values, 8, PREMULTIPLIED)), expected, atol=1.5)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("more", [{}, DEFLATE], ids=["plain", "deflate"])
@pytest.mark.parametrize(
    ("colours", "count", "bits"), [(RGB, 3, 8), (RGB, 3, 16), (RGB | ALPHA, 4, 16), (CMYK, 4, 8)], ids=str
)
def test_planes(colours, count, bits, more, order, tiff):
    """Separate planes of red, green and blue give the same as interleaved pixels."""
    values = samples(count, bits)
    whole = pixels(tiff(values, bits, colours | more, order))
    np.testing.assert_array_equal(pixels(tiff(values, bits, colours | more | PLANES, order)), whole)
    if count == 3:
        np.testing.assert_allclose(whole, 255 * values / (2**bits - 1), atol=1)


@pytest.mark.parametrize("factor", [1, 257], ids=["8 bits", "16 bits"])
def test_a_palette(factor, tiff):
    """A palette's colours have 16 bits; files with 8-bit values do not become black."""
    colours = np.random.default_rng(1).integers(0, 256, (256, 3))
    values = samples(1, 8)
    data = tiff(values, 8, {262: (3,), 320: tuple((factor * colours.T).ravel().tolist())})
    np.testing.assert_array_equal(pixels(data), colours[values[..., 0]])


@pytest.mark.parametrize(
    ("count", "bits", "tags", "words"),
    [
        (2, 8, ALPHA | PLANES | DEFLATE, "2 x 8 bits"),  # Pillow would confuse the two
        (4, 16, CMYK | PLANES, "4 x 16 bits (CMYK, in planes, raw)"),
        (2, 16, ALPHA, "2 x 16 bits (grey, raw)"),
        (3, 32, RGB, "3 x 32 bits (RGB, raw)"),
        (1, 8, {259: (50099,)}, "compression 50099"),
        (1, 8, {262: (4,)}, "1 x 8 bits (mask, raw)"),
        (1, 8, {339: (2,)}, "signed numbers"),
    ],
)
def test_what_is_not_supported_is_said(count, bits, tags, words, tiff):
    """A sound TIFF of a rare kind is neither decoded wrongly nor called damaged."""
    for read in (shape_of, decode):
        with pytest.raises(ImageUnknown) as caught:
            read(tiff(samples(count, bits), bits, tags), WHERE)
        assert words in caught.value.what
        assert "8 or 16 bits" in caught.value.todo


def test_values_without_a_meaning(tiff):
    """A TIFF that does not say whether 0 is black or white is refused."""
    data = tiff(samples(1, 8), 8, {262: (1,)})
    place = data.index((262).to_bytes(2, "little") + b"\3\0\1\0\0\0")
    with pytest.raises(ImageUnknown, match="0 is black or white"):
        decode(data[:place] + (60000).to_bytes(2, "little") + data[place + 2 :], WHERE)


LARGE = {256: (640,), 257: (480,)}
SMALL = {256: (8,), 257: (8,)}


@pytest.mark.parametrize(
    ("tags", "sub"),
    [(RGB, LARGE | CFA), (RGB, SMALL | CFA), (RGB, LINEAR), (CFA, None), (RGB | {50706: (1, 4, 0, 0)}, None)],
    ids=["sensor below", "smaller below", "linear", "sensor", "DNG"],
)
def test_a_camera_s_raw_photograph(tags, sub, tiff):
    """It is refused by name, and its preview is not used as the photograph."""
    count = 1 if tags is CFA else 3
    with pytest.raises(ImageUnknown, match="camera's raw photograph") as caught:
        shape_of(tiff(samples(count, 8), 8, tags, sub=sub), WHERE)
    assert (caught.value.where, "raw converter" in caught.value.todo) == (WHERE, True)


def test_a_canon_raw_photograph(tiff):
    """Canon's files are recognised by two letters after the header."""
    plain = tiff(samples(3, 8), 8, RGB)
    assert shape_of(plain, WHERE) == (24, 20)
    with pytest.raises(ImageUnknown, match="camera's raw photograph"):
        shape_of(plain[:8] + b"CR" + plain[10:], WHERE)


@pytest.mark.parametrize(("tags", "sub"), [(RGB | {254: (1,)}, None), (RGB, LARGE | RGB)], ids=["said", "by size"])
def test_a_preview_that_comes_first(tags, sub, tiff):
    """A first picture marked as reduced is refused; sub-images with smaller pictures do not matter."""
    with pytest.raises(ImageUnknown, match="small preview of another one"):
        shape_of(tiff(samples(3, 8), 8, tags, sub=sub), WHERE)
    assert shape_of(tiff(samples(3, 8), 8, RGB, sub=SMALL | RGB), WHERE) == (24, 20)

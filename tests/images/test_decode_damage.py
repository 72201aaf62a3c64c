"""Bad files: each kind has its own error, and all damage ends in an `InputError`."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from stylize_core.errors import ImageEmpty, ImageTooLarge, ImageTooSmall, ImageTruncated, ImageUnknown, InputError
from stylize_core.images.decode import MIN_EDGE, decode, shape_of
from stylize_core.images.header import MAX_PIXELS

WHERE = "s3://bucket/picture.png"


def _exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.fixture(params=[shape_of, decode])
def read(request):
    """The two ways to read a file, which refuse the same files."""
    return request.param


def _refused(read, data, error):
    """Checks that `data` is refused with exactly this error, with all three parts."""
    with pytest.raises(error) as caught:
        read(data, WHERE)
    assert type(caught.value) is error
    assert caught.value.where == WHERE
    assert caught.value.todo


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", ImageEmpty),
        (b"Dear Sir or Madam,\nI am not a picture.\n", ImageUnknown),
        (b"BMW is a car and no bitmap", ImageUnknown),
        (b"P3 is a name and no pixmap", ImageUnknown),
        (b"%PDF-1.7 some document", ImageUnknown),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ImageUnknown),
        (bytes(1000), ImageUnknown),
        (b"\x89PNG\r\n\x1a\n", ImageTruncated),
        (b"\xff\xd8\xff\xe0", ImageTruncated),
    ],
)
def test_what_is_no_image_is_named(read, data, error):
    """An empty file, another kind of file and the mere beginning of an image are three errors."""
    _refused(read, data, error)


@pytest.mark.parametrize(
    ("data", "kind", "todo"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIF image (HEIC or AVIF)", "save it as PNG or JPEG"),
        (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1", "a HEIF image (HEIC or AVIF)", "save it as PNG or JPEG"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a camera's raw photograph", "raw converter"),
        (b"FUJIFILMCCD-RAW 0201FF", "a camera's raw photograph", "raw converter"),
        (b"\0\0\0\x18ftypisom\0\0\2\0", "a video", "a single frame"),
        (b"\xff\x0a\xfa\x1f", "a JPEG XL image", "save it as PNG or JPEG"),
        (b"P7\nWIDTH 24\n", "an image in PAM format", "save it as PPM or PNG"),
        (b"8BPS\0\1", "a Photoshop document", "save it as PNG or JPEG"),
        (b"%PDF-1.7", "a PDF or PostScript document", "save it as PNG or JPEG"),
        (b"PK\3\4\x14\0", "an archive", "unpack it"),
        (b"\0\5\x16\7\0\2\0\0Mac OS X", "what macOS keeps beside a file", "name the file itself"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:aa", "a pointer of Git LFS", "git lfs pull"),
        (b'<?xml version="1.0"?>\n<!-- by hand -->\n<svg xmlns="x"/>', "an SVG drawing", "save it as PNG or JPEG"),
        (b"\n<!DOCTYPE html><html><head><title>Just a moment...</title>", "a web page", "name the picture itself"),
        (b'{"error": "rate limit"}', "a text (JSON), such as a server's answer", "read what it says"),
    ],
)
def test_what_is_often_taken_for_an_image_is_named(read, data, kind, todo):
    """The error says what the file is and what to do with it."""
    with pytest.raises(ImageUnknown) as caught:
        read(data, WHERE)
    assert caught.value.what == f"the file is not an image of a known format, but {kind}"
    assert todo in caught.value.todo


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        ((60_000, 60_000), ImageTooLarge),
        ((10_000, 10_000), ImageTooLarge),  # Pillow would only warn
        ((18, (MAX_PIXELS + 1) // 18), ImageTooLarge),  # one pixel too many
        ((1, 1), ImageTooSmall),
        ((500, MIN_EDGE - 1), ImageTooSmall),
        ((MIN_EDGE - 1, 500), ImageTooSmall),
    ],
)
def test_shapes_beyond_the_limits_are_named(read, shape, error, png):
    """A header of a few bytes is enough to refuse an image: no pixels are decoded, no memory is taken."""
    _refused(read, png(shape), error)


def test_the_limits_themselves_are_allowed(png):
    """The smallest and the largest shape can be used."""
    for shape in ((MIN_EDGE, MIN_EDGE), (145, MAX_PIXELS // 145)):  # 145 divides the limit
        assert shape_of(png(shape), WHERE) == shape


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_pixels_of_unknown_range_are_refused(read, mode, file_of):
    """Float, 32-bit and Lab pixels are refused by their header, rather than silently clipped."""
    _refused(read, file_of(Image.new(mode, (20, 20)), "TIFF"), ImageUnknown)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM"])
def test_a_file_cut_short_is_truncated(format, file_of, rgb_pixels):
    """Three quarters of a file are not a picture."""
    whole = file_of(Image.fromarray(rgb_pixels), format)
    _refused(decode, whole[: len(whole) * 3 // 4], ImageTruncated)


def test_the_shape_is_read_without_the_pixels(file_of, rgb_pixels):
    """A header without its pixels still has a shape."""
    whole = file_of(Image.fromarray(rgb_pixels), "PNG")
    assert shape_of(whole[: whole.index(b"IDAT") + 20], WHERE) == (28, 20)


def _compressed_text(size):
    return b"workflow\0\0" + zlib.compress(bytes(b"a" * size))


@pytest.mark.parametrize("chunks", [[(b"zTXt", _compressed_text(3 << 20))], [(b"tEXt", b"a\0" + b"a" * (3 << 20))]])
def test_a_png_with_long_texts(chunks, png):
    """A sound picture with a few megabytes of texts, as some programs write them, is read."""
    assert decode(png((16, 16), 8, 0, [bytes([128] * 16)] * 16, chunks), WHERE).rgb.getpixel((3, 3)) == (128, 128, 128)


@pytest.mark.parametrize(
    "chunks", [[(b"zTXt", _compressed_text(17 << 20))], [(b"zTXt", _compressed_text(15 << 20))] * 5], ids=["one", "all"]
)
def test_a_png_whose_texts_are_too_long(read, chunks, png):
    """The error names the texts, and does not call the picture damaged."""
    with pytest.raises(ImageUnknown, match="texts or the colour profile in this PNG are too long") as caught:
        read(png((16, 16), 8, 0, [bytes(16)] * 16, chunks), WHERE)
    assert "without its metadata" in caught.value.todo


@pytest.mark.parametrize("is_behind", [False, True], ids=["before the pixels", "behind them"])
@pytest.mark.parametrize("name", [b"tEXt", b"iTXt", b"zTXt", b"pHYs", b"tIME"])
def test_a_png_with_a_damaged_note(name, is_behind, png):
    """A wrong checksum of a text, a date or a resolution does not matter for the picture."""
    sound = png((16, 16), 8, 0, [bytes([128] * 16)] * 16)
    chunk = struct.pack(">I", 9) + name + b"something" + b"\0\0\0\0"
    place = len(sound) - 12 if is_behind else 33
    damaged = sound[:place] + chunk + chunk + sound[place:]
    assert decode(damaged, WHERE).rgb.getpixel((3, 3)) == (128, 128, 128)
    assert shape_of(damaged, WHERE) == (16, 16)


@pytest.mark.parametrize("name", [b"iCCP", b"tRNS", b"gAMA", b"eXIf"])
def test_a_png_with_damaged_colours(read, name, png):
    """A wrong checksum in the chunks of colours or orientation is damage."""
    sound = png((16, 16), 8, 0, [bytes(16)] * 16)
    chunk = struct.pack(">I", 9) + name + b"something" + b"\0\0\0\0"
    _refused(read, sound[:33] + chunk + sound[33:], ImageTruncated)


def _samples(rgba):
    """One small file of every format and variety."""
    rgb = rgba.convert("RGB")
    grey_16 = Image.fromarray(np.asarray(rgba)[..., 0].astype(np.uint16) * 257)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    kinds = [
        (rgba, "PNG", {"icc_profile": profile, "exif": _exif(6)}),
        (rgb.quantize(8), "PNG", {"transparency": 1}),
        (grey_16, "PNG", {}),
        (rgb, "PNG", {"save_all": True, "append_images": [rgb.rotate(180)]}),
        (rgb, "JPEG", {"icc_profile": profile, "exif": _exif(6)}),
        (rgb.convert("CMYK"), "JPEG", {}),
        (rgb, "MPO", {"save_all": True, "append_images": [rgb]}),
        (rgba, "WEBP", {"icc_profile": profile, "exif": _exif(6)}),
        (rgba, "TIFF", {"exif": _exif(6)}),
        (rgb, "TIFF", {"compression": "tiff_adobe_deflate", "icc_profile": profile}),
        (rgb, "TIFF", {"compression": "jpeg"}),
        (rgba, "BMP", {}),
        (rgb.quantize(8), "GIF", {"transparency": 1}),
        (rgb, "PPM", {}),
        (grey_16.convert("I"), "PPM", {}),
    ]
    for image, format, options in kinds:
        file = io.BytesIO()
        image.save(file, format, **options)
        yield file.getvalue()


FILES = list(_samples(Image.fromarray(np.random.default_rng(1).integers(0, 256, (17, 19, 4), dtype=np.uint8))))


@st.composite
def damaged_files(draw):
    """A real file with some bytes replaced, mostly in the header, and perhaps the end cut off."""
    data = bytearray(draw(st.sampled_from(FILES)))
    reach = draw(st.sampled_from([40, 200, len(data)]))
    for _ in range(draw(st.integers(0, 5))):
        data[draw(st.integers(0, min(reach, len(data)) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.none() | st.integers(1, len(data)))])


@settings(max_examples=300, deadline=None)
@given(damaged_files())
def test_damage_is_an_input_error_or_no_harm(data):
    """Any change to a file's bytes gives a picture of the announced shape or an `InputError`, nothing else."""
    try:
        shape = shape_of(data, WHERE)
    except InputError as error:
        _refused(decode, data, type(error))
        return
    try:
        picture = decode(data, WHERE)
    except InputError:
        return
    assert picture.rgb.size == shape

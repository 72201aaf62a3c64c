"""Decoding of colours: profiles are converted to sRGB, checked by formulas on profiles written byte by byte."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from stylize_core.errors import ImageProfile
from stylize_core.images.decode import decode

WHERE = "s3://bucket/picture.png"


def _pixels(data):
    return np.asarray(decode(data, WHERE).rgb)


def _icc_profile(space, connection, tags):
    """An ICC version 2 profile written byte by byte (ICC.1:2001-04, clauses 6.1 and 6.2)."""
    body, table, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12x4s", start + len(body), bytes(4), 0x02100000, b"mntr", space, connection, b"acsp"
    )
    header += bytes(28) + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _xyz(*values):
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _gamma(value):
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(value * 256))


WHITE = (0.9642, 1.0, 0.8249)
P3_TO_XYZ = np.array([[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [-0.0011, 0.0419, 0.7841]])
SRGB_TO_XYZ = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])
"""Primaries of Display P3 and of sRGB, adapted to D50 as in their ICC profiles; columns are red, green, blue."""


def _p3_profile():
    """Display P3's primaries with a plain gamma of 2.2."""
    columns = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), P3_TO_XYZ.T, strict=True))
    tags = {name: _xyz(*column) for name, column in columns.items()}
    return _icc_profile(b"RGB ", b"XYZ ", tags | {name: _gamma(2.2) for name in (b"rTRC", b"gTRC", b"bTRC")})


def _grey_profile(exponent):
    return _icc_profile(b"GRAY", b"XYZ ", {b"kTRC": _gamma(exponent), b"wtpt": _xyz(*WHITE)})


def _cmyk_profile():
    """Paper is white and any full ink black, linear in L* in between: 2 nodes along each of four inks."""
    ramp, lab_white, lab_black = struct.pack(">2H", 0, 65535), (0xFF00, 0x8000, 0x8000), (0, 0x8000, 0x8000)
    nodes = [lab_white] + [lab_black] * 15
    table = b"mft2" + bytes(4) + bytes([4, 3, 2, 0])
    table += struct.pack(">9i", *(65536 * (i in (0, 4, 8)) for i in range(9))) + struct.pack(">2H", 2, 2)
    table += ramp * 4 + b"".join(struct.pack(">3H", *node) for node in nodes) + ramp * 3
    return _icc_profile(b"CMYK", b"Lab ", {b"A2B0": table})


def _srgb_curve(linear):
    """IEC 61966-2-1: linear light to sRGB, both in [0, 1]."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_an_srgb_profile_changes_nothing(file_of, rgb_pixels):
    """From sRGB to sRGB nothing changes."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(_pixels(file_of(Image.fromarray(rgb_pixels), "PNG", icc_profile=profile)), rgb_pixels)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_a_wide_profile_is_converted_to_srgb(format, file_of, rgb_pixels):
    """Display P3 is converted to sRGB through XYZ, and colours outside sRGB are clipped."""
    got = _pixels(file_of(Image.fromarray(rgb_pixels), format, icc_profile=_p3_profile()))
    linear = (rgb_pixels / 255) ** (round(2.2 * 256) / 256) @ (np.linalg.inv(SRGB_TO_XYZ) @ P3_TO_XYZ).T
    expected = 255 * _srgb_curve(linear)
    assert np.abs(expected - rgb_pixels).max() > 30  # the conversion makes a difference
    np.testing.assert_allclose(got, expected, atol=2)


def test_a_profile_of_megabytes(file_of, rgb_pixels):
    """Profiles of printers and scanners have large tables; they are read, and not treated as damage."""
    profile = bytearray(_p3_profile())
    profile[:4] = struct.pack(">I", len(profile) + (3 << 20))
    small, large = (
        _pixels(file_of(Image.fromarray(rgb_pixels), "PNG", icc_profile=data))
        for data in (_p3_profile(), bytes(profile) + bytes(3 << 20))
    )
    np.testing.assert_array_equal(large, small)


def test_a_grey_profile(file_of):
    """Grey of gamma 1 is linear light: 55 of 255 is about sRGB's 128."""
    data = file_of(Image.new("L", (20, 20), 55), "PNG", icc_profile=_grey_profile(1.0))
    expected = round(255 * float(_srgb_curve(55 / 255)))
    assert expected == 128
    assert np.abs(_pixels(data).astype(int) - expected).max() <= 1


def test_a_grey_profile_under_alpha(file_of):
    """Colours are converted first and composited on white afterwards."""
    picture = decode(file_of(Image.new("LA", (20, 20), (55, 128)), "PNG", icc_profile=_grey_profile(1.0)), WHERE)
    assert abs(picture.rgb.getpixel((0, 0))[0] - (128 * 128 + 127 * 255) / 255) <= 1


def test_a_grey_picture_with_an_rgb_profile(file_of):
    """An RGB profile on a grey picture is used: grey stays grey, with that profile's curve."""
    got = _pixels(file_of(Image.new("L", (20, 20), 40), "PNG", icc_profile=_p3_profile()))
    expected = 255 * float(_srgb_curve((40 / 255) ** 2.2))
    assert np.abs(got - expected).max() <= 1.5


def test_a_cmyk_profile(file_of):
    """Half black is L* = 50, so grey 119; without the profile it is 127."""
    image = Image.new("CMYK", (20, 20), (0, 0, 0, 128))
    assert _pixels(file_of(image, "TIFF"))[0, 0].tolist() == [127] * 3
    got = _pixels(file_of(image, "TIFF", icc_profile=_cmyk_profile()))
    luminance = ((100 * 127 / 255 + 16) / 116) ** 3  # CIE 1976
    assert np.abs(got - 255 * float(_srgb_curve(luminance))).max() <= 1.5


@pytest.mark.parametrize("profile", [b"not a profile", _p3_profile()[:200], _p3_profile()[:128] + bytes(300)])
def test_a_broken_profile_is_named(profile, file_of, rgb_pixels):
    """A damaged profile is a separate error, because guessing colours would be silent damage."""
    with pytest.raises(ImageProfile) as caught:
        decode(file_of(Image.fromarray(rgb_pixels), "PNG", icc_profile=profile), WHERE)
    assert caught.value.where == WHERE


def test_a_profile_for_other_pixels_is_named(file_of, rgb_pixels):
    """A grey profile cannot describe RGB pixels."""
    with pytest.raises(ImageProfile, match="not one for RGB"):
        decode(file_of(Image.fromarray(rgb_pixels), "PNG", icc_profile=_grey_profile(2.2)), WHERE)


def test_the_picture_carries_nothing_but_pixels(file_of, rgb_pixels):
    """Profile and comment of the file are not copied into files made from the picture."""
    data = file_of(Image.fromarray(rgb_pixels), "JPEG", comment=b"private", icc_profile=_p3_profile())
    assert decode(data, WHERE).rgb.info == {}

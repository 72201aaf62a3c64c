"""Recognises files that are often mistaken for images, by their first bytes, and says what to do with them."""

import re

_CONVERT = "save it as PNG or JPEG first"
_DEVELOP = "develop it with a raw converter, and save it as TIFF or PNG"

_KINDS = (
    (
        rb".{4}ftypcrx |FUJIFILMCCD-RAW|II(RO|RS|U\0)|MMOR|\0MRM|FOVb|.{6}HEAPCCDR",
        "a camera's raw photograph",
        _DEVELOP,
    ),
    (rb".{4}ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1|avi[fs])", "a HEIF image (HEIC or AVIF)", _CONVERT),
    (rb".{4}ftyp|\x1aE\xdf\xa3|RIFF....AVI ", "a video", "take a single frame of it, and save it as PNG or JPEG"),
    (rb"\0{3}\x0cJXL |\xff\x0a", "a JPEG XL image", _CONVERT),
    (rb"\0{3}\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 image", _CONVERT),
    (rb"8BPS", "a Photoshop document", _CONVERT),
    (rb"%PDF|%!PS", "a PDF or PostScript document", _CONVERT),
    (rb"\x76\x2f\x31\x01|#\?RADIANCE", "an image of floating point numbers (OpenEXR or Radiance)", _CONVERT),
    (rb"\0\0[\x01\x02]\0", "an icon", _CONVERT),
    (rb"P7\s", "an image in PAM format", "save it as PPM or PNG"),
    (rb"PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf", "an archive", "unpack it first"),
    (
        rb"\0\x05\x16[\0\x07]",
        "what macOS keeps beside a file",
        "name the file itself: its name does not begin with `._`",
    ),
    (rb"version https://git-lfs", "a pointer of Git LFS", "fetch the file itself: git lfs pull"),
    (rb"\s*(<(\?xml|!--|!doctype svg).*)?<svg", "an SVG drawing", _CONVERT),
    (rb"\s*<(!doctype html|html|head|\?xml)", "a web page", "name the picture itself, not the page that shows it"),
    (rb'\s*[{\[]\s*["{]', "a text (JSON), such as a server's answer", "read what it says"),
)

_KNOWN = tuple((re.compile(begin, re.DOTALL | re.IGNORECASE), what, todo) for begin, what, todo in _KINDS)

_LOOKED_AT = 1024  # first bytes to check


def foreign_kind(data: bytes) -> tuple[str, str] | None:
    """Returns what kind of file it is, as text, and what to do about it; None if unknown."""
    return next(((what, todo) for begin, what, todo in _KNOWN if begin.match(data[:_LOOKED_AT])), None)

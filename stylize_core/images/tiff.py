"""Reads TIFF: corrects what Pillow would decode wrongly if possible, and otherwise refuses it with a reason."""

import io
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress

from PIL import ImageFile
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import COMPRESSION_INFO, PREFIXES, ImageFileDirectory_v2, TiffImageFile

from stylize_core.errors import ImageUnknown

SIGNATURES = tuple(PREFIXES)

_EXTRA_SAMPLES, _SAMPLE_FORMAT, _DNG_VERSION = 338, 339, 50706
_BIG = 43  # third byte of a BigTIFF, with addresses of 64 bits
_REDUCED = 1  # a bit of NewSubfileType
_STRAIGHT_ALPHA = 2  # of ExtraSamples: not premultiplied
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _PALETTE = 0, 1, 3
_COLOR_MAP, _ONE_BYTE = 320, 256
_SENSOR = (32803, 34892)
"""Values of PhotometricInterpretation: a sensor's colour filter array, and linear raw."""

_KNOWN_COLOURS = (2, 3, 4, 6)
"""Compressions whose colours are known without that: fax, where 0 is white, and old-style JPEG."""

_PLANES = {("RGB", 3, 8), ("RGB", 3, 16), ("RGBA", 4, 8), ("RGBA", 4, 16), ("CMYK", 4, 8)}
"""Uncompressed planar pixels that Pillow can read: mode, number of planes, and bits of each."""

_SUB_IFDS, _MAX_SAMPLES = 16, 16
"""Most sub-images of the first image, and most samples per pixel, to look at."""

_COLOURS = {0: "grey", 1: "grey", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "Lab"}


class _Refused(Exception):
    """A TIFF that cannot be used; its arguments are the problem and the advice."""


def open_tiff(data: bytes, where: str) -> "Tiff":
    """Returns the first image of a TIFF, not yet decoded.

    Raises:
        ImageUnknown: its kind is not supported, or it is only a preview of something else.
    """
    try:
        return Tiff(io.BytesIO(data))
    except _Refused as refused:
        what, todo = refused.args
        raise ImageUnknown(what, where=where, todo=todo) from refused


class Tiff(TiffImageFile):
    """The first image of a TIFF.

    Attributes:
        is_negative: whether 0 is white in the decoded pixels.
        top: the highest value of a sample.
    """

    is_negative = False
    top = 255

    def _setup(self) -> None:
        tags = self.tag_v2
        self._check_first()
        self._check_samples()
        if len(self._bits) == 1:
            tags[Base.PlanarConfiguration] = 1  # a single plane; Pillow misreads some that are marked as one of several
        if tags.get(Base.PhotometricInterpretation) == _PALETTE and max(tags.get(_COLOR_MAP, (_ONE_BYTE,))) < _ONE_BYTE:
            tags[_COLOR_MAP] = tuple(
                257 * value for value in tags[_COLOR_MAP]
            )  # 8-bit values where 16 bits are required
        if tags.get(Base.PhotometricInterpretation, _WHITE_IS_ZERO) == _WHITE_IS_ZERO:
            # Pillow transposes some of these and forgets others; so none is transposed until it is decoded.
            self.is_negative, tags[Base.PhotometricInterpretation] = True, _BLACK_IS_ZERO
        try:
            super()._setup()
        except (SyntaxError, LookupError) as error:
            raise self._unsupported() from error
        self.top = 2 ** self._bits[0] - 1
        if self._is_planar:
            self._set_planes_right()

    def _set_planes_right(self) -> None:
        """Refuses planes that Pillow mixes up, and marks others as 16-bit."""
        if self.use_load_libtiff:
            is_sound = self.mode not in ("LA", "La", "PA")
        else:
            extra = self.tag_v2.get(_EXTRA_SAMPLES, ())
            is_sound = (self.mode, len(self._bits), self._bits[0]) in _PLANES and extra in ((), (_STRAIGHT_ALPHA,))
        if not is_sound:
            raise self._unsupported()
        if self._bits[0] == 16 and not self.use_load_libtiff:
            self.tile = [_of_16_bits(tile, self.tag_v2.prefix) for tile in self.tile]

    def _check_first(self) -> None:
        """Refuses files whose first image is not the main one."""
        assert self.fp is not None
        self.fp.seek(8)
        first, others = self.tag_v2, list(self._sub_images())
        is_raw = any(ifd.get(Base.PhotometricInterpretation) in _SENSOR for ifd in (first, *others))
        if is_raw or _DNG_VERSION in first or self.fp.read(2) == b"CR":
            camera = str(first.get(Base.Model, "")).strip("\0 ")
            what = f"a camera's raw photograph{f' ({camera})' if camera else ''}, with a preview of it at most"
            raise _Refused(what, "develop it with a raw converter, and save it as TIFF or PNG")
        if first.get(Base.NewSubfileType, 0) & _REDUCED or any(_pixels(ifd) > _pixels(first) for ifd in others):
            what = "the first image of this TIFF is a small preview of another one in it"
            raise _Refused(what, "save the large image as a file of its own")

    def _check_samples(self) -> None:
        tags = self.tag_v2
        if Base.PhotometricInterpretation not in tags and tags.get(Base.Compression) not in _KNOWN_COLOURS:
            raise _Refused(
                "this TIFF does not say what its values mean, such as whether 0 is black or white", _AS_USUAL
            )
        if 2 in tags.get(_SAMPLE_FORMAT, ()):
            raise _Refused("a TIFF of signed numbers is not supported", _AS_USUAL)

    def _sub_images(self) -> Iterator[ImageFileDirectory_v2]:
        """Yields the directories of the first image's sub-images."""
        assert self.fp is not None
        self.fp.seek(0)
        header, offsets = self.fp.read(8), self.tag_v2.get(Base.SubIFDs, ())
        header += self.fp.read(8) if header[2] == _BIG else b""
        for offset in (offsets if isinstance(offsets, tuple) else (offsets,))[:_SUB_IFDS]:
            directory = ImageFileDirectory_v2(header)
            with suppress(
                OSError, ValueError, LookupError, TypeError, SyntaxError, struct.error
            ):  # the first one may be whole
                self.fp.seek(offset)
                directory.load(self.fp)
            yield directory

    @property
    def _bits(self) -> Sequence[int]:
        """The bits of each sample."""
        bits: Sequence[int] = self.tag_v2.get(Base.BitsPerSample, (1,))
        return bits if len(bits) > 1 else bits * min(self.tag_v2.get(Base.SamplesPerPixel, 1), _MAX_SAMPLES)

    @property
    def _is_planar(self) -> bool:
        return bool(self.tag_v2.get(Base.PlanarConfiguration, 1) == 2)

    def _unsupported(self) -> _Refused:
        bits = " + ".join(map(str, self._bits)) if len(set(self._bits)) > 1 else f"{len(self._bits)} x {self._bits[0]}"
        colours = _COLOURS.get(self.tag_v2.get(Base.PhotometricInterpretation, 0), "other colours")
        more = ", in planes" if self._is_planar else ""
        number = self.tag_v2.get(Base.Compression, 1)
        packed = COMPRESSION_INFO.get(number, f"compression {number}")
        return _Refused(f"a TIFF of {bits} bits ({colours}{more}, {packed}) is not supported", _AS_USUAL)


_AS_USUAL = "save the image with 8 or 16 bits per channel, as grey, RGB or CMYK"


def _pixels(directory: ImageFileDirectory_v2) -> int:
    width, height = (directory.get(tag, 0) for tag in (Base.ImageWidth, Base.ImageLength))
    return int(width * height)


def _of_16_bits(tile: "ImageFile._Tile", prefix: bytes) -> "ImageFile._Tile":
    """Returns a 16-bit plane in place of one that Pillow takes for 8-bit."""
    assert isinstance(tile.args, tuple)
    name, *rest = tile.args
    return tile._replace(args=(f"{name};16{'L' if prefix == b'II' else 'B'}", *rest))

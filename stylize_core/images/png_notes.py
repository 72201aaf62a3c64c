"""Drops damaged metadata chunks of a PNG, as browsers do: they affect neither pixels nor colours."""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_NOTES = frozenset({b"tEXt", b"zTXt", b"iTXt", b"tIME", b"pHYs", b"hIST", b"bKGD", b"sPLT"})
"""Chunks that do not affect the picture."""


def without_damaged_notes(data: bytes) -> bytes:
    """Returns a PNG without metadata chunks whose checksum is wrong; the same object if there are none."""
    damaged = [chunk for name, chunk in _chunks(data) if name in _NOTES and not _is_sound(data[chunk])]
    if not damaged:
        return data
    begins, ends = [0, *(chunk.stop for chunk in damaged)], [*(chunk.start for chunk in damaged), len(data)]
    return b"".join(data[begin:end] for begin, end in zip(begins, ends, strict=True))


def _chunks(data: bytes) -> Iterator[tuple[bytes, slice]]:
    """Yields the name and the position of each complete chunk."""
    start = len(SIGNATURE)
    while start + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, start)
        chunk = slice(start, start + 12 + length)
        if chunk.stop > len(data):
            return
        yield name, chunk
        start = chunk.stop


def _is_sound(chunk: bytes) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])

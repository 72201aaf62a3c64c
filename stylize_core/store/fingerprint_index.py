"""Fingerprints of inputs by key, in little memory: a store may know millions."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Part = tuple[bytes, bytes, bytes]
"""n fingerprints: keys of 16 bytes, digests of 32, and widths and heights of 4 bytes each."""


class Fingerprint(NamedTuple):
    """Digest and size of an image file at the time it was read.

    Attributes:
        sha256: of its bytes, 64 hex digits.
        width: pixels, after EXIF orientation.
        height: pixels, after EXIF orientation.
    """

    sha256: str
    width: int
    height: int


class FingerprintIndex(NamedTuple):
    """Fingerprints, compact: 60 bytes each.

    Attributes:
        keys: (n,) first halves of the keys, sorted.
        rests: (n,) second halves.
        places: (n,) index of each key's digest and shape.
        digests: (n, 32) bytes.
        shapes: (n, 2) width and height in pixels.
    """

    keys: npt.NDArray[np.uint64]
    rests: npt.NDArray[np.uint64]
    places: npt.NDArray[np.int32]
    digests: npt.NDArray[np.uint8]
    shapes: npt.NDArray[np.int32]

    @classmethod
    def of(cls, parts: Iterable[Part]) -> "FingerprintIndex":
        """Joins parts in order; if two fingerprints have the same key, the later one counts."""
        joined = bytearray(), bytearray(), bytearray()  # these grow in place, so that nothing is in memory twice
        for part in parts:
            for whole, more in zip(joined, part, strict=True):
                whole += more
        unsorted, digests, shapes = joined
        keys = np.frombuffer(unsorted, np.uint64).reshape(-1, 2)
        places = np.argsort(keys[:, 0], kind="stable").astype(np.int32)
        return cls(
            keys[places, 0],
            keys[places, 1],
            places,
            np.frombuffer(digests, np.uint8).reshape(-1, 32),
            np.frombuffer(shapes, np.int32).reshape(-1, 2),
        )

    def part(self) -> Part:
        """Returns the inverse of `of`."""
        keys = np.empty((len(self.keys), 2), np.uint64)
        keys[self.places] = np.column_stack([self.keys, self.rests])
        return keys.tobytes(), self.digests.tobytes(), self.shapes.tobytes()

    def find(self, keys: Sequence[bytes]) -> list[Fingerprint | None]:
        """Returns the last fingerprint of each key; None if there is none.

        If two different keys had the same first half, which is practically impossible, the earlier one would not be
        found.
        """
        if not len(self.keys) or not keys:
            return [None] * len(keys)
        wanted, rests = np.frombuffer(b"".join(keys), np.uint64).reshape(-1, 2).T
        at = np.searchsorted(self.keys, wanted, side="right") - 1
        hits, places = (self.keys[at] == wanted) & (self.rests[at] == rests), self.places[at]
        digests, shapes = self.digests[places].tobytes().hex(), self.shapes[places].tolist()
        return [
            Fingerprint(digests[64 * i : 64 * i + 64], *shapes[i]) if hit else None
            for i, hit in enumerate(hits.tolist())
        ]

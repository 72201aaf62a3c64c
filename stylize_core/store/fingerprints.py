"""What a store remembers of inputs, so that each file is read once, ever."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stylize_core.files.files import Files
from stylize_core.job import public_uri
from stylize_core.store import layout
from stylize_core.store.tables import list_tables, map_tables, read_readable, to_parquet

_SCHEMA = pa.schema(
    [
        ("uri", pa.string()),
        ("size", pa.int64()),
        ("stamp", pa.string()),
        ("sha256", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
    ]
)

_CONDENSED = 5000  # lines that are Python objects at a time

Stat = tuple[str, int, str]
"""A file as it is now: its URI, and size and stamp as `stat_input` gives them."""


class Fingerprint(NamedTuple):
    """What a file was when it was read.

    Attributes:
        sha256: of its bytes, 64 hex digits.
        width: pixels, after EXIF orientation.
        height: pixels, after EXIF orientation.
    """

    sha256: str
    width: int
    height: int


class Fingerprints:
    """The inputs that a store knows, by URI (without credentials), size and stamp; 60 bytes of memory each."""

    def __init__(self) -> None:
        self._known = _Known.of([])
        self._new: dict[bytes, tuple[Stat, Fingerprint]] = {}

    @classmethod
    def load(cls, files: Files) -> "Fingerprints":
        """Returns what the store knows; what it forgot, because a file is damaged, is read again.

        Raises:
            StoreError: the store cannot be read.
        """
        paths = [entry.path for entry in list_tables(files, layout.INPUTS)]
        fingerprints = cls()
        fingerprints._known = _Known.of(map_tables(_condensed, files, paths, _SCHEMA, read_readable))
        pa.default_memory_pool().release_unused()
        return fingerprints

    @property
    def unsaved(self) -> int:
        """Number of files that were added since the last `save` or `settle`."""
        return len(self._new)

    def find(self, stats: Sequence[Stat]) -> list[Fingerprint | None]:
        """Returns what is known of each file; None where it is new or has changed."""
        keys = [_key(*stat) for stat in stats]
        found = self._known.find(keys)
        return [self._new[key][1] if key in self._new else known for key, known in zip(keys, found, strict=True)]

    def add(self, stat: Stat, fingerprint: Fingerprint) -> None:
        """Remembers a file. Without a stamp a change could go unnoticed: such a file is read again in each run."""
        uri, size, stamp = stat
        if stamp:
            self._new[_key(*stat)] = (public_uri(uri), size, stamp), fingerprint

    def save(self, files: Files) -> None:
        """Publishes what was added since the last time, as one more file.

        Raises:
            StoreFull: there is no space left.
            StoreUnusable: the store cannot be written.
        """
        if not self._new:
            return
        rows = sorted((*stat, *fingerprint) for stat, fingerprint in self._new.values())
        data = to_parquet(pa.table(list(map(list, zip(*rows, strict=True))), schema=_SCHEMA))
        files.publish(f"{layout.INPUTS}/{hashlib.sha256(data).hexdigest()[:32]}.parquet", data)
        self.settle()

    def settle(self) -> None:
        """Keeps what was added in its compact form alone: known to this object, never to be saved."""
        entries = [entry for _, entry in self._new.values()]
        digests = bytes.fromhex("".join(entry.sha256 for entry in entries))
        shapes = np.array([(entry.width, entry.height) for entry in entries], np.int32)
        self._known = _Known.of([self._known.part(), (b"".join(self._new), digests, shapes.tobytes())])
        self._new.clear()


def _key(uri: str, size: int, stamp: str) -> bytes:
    """128 bits of a cryptographic hash: no two files share one."""
    return hashlib.blake2b(f"{public_uri(uri)}\0{size}\0{stamp}".encode(), digest_size=16).digest()


_Part = tuple[bytes, bytes, bytes]
"""Of n fingerprints: keys of 16 bytes, digests of 32, and width and height in 4 bytes each."""


class _Known(NamedTuple):
    """Fingerprints, compact: 60 bytes each.

    Attributes:
        keys: (n,) first halves of the keys, sorted.
        rests: (n,) second halves.
        places: (n,) of each key's digest and shape.
        digests: (n, 32) bytes.
        shapes: (n, 2) width and height in pixels.
    """

    keys: npt.NDArray[np.uint64]
    rests: npt.NDArray[np.uint64]
    places: npt.NDArray[np.int32]
    digests: npt.NDArray[np.uint8]
    shapes: npt.NDArray[np.int32]

    @classmethod
    def of(cls, parts: Iterable[_Part]) -> "_Known":
        """Joins parts, one after another; of two fingerprints with one key, the later one counts."""
        joined = bytearray(), bytearray(), bytearray()  # which grow in place, so that nothing is there twice
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

    def part(self) -> _Part:
        """Returns the inverse of `of`."""
        keys = np.empty((len(self.keys), 2), np.uint64)
        keys[self.places] = np.column_stack([self.keys, self.rests])
        return keys.tobytes(), self.digests.tobytes(), self.shapes.tobytes()

    def find(self, keys: Sequence[bytes]) -> list[Fingerprint | None]:
        """Returns the last fingerprint of each key; None where there is none.

        Of two different keys with one first half, which nobody has ever seen, the earlier one is not found.
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


def _condensed(table: pa.Table) -> _Part:
    keys, digests = bytearray(), bytearray()
    for batch in table.to_batches(_CONDENSED):
        uris, sizes, stamps, texts = (batch[name].to_pylist() for name in ("uri", "size", "stamp", "sha256"))
        keys += b"".join(map(_key, uris, sizes, stamps))
        digests += bytes.fromhex("".join(texts))
    return bytes(keys), bytes(digests), np.column_stack([table["width"], table["height"]]).tobytes()

"""The fingerprints of inputs that a store keeps, so that each file is read only once."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa

from stylize_core.files.files import Files
from stylize_core.job import public_uri
from stylize_core.store import layout
from stylize_core.store.fingerprint_index import Fingerprint, FingerprintIndex, Part
from stylize_core.store.tables import list_tables, map_tables, read_readable, to_parquet

_SCHEMA = pa.schema(
    [
        ("uri", pa.string()),  # without credentials and query, for human readers
        ("uri_hash", pa.binary()),  # of the whole URI, which identifies it; null if an earlier release wrote it
        ("size", pa.int64()),
        ("stamp", pa.string()),
        ("sha256", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
    ]
)

_CONDENSED = 5000  # lines that are Python objects at one time

Stat = tuple[str, int, str]
"""The current state of a file: its URI, and size and timestamp from `stat_input`."""


class Fingerprints:
    """The inputs that a store knows, by a hash of the whole URI, size and timestamp; 60 bytes of memory each."""

    def __init__(self) -> None:
        self._known = FingerprintIndex.of([])
        self._new: dict[bytes, tuple[Stat, Fingerprint]] = {}

    @classmethod
    def load(cls, files: Files) -> "Fingerprints":
        """Returns the fingerprints of a store; those in a damaged file are missing, so their inputs are read again.

        Raises:
            StoreError: the store cannot be read.
        """
        paths = [entry.path for entry in list_tables(files, layout.INPUTS)]
        wrong = {PurePosixPath(entry.path).name for entry in files.list(layout.WRONG_INPUTS)}
        parts = map_tables(_condensed, files, paths, _SCHEMA, read_readable)
        fingerprints = cls()
        fingerprints._known = FingerprintIndex.of(_without(part, wrong) for part in parts)
        pa.default_memory_pool().release_unused()
        return fingerprints

    @property
    def unsaved(self) -> int:
        """Number of files that were added since the last `save` or `settle`."""
        return len(self._new)

    def find(self, stats: Sequence[Stat]) -> list[Fingerprint | None]:
        """Returns the fingerprint of each file; None if the file is new or has changed."""
        keys = [_key(*stat) for stat in stats]
        found = self._known.find(keys)
        return [self._new[key][1] if key in self._new else known for key, known in zip(keys, found, strict=True)]

    def add(self, stat: Stat, fingerprint: Fingerprint) -> None:
        """Adds a file. Without a timestamp a change could go unnoticed, so such a file is read again in each run."""
        if stat[2]:
            self._new[_key(*stat)] = stat, fingerprint

    def save(self, files: Files) -> None:
        """Publishes what was added since the last time as a further file.

        Raises:
            StoreFull: there is no space left.
            StoreUnusable: the store cannot be written.
        """
        if not self._new:
            return
        rows = sorted(
            (public_uri(uri), _uri_hash(uri), size, stamp, *fingerprint)
            for (uri, size, stamp), fingerprint in self._new.values()
        )
        data = to_parquet(pa.table(list(map(list, zip(*rows, strict=True))), schema=_SCHEMA))
        files.publish(f"{layout.INPUTS}/{hashlib.sha256(data).hexdigest()[:32]}.parquet", data)
        self.settle()

    def settle(self) -> None:
        """Converts what was added to the compact form: this object keeps it, but never saves it."""
        entries = [entry for _, entry in self._new.values()]
        digests = bytes.fromhex("".join(entry.sha256 for entry in entries))
        shapes = np.array([(entry.width, entry.height) for entry in entries], np.int32)
        self._known = FingerprintIndex.of([self._known.part(), (b"".join(self._new), digests, shapes.tobytes())])
        self._new.clear()


def forget(files: Files, stat: Stat, sha256: str) -> None:
    """Records that a fingerprint is wrong: the file of this URI, size and timestamp has other bytes.

    This is for file systems that do not reveal every change; the next plan reads the file again. The record is an empty
    file, so that any number of processes can write it at once.

    Raises:
        StoreError: the store cannot be written.
    """
    files.publish(f"{layout.WRONG_INPUTS}/{_wrong(_key(*stat), bytes.fromhex(sha256))}", b"")


def _key(uri: str, size: int, stamp: str) -> bytes:
    return _key_of(_uri_hash(uri), size, stamp)


def _key_of(uri_hash: bytes, size: int, stamp: str) -> bytes:
    return _hash(uri_hash + f"\0{size}\0{stamp}".encode())


def _uri_hash(uri: str) -> bytes:
    return _hash(uri.encode())


def _wrong(key: bytes, digest: bytes) -> str:
    return _hash(key + digest).hex()


def _hash(data: bytes) -> bytes:
    """Returns 128 bits of a cryptographic hash, enough to be unique."""
    return hashlib.blake2b(data, digest_size=16).digest()


def _condensed(table: pa.Table) -> Part:
    keys, digests = bytearray(), bytearray()
    table = table.filter(table["uri_hash"].is_valid())
    for batch in table.to_batches(_CONDENSED):
        uris, sizes, stamps, texts = (batch[name].to_pylist() for name in ("uri_hash", "size", "stamp", "sha256"))
        keys += b"".join(map(_key_of, uris, sizes, stamps))
        digests += bytes.fromhex("".join(texts))
    return bytes(keys), bytes(digests), np.column_stack([table["width"], table["height"]]).tobytes()


def _without(part: Part, wrong: Collection[str]) -> Part:
    """Returns the fingerprints of a part without those that were found to be wrong."""
    if not wrong:
        return part
    sound = [(key, digest, shape) for key, digest, shape in _entries(part) if _wrong(key, digest) not in wrong]
    keys, digests, shapes = (b"".join(column) for column in zip(*sound, strict=True)) if sound else (b"", b"", b"")
    return keys, digests, shapes


def _entries(part: Part) -> Iterator[tuple[bytes, bytes, bytes]]:
    keys, digests, shapes = part
    for i in range(len(keys) // 16):
        yield keys[16 * i : 16 * i + 16], digests[32 * i : 32 * i + 32], shapes[8 * i : 8 * i + 8]

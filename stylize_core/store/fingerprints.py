"""What a store remembers of inputs, so that each file is read once, ever."""

import hashlib
from typing import NamedTuple

import pyarrow as pa

from stylize_core.job import public_uri
from stylize_core.store import layout
from stylize_core.store.files import Files
from stylize_core.store.tables import read_tables, to_parquet

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
    """The inputs that a store knows, by URI (without credentials), size and stamp."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, str], Fingerprint] = {}
        self._new: dict[tuple[str, int, str], Fingerprint] = {}

    @classmethod
    def load(cls, files: Files) -> "Fingerprints":
        """Returns what the store knows.

        Raises:
            StoreError: a file of fingerprints is damaged; it is named.
        """
        entries = files.list(layout.INPUTS, recursive=False)
        paths = [entry.path for entry in entries if entry.path.endswith(".parquet")]
        fingerprints = cls()
        columns = read_tables(files, paths, _SCHEMA).to_pydict().values()
        for uri, size, stamp, *rest in zip(*columns, strict=True):
            fingerprints._known[uri, size, stamp] = Fingerprint(*rest)
        return fingerprints

    def get(self, uri: str, size: int, stamp: str) -> Fingerprint | None:
        """Returns what is known of a file as `stat_input` describes it; None where it is new or has changed."""
        return self._known.get((public_uri(uri), size, stamp))

    def add(self, uri: str, size: int, stamp: str, fingerprint: Fingerprint) -> None:
        """Remembers a file. Without a stamp a change could go unnoticed: such a file is read again in each run."""
        if stamp:
            key = (public_uri(uri), size, stamp)
            self._known[key] = self._new[key] = fingerprint

    def save(self, files: Files) -> None:
        """Publishes what was added since the last time, as one more file.

        Raises:
            StoreFull: there is no space left.
            StoreUnusable: the store cannot be written.
        """
        if not self._new:
            return
        rows = [(*key, *fingerprint) for key, fingerprint in sorted(self._new.items())]
        data = to_parquet(pa.table(list(map(list, zip(*rows, strict=True))), schema=_SCHEMA))
        files.publish(f"{layout.INPUTS}/{hashlib.sha256(data).hexdigest()[:32]}.parquet", data)
        self._new.clear()

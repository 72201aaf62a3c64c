"""export.json: identifies the export in a folder, records the finished shards, and in the end is the index."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from stylize_core.errors import UsageError
from stylize_core.files.disk import is_temporary
from stylize_core.files.files import Files
from stylize_core.store.json_files import parse_json

NAME = "export.json"

_PRODUCT, _VERSION = "stylize export", 1

ShardLine = dict[str, Any]
"""A finished shard: shard, split, images, bytes; for a shard in one file also its path and sha256."""


class ExportIndex:
    """The index of an export in its folder; a shard that it does not list is not finished.

    Args:
        output: the export's folder.
        identity: distinguishes this export from others: its format, the digest of its samples, the size of its shards,
            whether it has contents.

    Attributes:
        sizes: of the files that were in the folder at the start, in bytes by path.

    Raises:
        UsageError: the folder holds other things, or another export.
    """

    def __init__(self, output: Files, identity: Mapping[str, object]) -> None:
        self._output = output
        self._header = {"product": _PRODUCT, "version": _VERSION, **identity}
        found = self._read()
        self._lines, self._is_new = found or {}, found is None
        self.sizes = self._listed()

    def begin(self) -> None:
        """Writes the index; called before anything else is written."""
        if self._is_new:
            self._publish(complete=False)

    def line(self, shard: str) -> ShardLine:
        """Returns the line of a finished shard; empty if it is not finished."""
        return self._lines.get(shard, {})

    def add(self, line: ShardLine) -> None:
        """Adds a finished shard."""
        self._lines[line["shard"]] = line
        self._publish(complete=False)

    def complete(self, shards: Sequence[str]) -> None:
        """Writes the final index with these shards, in this order, and marks the export as complete."""
        self._lines = {shard: self._lines[shard] for shard in shards}
        self._publish(complete=True)

    def _read(self) -> dict[str, ShardLine] | None:
        """Returns the lines of an earlier attempt; None if the folder is new."""
        try:
            found = {"with_content": False} | parse_json(self._output.read(NAME))  # earlier releases lack this field
            header = {name: found[name] for name in self._header}
            lines = {line["shard"]: line for line in found["shards"]}
        except FileNotFoundError:
            if self._output.is_empty():
                return None
            what = "the folder is not empty and does not hold an export"
            raise UsageError(what, where=self._where, todo="name an empty or a new folder with --output") from None
        except (ValueError, TypeError, KeyError) as error:
            what = "the folder's index cannot be read"
            raise UsageError(what, where=f"{self._where}/{NAME}", todo="name a new folder with --output") from error
        if header != self._header:
            names = ", ".join(name for name, value in self._header.items() if header[name] != value)
            what = f"the folder holds another export: {names} differ from this one's"
            raise UsageError(what, where=self._where, todo="name a new folder with --output")
        return lines

    def _listed(self) -> dict[str, int]:
        """Returns the sizes of the files in the folder; deletes temporary files that a killed process left."""
        entries = self._output.list("")
        self._output.delete(entry.path for entry in entries if is_temporary(entry.path))
        return {entry.path: entry.size for entry in entries}

    def _publish(self, *, complete: bool) -> None:
        index = {**self._header, "complete": complete, "shards": list(self._lines.values())}
        self._output.publish(NAME, (json.dumps(index, indent=1) + "\n").encode())

    @property
    def _where(self) -> str:
        return self._output.public_uri

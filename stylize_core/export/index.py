"""export.json: what a folder holds, and how far it is; first it names the export, in the end it is its index."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from stylize_core.errors import UsageError
from stylize_core.files.disk import is_temporary
from stylize_core.files.files import Files
from stylize_core.store.json_files import parse_json

NAME = "export.json"

_PRODUCT, _VERSION = "stylize export", 1

Line = dict[str, Any]
"""What is known of a finished shard: shard, split, images, bytes, and of one that is a file its path and sha256."""


class ExportIndex:
    """The mark of an export in its folder; a shard that is not in it does not count.

    Args:
        output: where the export goes to.
        identity: what tells this export from others: its format, the digest of its samples, the size of its shards,
            whether contents are in it.

    Attributes:
        sizes: of the files that were there when the folder was looked at, in bytes by path.

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
        """Makes the mark, before anything else is written."""
        if self._is_new:
            self._publish(complete=False)

    def line(self, shard: str) -> Line:
        """Returns what is known of a finished shard; empty where it is not finished."""
        return self._lines.get(shard, {})

    def add(self, line: Line) -> None:
        """Adds a finished shard."""
        self._lines[line["shard"]] = line
        self._publish(complete=False)

    def complete(self, shards: Sequence[str]) -> None:
        """Makes the mark the index of these shards, in this order: with it, the export is whole."""
        self._lines = {shard: self._lines[shard] for shard in shards}
        self._publish(complete=True)

    def _read(self) -> dict[str, Line] | None:
        """Returns the lines of an earlier try, None where the folder is new."""
        try:
            found = {"with_content": False} | parse_json(self._output.read(NAME))  # earlier releases had none
            header = {name: found[name] for name in self._header}
            lines = {line["shard"]: line for line in found["shards"]}
        except FileNotFoundError:
            if self._output.is_empty():
                return None
            what = "the folder is not empty and holds no export"
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
        """Returns the sizes of the files that are there; deletes those that a kill left half written."""
        entries = self._output.list("")
        self._output.delete(entry.path for entry in entries if is_temporary(entry.path))
        return {entry.path: entry.size for entry in entries}

    def _publish(self, *, complete: bool) -> None:
        index = {**self._header, "complete": complete, "shards": list(self._lines.values())}
        self._output.publish(NAME, (json.dumps(index, indent=1) + "\n").encode())

    @property
    def _where(self) -> str:
        return self._output.public_uri

"""The formats of an export."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol

from stylize_core.export.catalogue import Catalogue
from stylize_core.export.imagefolder import ImageFolder
from stylize_core.export.parquet import Parquet
from stylize_core.export.sample import FullSample
from stylize_core.export.shards import Shard, ShardSize
from stylize_core.export.webdataset import WebDataset
from stylize_core.files.files import Files

FormatName = Literal["imagefolder", "webdataset", "parquet"]


class Format(Protocol):
    """Writes samples into a folder, shard by shard.

    Attributes:
        size: when a shard is full.
    """

    size: ShardSize

    def publish(self, shard: Shard, pictures: Iterable[FullSample]) -> dict[str, Any]:
        """Writes a shard, each file of it in one step.

        Args:
            shard: the shard.
            pictures: its samples with the bytes of their files.

        Returns:
            What the index says of it: bytes; where it is one file, its path and sha256 too.
        """

    def is_there(self, shard: Shard, facts: Mapping[str, Any], sizes: Mapping[str, int]) -> bool:
        """Returns whether a shard that was written is still there, as far as names and sizes tell.

        Args:
            shard: the shard.
            facts: what the index says of it.
            sizes: of the folder's files, in bytes by path.
        """

    def finish(self) -> None:
        """Writes what stands beside the shards."""


def make_format(name: FormatName, output: Files, catalogue: Catalogue, size: ShardSize) -> Format:
    """Returns a format that writes samples into a folder; a class tree has no shards whose size one could choose."""
    if name == "imagefolder":
        return ImageFolder(output, catalogue)
    return {"webdataset": WebDataset, "parquet": Parquet}[name](output, catalogue, size)

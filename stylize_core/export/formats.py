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
        size: limits of a shard.
    """

    size: ShardSize

    def publish(self, shard: Shard, pictures: Iterable[FullSample]) -> dict[str, Any]:
        """Writes a shard; each of its files appears whole.

        Args:
            shard: the shard.
            pictures: its samples with the bytes of their files.

        Returns:
            Fields of its line in the index: bytes; for a shard in one file also its path and sha256.
        """

    def is_there(self, shard: Shard, facts: Mapping[str, Any], sizes: Mapping[str, int]) -> bool:
        """Returns whether a shard that was written is still there, judged by names and sizes.

        Args:
            shard: the shard.
            facts: its line in the index.
            sizes: of the folder's files, in bytes by path.
        """

    def finish(self) -> None:
        """Writes the files beside the shards."""


def make_format(name: FormatName, output: Files, catalogue: Catalogue, size: ShardSize) -> Format:
    """Returns a format that writes samples into a folder; a class tree ignores the size."""
    if name == "imagefolder":
        return ImageFolder(output, catalogue)
    return {"webdataset": WebDataset, "parquet": Parquet}[name](output, catalogue, size)

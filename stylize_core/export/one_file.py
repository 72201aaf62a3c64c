"""The common part of formats that write each shard as one file."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from stylize_core.export.catalogue import Catalogue
from stylize_core.export.sample import FullSample
from stylize_core.export.shards import Shard, ShardSize
from stylize_core.files.files import Files


class OneFile(ABC):
    """A format with one file for each shard, directly in the folder: `train-000000.tar`.

    Args:
        output: the folder.
        catalogue: the samples.
        size: limits of a shard. Each shard is built in memory.

    Attributes:
        suffix: of the files.
    """

    suffix: str

    def __init__(self, output: Files, catalogue: Catalogue, size: ShardSize) -> None:
        self.size = size
        self.output, self.catalogue = output, catalogue

    @abstractmethod
    def build(self, pictures: Iterable[FullSample]) -> bytes:
        """Returns the bytes of a shard: the same for the same samples."""

    @abstractmethod
    def finish(self) -> None:
        """Writes the files beside the shards."""

    def publish(self, shard: Shard, pictures: Iterable[FullSample]) -> dict[str, Any]:
        """Writes the file of a shard."""
        path, data = f"{shard.name}{self.suffix}", self.build(pictures)
        self.output.publish(path, data)
        return {"path": path, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def is_there(self, shard: Shard, facts: Mapping[str, Any], sizes: Mapping[str, int]) -> bool:
        """Returns whether the file of a shard is there with the recorded size."""
        return bool(sizes.get(facts["path"]) == facts["bytes"])

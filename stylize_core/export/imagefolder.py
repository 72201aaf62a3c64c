"""A class tree: split/class/name.png, as torchvision's `ImageFolder` reads it.

Beside the classes of a split lies metadata.parquet, from which the library `datasets` takes the columns.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from stylize_core.export.catalogue import Catalogue, Sample
from stylize_core.export.shards import Shard, ShardSize
from stylize_core.export.tables import publish_columns
from stylize_core.files.files import Files

METADATA = "metadata.parquet"

PART = ShardSize(images=500, bytes=10**18)
"""A shard of a tree: what is written again at most where an export was stopped."""

_THREADS, _BEHIND = 8, 16


class ImageFolder:
    """Every image is a file.

    Args:
        output: the folder.
        catalogue: the samples.
    """

    def __init__(self, output: Files, catalogue: Catalogue) -> None:
        self.size = PART
        self._output, self._catalogue = output, catalogue

    def publish(self, shard: Shard, pictures: Iterable[tuple[Sample, bytes]]) -> dict[str, Any]:
        """Writes images, some at a time: on a disk, most of the time goes into waiting until each is safe."""
        with ThreadPoolExecutor(_THREADS) as pool:
            writing: deque[Future[None]] = deque()
            for sample, data in pictures:
                writing.append(pool.submit(self._output.publish, sample.path, data))
                if len(writing) > _BEHIND:
                    writing.popleft().result()
            for written in writing:
                written.result()
        return {"bytes": sum(sample.bytes for sample in shard.samples)}

    def files(self, shard: Shard, facts: Mapping[str, Any]) -> dict[str, int]:
        """Returns the images of a shard."""
        return {sample.path: sample.bytes for sample in shard.samples}

    def finish(self) -> None:
        """Writes the columns of each split."""
        for split in self._catalogue.splits:
            samples, schema = self._catalogue.samples(split), self._catalogue.schema
            publish_columns(self._output, f"{split}/{METADATA}", samples, schema, below=split)

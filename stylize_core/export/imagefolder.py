"""A class tree: split/class/name.png, as torchvision's `ImageFolder` reads it.

An exported content is beside its result: split/class/name.content.png. Each split's folder has metadata.parquet, from
which the library `datasets` reads the columns.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from stylize_core.export.catalogue import Catalogue
from stylize_core.export.sample import FullSample
from stylize_core.export.shards import Shard, ShardSize
from stylize_core.export.tables import publish_columns
from stylize_core.files.files import Files

METADATA = "metadata.parquet"

PART = ShardSize(images=500, bytes=10**18)
"""A shard of a tree: the most that is written again after an export was stopped."""

_THREADS, _BEHIND = 8, 16


class ImageFolder:
    """Writes every image as a file.

    Args:
        output: the folder.
        catalogue: the samples.
    """

    def __init__(self, output: Files, catalogue: Catalogue) -> None:
        self.size = PART
        self._output, self._catalogue = output, catalogue

    def publish(self, shard: Shard, pictures: Iterable[FullSample]) -> dict[str, Any]:
        """Writes images, some at a time, because a disk takes most of the time to make each one durable."""
        content_bytes = 0
        with ThreadPoolExecutor(_THREADS) as pool:
            writing: deque[Future[None]] = deque()
            for full in pictures:
                writing.extend(pool.submit(self._output.publish, *file) for file in full.files.items())
                while len(writing) > _BEHIND:
                    writing.popleft().result()
                content_bytes += len(full.content or b"")
            for written in writing:
                written.result()
        facts = {"bytes": sum(sample.bytes for sample in shard.samples)}
        return facts | {"content_bytes": content_bytes} if self._catalogue.is_paired else facts

    def is_there(self, shard: Shard, facts: Mapping[str, Any], sizes: Mapping[str, int]) -> bool:
        """Returns whether all images of a shard are there, and contents with as many bytes in total as were written."""
        contents = [sizes.get(sample.content_path) for sample in shard.samples if sample.is_paired]
        return (
            all(sizes.get(sample.path) == sample.bytes for sample in shard.samples)
            and None not in contents
            and sum(filter(None, contents)) == facts.get("content_bytes", 0)
        )

    def finish(self) -> None:
        """Writes the columns of each split."""
        for split in self._catalogue.splits:
            samples, schema = self._catalogue.samples(split), self._catalogue.schema
            publish_columns(self._output, f"{split}/{METADATA}", samples, schema, below=split)

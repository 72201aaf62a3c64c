"""Divides samples into shards, in the manifest's order, so that the same samples give the same shards."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from stylize_core.errors import UsageError
from stylize_core.export.sample import Sample

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_SIZE = re.compile(r"([0-9]{1,15})\s*(?:([kmg]?)(b))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ShardSize:
    """Limits of a shard; a shard with a single image may be larger.

    Attributes:
        images: most images.
        bytes: most bytes of images and of contents' pixels together; nothing else is counted.
    """

    images: int = 10_000
    bytes: int = 128 * 10**6

    @classmethod
    def parse(cls, text: str) -> "ShardSize":
        """Parses a number of images, such as `1000`, or of bytes, such as `256MB`.

        Raises:
            UsageError: it is neither.
        """
        found = _SIZE.fullmatch(text.strip())
        number = int(found[1]) if found else 0
        if not found or not number:
            raise UsageError(
                f"{text!r} is not a shard size",
                where="--shard-size",
                todo="give a number of images, such as 1000, or of bytes, such as 256MB",
            )
        if found[3] is None:
            return cls(images=number, bytes=10**18)
        return cls(bytes=number * _UNITS[found[2].lower()])


@dataclass(frozen=True, slots=True)
class Shard:
    """Consecutive samples of one split.

    Attributes:
        split: its name.
        number: from 0 in each split, without gaps.
        samples: one or more.
    """

    split: str
    number: int
    samples: Sequence[Sample]

    @property
    def name(self) -> str:
        """Such as `train-000000`."""
        return f"{self.split}-{self.number:06d}"


def cut(split: str, samples: Iterable[Sample], size: ShardSize) -> Iterator[Shard]:
    """Yields the shards of a split in order, each as large as `size` allows."""
    number, part, total = 0, list[Sample](), 0
    for sample in samples:
        if part and (len(part) == size.images or total + sample.most_bytes > size.bytes):
            yield Shard(split, number, part)
            number, part, total = number + 1, [], 0
        part.append(sample)
        total += sample.most_bytes
    if part:
        yield Shard(split, number, part)

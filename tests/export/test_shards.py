"""Shards depend only on the order of the samples and their sizes."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.errors import UsageError
from stylize_core.export.sample import Content, Sample
from stylize_core.export.shards import ShardSize, cut


def sample(number: int, size: int, *, is_paired: bool = False) -> Sample:
    """A sample with an image of a given size in bytes."""
    content = Content("a.png", "", 2, 3, "keep")
    return Sample("train", f"train/a/{number}", ".png", "images/x.png", "", size, {}, content, is_paired)


@given(st.lists(st.integers(1, 20), max_size=30), st.integers(1, 5), st.integers(1, 30))
def test_cut(sizes: list[int], images: int, bytes: int) -> None:
    """Every sample is in one shard, in order; no shard has room for the next sample; numbers have no gaps."""
    samples = [sample(number, size) for number, size in enumerate(sizes)]
    shards = list(cut("train", samples, ShardSize(images=images, bytes=bytes)))
    assert [one for shard in shards for one in shard.samples] == samples
    assert [shard.name for shard in shards] == [f"train-{number:06d}" for number in range(len(shards))]
    for shard, following in itertools.pairwise(shards):
        total = sum(one.bytes for one in shard.samples)
        assert len(shard.samples) == images or total + following.samples[0].bytes > bytes
    for shard in shards:
        assert len(shard.samples) <= images
        assert sum(one.bytes for one in shard.samples) <= bytes or len(shard.samples) == 1


def test_contents_count_as_their_pixels() -> None:
    """A content counts 18 bytes for 2 x 3 pixels: more than its PNG, and known before it is read."""
    samples = [sample(number, 10, is_paired=True) for number in range(4)]
    assert [len(shard.samples) for shard in cut("train", samples, ShardSize(bytes=56))] == [2, 2]
    assert [len(shard.samples) for shard in cut("train", samples, ShardSize(bytes=55))] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("text", "images", "bytes"),
    [("1000", 1000, 10**18), ("256MB", 10_000, 256 * 10**6), (" 2 gb", 10_000, 2 * 10**9), ("512b", 10_000, 512)],
)
def test_sizes(text: str, images: int, bytes: int) -> None:
    """A plain number counts images, a number with a unit counts bytes."""
    assert ShardSize.parse(text) == ShardSize(images=images, bytes=bytes)


@pytest.mark.parametrize("text", ["", "0", "-1", "MB", "1.5GB", "0MB", "10 parsecs", "1k"])
def test_no_sizes(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(UsageError, match="is not a shard size"):
        ShardSize.parse(text)

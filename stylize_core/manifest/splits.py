"""Divides contents and styles among the splits of a data set, by a seed."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from stylize_core.errors import UsageError
from stylize_core.manifest.find_images import Content


def split_off(contents: Sequence[Content], share: float, seed: int) -> list[Content]:
    """Returns contents with a share of each class in split `val` and the others in `train`; their order stays.

    The choice depends on the seed, their names and their folders' names, not on their order. Each class with two
    or more images has at least one in each split.

    Args:
        contents: without splits.
        share: above 0, below 1.
        seed: of the choice.

    Raises:
        UsageError: the share is out of range, or contents already have splits.
    """
    _check_share(share, "--split")
    if any(content.split for content in contents):
        what = "the contents are in folders of splits already"
        raise UsageError(what, where="--split", todo="leave it out, or name the folder of one split with --content")
    classes: dict[str, list[str]] = defaultdict(list)
    for content in contents:
        classes[content.class_name].append(content.path)
    chosen = {path for paths in classes.values() for path in _chosen(paths, share, seed)}
    return [content._replace(split="val" if content.path in chosen else "train") for content in contents]


def part_styles(styles: Sequence[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """Returns the styles for training and a share for the other splits; chosen by the seed, in their order.

    Args:
        styles: paths or URLs, two or more.
        share: above 0, below 1.
        seed: of the choice, which otherwise depends only on the styles' names and their folders' names.

    Raises:
        UsageError: the share is out of range, or there are too few styles.
    """
    _check_share(share, "--disjoint-styles")
    if len(set(styles)) < 2:
        what = "a single style cannot be parted into those for training and others"
        raise UsageError(what, where="--disjoint-styles", todo="give more styles with --style")
    chosen = set(_chosen(styles, share, seed))
    return [style for style in styles if style not in chosen], [style for style in styles if style in chosen]


def _chosen(paths: Sequence[str], share: float, seed: int) -> list[str]:
    """Returns a share of paths: at least one and never all, but none if there is only one."""
    different = sorted(set(paths), key=lambda path: (_rank(path, seed), path))
    count = min(max(1, int(share * len(different) + 0.5)), len(different) - 1)
    return different[:count]


def _rank(path: str, seed: int) -> bytes:
    """Returns a rank from folder and file name: the same on every machine."""
    return hashlib.sha256(f"{seed}/{'/'.join(PurePosixPath(path).parts[-2:])}".encode()).digest()


def _check_share(share: float, option: str) -> None:
    if not 0 < share < 1:
        raise UsageError(f"{share} is not a share", where=option, todo="use a number between 0 and 1, such as 0.1")

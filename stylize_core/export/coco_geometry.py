"""Scales boxes, polygons, keypoints and masks to another image size."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Node = dict[str, Any]

_DIGITS = 2  # decimals, as in COCO's own files


@dataclass(frozen=True, slots=True)
class Scale:
    """Scales annotations from one image size to another, height and width independently, without cropping.

    Attributes:
        height: of the annotated image, pixels.
        width: of the annotated image, pixels.
        to_height: of the result, pixels.
        to_width: of the result, pixels.
    """

    height: int
    width: int
    to_height: int
    to_width: int

    def __call__(self, annotation: Node) -> Node:
        """Returns an annotation at the result's size; numbers are unchanged if the sizes are equal.

        Args:
            annotation: one that passes `check_mask`.
        """
        if (self.height, self.width) == (self.to_height, self.to_width):
            return annotation
        x, y = self.to_width / self.width, self.to_height / self.height
        scaled = dict(annotation)
        if annotation.get("bbox") is not None:
            scaled["bbox"] = _rounded(annotation["bbox"], (x, y))
        if annotation.get("area") is not None:
            scaled["area"] = round(annotation["area"] * x * y, _DIGITS)
        if annotation.get("keypoints"):
            scaled["keypoints"] = _rounded(annotation["keypoints"], (x, y, None))  # the third is the visibility
        if isinstance(mask := annotation.get("segmentation"), dict):
            scaled["segmentation"] = self._mask(mask)
        elif mask is not None:
            scaled["segmentation"] = [_rounded(polygon, (x, y)) for polygon in mask]
        return scaled

    def _mask(self, mask: Node) -> Node:
        """Returns an RLE mask at the result's size, sampled at the centre of each pixel."""
        ends = np.cumsum(np.array(_counts(mask), np.int64))
        rows, columns = _centres(self.height, self.to_height), _centres(self.width, self.to_width)
        places = (column * self.height + rows for column in columns.tolist())  # masks are stored by column
        found = [(np.searchsorted(ends, place, side="right") % 2).astype(np.uint8) for place in places]
        return {"counts": _runs(np.concatenate(found)), "size": [self.to_height, self.to_width]}


def check_mask(annotation: Node, height: int, width: int) -> str:
    """Returns what is wrong with an annotation's RLE mask for an image of this size; empty if nothing is."""
    mask = annotation.get("segmentation")
    if not isinstance(mask, dict):
        return ""
    counts = _counts(mask)
    if mask["size"] != [height, width] or sum(counts) != height * width:
        return "does not have its image's size"
    return "has a run of negative length" if min(counts) < 0 else ""


def _counts(mask: Node) -> list[int]:
    """Returns the lengths of a mask's alternating runs of 0 and 1."""
    counts: str | list[int] = mask["counts"]
    return list(_unpacked(counts)) if isinstance(counts, str) else counts


def _rounded(numbers: list[float], factors: tuple[float | None, ...]) -> list[float]:
    """Multiplies numbers by the factors in rotation and rounds them; a factor of None leaves its number as it is."""
    turns = (factors[place % len(factors)] for place in range(len(numbers)))
    return [
        number if factor is None else round(number * factor, _DIGITS)
        for number, factor in zip(numbers, turns, strict=True)
    ]


def _centres(edge: int, to_edge: int) -> npt.NDArray[np.int64]:
    """Returns the pixels of an edge that lie at the centres of another edge's pixels."""
    return (2 * np.arange(to_edge, dtype=np.int64) + 1) * edge // (2 * to_edge)


def _runs(mask: npt.NDArray[np.uint8]) -> list[int]:
    """Returns the lengths of alternating runs of 0 and 1, starting with 0."""
    changes = np.flatnonzero(np.diff(mask, prepend=0))
    lengths: list[int] = np.diff(changes, prepend=0, append=len(mask)).tolist()
    return lengths


def _unpacked(text: str) -> Iterator[int]:
    """Yields the run lengths in pycocotools' text: 5 bits per character; from the fourth on, differences."""
    before: list[int] = []
    value, shift = 0, 0
    for letter in text:
        bits = ord(letter) - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        if len(before) > 2:
            value += before[-2]
        before.append(value)
        yield value
        value, shift = 0, 0

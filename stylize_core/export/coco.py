"""Reads and checks a file of annotations in COCO's format (cocodataset.org)."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from stylize_core.errors import UsageError
from stylize_core.export.coco_names import parts_of
from stylize_core.files.inputs import read_input
from stylize_core.job import public_uri
from stylize_core.manifest.paths import absolute
from stylize_core.store.json_files import parse_json

Node = dict[str, Any]
Id = int | str

_TODO = "name a file in COCO's format for detection: images, annotations, categories"


class _Checked(BaseModel):
    """Part of a file; other fields are copied unchecked."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Image(_Checked):
    id: Id
    file_name: str
    width: PositiveInt
    height: PositiveInt


class _Mask(_Checked):
    counts: list[int] | str
    size: Annotated[list[PositiveInt], Field(min_length=2, max_length=2)]


class _Annotation(_Checked):
    image_id: Id
    bbox: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    area: float | None = None
    segmentation: list[list[float]] | _Mask | None = None
    keypoints: list[float] | None = None


@dataclass(frozen=True, slots=True)
class Coco:
    """Annotations of contents, all in memory.

    Attributes:
        where: the path or URL of the file, for messages.
        images: as in the file: each with `id`, `file_name`, `width`, `height` and more.
        annotations: by image id, in the file's order; images without annotations are left out.
        rest: parts that are copied: `info`, `licenses`, `categories`.
    """

    where: str
    images: Sequence[Node]
    annotations: Mapping[Id, Sequence[Node]]
    rest: Node


def read_coco(path: str) -> Coco:
    """Reads a file of annotations.

    Args:
        path: path or URL.

    Raises:
        InputError: the file cannot be read.
        UsageError: it is not in COCO's format, contradicts itself, or names a file twice.
    """
    uri = absolute(path, os.getcwd())
    where = public_uri(uri)
    try:
        found = parse_json(read_input(uri))
    except ValueError as error:
        raise UsageError(f"the annotations cannot be read: {error}", where=where, todo=_TODO) from error
    images, annotations = (_checked(found, name, kind, where) for name, kind in _LISTS.items())
    _check_images(images, where)
    of_image: dict[Id, list[Node]] = defaultdict(list)
    ids = {image["id"] for image in images}
    for annotation in annotations:
        if annotation["image_id"] not in ids:
            what = f"an annotation belongs to image {annotation['image_id']!r}, which is not in the file"
            raise UsageError(what, where=where, todo=_TODO)
        of_image[annotation["image_id"]].append(annotation)
    rest = {"info": found.get("info") or {}, "licenses": found.get("licenses") or []}
    return Coco(where, images, of_image, rest | {"categories": found.get("categories") or []})


_LISTS: Mapping[str, type[_Checked]] = {"images": _Image, "annotations": _Annotation}


def _checked(found: Node, name: str, kind: type[_Checked], where: str) -> list[Node]:
    """Returns a list of the file after checking every entry."""
    lines = found.get(name)
    if not isinstance(lines, list):
        raise UsageError(f"the annotations have no list {name!r}", where=where, todo=_TODO)
    for number, line in enumerate(lines, 1):
        try:
            kind.model_validate(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            what = f"entry {number} of {name!r} is invalid: {place}: {first['msg']}"
            raise UsageError(what, where=where, todo=_TODO) from error
    return lines


def _check_images(images: Sequence[Node], where: str) -> None:
    for name, values in {
        "id": [image["id"] for image in images],
        "file_name": [parts_of(image["file_name"]) for image in images],
    }.items():
        seen = set[object]()
        for image, value in zip(images, values, strict=True):
            if value in seen:
                raise UsageError(f"two images have the {name} {image[name]!r}", where=where, todo="remove one of them")
            seen.add(value)

"""Transfers annotations of contents to their results: one COCO file for each split of the export."""

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stylize_core.errors import UsageError
from stylize_core.export.catalogue import Catalogue
from stylize_core.export.coco import Coco
from stylize_core.export.coco_geometry import Scale, check_mask
from stylize_core.export.coco_names import match
from stylize_core.export.sample import Sample
from stylize_core.files.files import Files
from stylize_core.shapes import output_shape

Node = dict[str, Any]


def annotations_path(split: str) -> str:
    """Returns the path of a split's annotations."""
    return f"annotations-{split}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotated:
    """Counts of what was transferred.

    Attributes:
        images: number of results in the files.
        annotations: number of their annotations.
        contents: number of distinct contents in the export.
        unknown: number of these contents that are not in the COCO file.
    """

    images: int
    annotations: int
    contents: int
    unknown: int


class Annotations:
    """The annotations of an export.

    Args:
        coco: the annotations of its contents.
        catalogue: its samples.

    Raises:
        UsageError: no content is in the COCO file, a match is ambiguous, a content is cropped, or its size differs.
    """

    def __init__(self, coco: Coco, catalogue: Catalogue) -> None:
        self._coco, self._catalogue = coco, catalogue
        contents = {
            sample.content.uri: sample.content.sha256
            for split in catalogue.splits
            for sample in catalogue.samples(split)
        }
        self._images = match(coco.images, contents, coco.where)
        if not self._images:
            todo = "make each `file_name` the end of the content's path, such as 001.jpg or cats/001.jpg"
            raise UsageError("none of the contents is in the annotations", where=coco.where, todo=todo)
        self._check_masks()
        images, count = 0, 0
        for split in catalogue.splits:
            for sample, image in self._annotated(split):
                _check_size(sample, image, coco.where)
                images, count = images + 1, count + len(self._of(image))
        unknown = len(contents) - len(self._images)
        self.counts = Annotated(images=images, annotations=count, contents=len(contents), unknown=unknown)

    def publish(self, output: Files) -> None:
        """Writes the files, building each one in memory."""
        for split in self._catalogue.splits:
            output.publish(annotations_path(split), self._file(split))

    def _file(self, split: str) -> bytes:
        """Returns the annotations of a split, with ids from 1 and the paths of a class tree."""
        file = io.BytesIO()
        file.write(json.dumps(self._coco.rest).removesuffix("}").encode())
        file.write(b', "images": [')
        _write(file, (_image(sample, image, number) for number, (sample, image) in self._numbered(split)))
        file.write(b'], "annotations": [')
        _write(file, ({**line, "id": number} for number, line in enumerate(self._scaled(split), 1)))
        file.write(b"]}\n")
        return file.getvalue()

    def _scaled(self, split: str) -> Iterator[Node]:
        for number, (sample, image) in self._numbered(split):
            scale = Scale(image["height"], image["width"], sample.content.height, sample.content.width)
            for annotation in self._of(image):
                yield {**scale(annotation), "image_id": number}

    def _numbered(self, split: str) -> Iterator[tuple[int, tuple[Sample, Node]]]:
        return enumerate(self._annotated(split), 1)

    def _annotated(self, split: str) -> Iterator[tuple[Sample, Node]]:
        """Yields the samples of a split whose content is in the COCO file, with its entry there."""
        for sample in self._catalogue.samples(split):
            if image := self._images.get(sample.content.uri):
                yield sample, image

    def _of(self, image: Node) -> Sequence[Node]:
        return self._coco.annotations.get(image["id"], ())

    def _check_masks(self) -> None:
        for image in self._images.values():
            for annotation in self._of(image):
                if wrong := check_mask(annotation, image["height"], image["width"]):
                    what = f"the mask of annotation {annotation.get('id')!r} of {image['file_name']!r} {wrong}"
                    raise UsageError(what, where=self._coco.where, todo="correct or remove it")


def _check_size(sample: Sample, image: Node, where: str) -> None:
    """Checks that a result shows its whole content, and that this content has the shape of the annotated image."""
    content, columns, row = sample.content, sample.columns, sample.columns["row"]
    height, width = image["height"], image["width"]
    if content.fit == "crop" and width * content.height != height * content.width:
        what = f"row {row} has fit=crop, which may cut off annotated parts of {image['file_name']!r}"
        todo = "leave the row out, for instance with --where \"fit != 'crop'\", or run it with another fit"
        raise UsageError(what, where=where, todo=todo)
    if output_shape(width, height, columns["size"], content.fit) != (content.height, content.width):
        what = (
            f"{image['file_name']!r} has {width} x {height} pixels in the annotations, which does not match the "
            f"result of row {row} with {content.width} x {content.height}"
        )
        todo = "annotate the manifest's picture upright, rotated as its EXIF orientation says"
        raise UsageError(what, where=where, todo=todo)


def _image(sample: Sample, image: Node, number: int) -> Node:
    size = {"width": sample.content.width, "height": sample.content.height}
    licence = {"license": image["license"]} if "license" in image else {}
    return {"id": number, "file_name": sample.path, **size, **licence}


def _write(file: io.BytesIO, lines: Iterable[Node]) -> None:
    for number, line in enumerate(lines):
        file.write(b",\n" if number else b"\n")
        file.write(json.dumps(line).encode())

"""A few pictures of a run: content, style and result side by side."""

import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from stylize_core.files.files import Files
from stylize_core.record.rows import read_plan
from stylize_core.record.thumbnails import Thumbnails
from stylize_core.store import layout

STRIPS = 16
"""Jobs that are shown, the first done ones of the manifest."""

EDGE, GAP = 256, 4
"""Pixels of a picture at most, and between two."""


def read_strips(files: Files, run: str, done: pa.Table) -> dict[str, Image.Image]:
    """Returns the strips of a run's first jobs, by the row's id or else the job's.

    Args:
        files: the store.
        run: its name.
        done: `job_id` and `image` of the jobs that are done.
    """
    pictures, strips, seen = Thumbnails(files), dict[str, Image.Image](), set[str]()
    for planned in read_plan(files, run, ["job_id", "id", "digests"]):
        for line in planned.filter(pc.is_in(planned["job_id"], value_set=done["job_id"].combine_chunks())).to_pylist():
            if len(strips) == STRIPS:
                return strips
            if line["job_id"] not in seen:
                seen.add(line["job_id"])
                strips[line["id"] or line["job_id"]] = _strip(pictures, _paths(line, done))
    return strips


def _paths(line: dict[str, str], done: pa.Table) -> list[str]:
    """Returns where the pictures of a strip lie in the store."""
    digests = json.loads(line["digests"])
    inputs = [digests["content"], digests["styles"][0][0]]
    image = done["image"][pc.index(done["job_id"], line["job_id"]).as_py()].as_py()
    return [*map(layout.thumbnail, inputs), image]


def _strip(pictures: Thumbnails, paths: Sequence[str]) -> Image.Image:
    found = [image for path in paths if (image := pictures.thumbnail(path, EDGE)) is not None]
    width = sum(image.width for image in found) + GAP * (len(found) - 1)
    strip = Image.new("RGB", (max(width, 1), max((image.height for image in found), default=1)), "white")
    left = 0
    for image in found:
        strip.paste(image, (left, 0))
        left += image.width + GAP
    return strip

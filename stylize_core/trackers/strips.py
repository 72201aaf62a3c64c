"""A few pictures of a run: content, style and result side by side."""

from collections.abc import Iterable, Sequence

from PIL import Image

from stylize_core.files.files import Files
from stylize_core.record.run_record import JobRecord
from stylize_core.record.thumbnails import Thumbnails
from stylize_core.store import layout

STRIPS = 16
"""Number of jobs shown: the first done ones."""

EDGE, GAP = 256, 4
"""Longest edge of a picture, and gap between two, in pixels."""


def draw_strips(files: Files, jobs: Iterable[JobRecord]) -> dict[str, Image.Image]:
    """Returns the strips of jobs, by the row's id or otherwise the job's."""
    pictures = Thumbnails(files)
    return {job.id or job.job_id: _strip(pictures, _paths(job)) for job in jobs}


def _paths(job: JobRecord) -> list[str | None]:
    """Returns the paths of a strip's pictures in the store."""
    return [layout.thumbnail(job.content.sha256), layout.thumbnail(job.style.sha256), job.image]


def _strip(pictures: Thumbnails, paths: Sequence[str | None]) -> Image.Image:
    found = [image for path in paths if (image := pictures.thumbnail(path, EDGE)) is not None]
    width = sum(image.width for image in found) + GAP * (len(found) - 1)
    strip = Image.new("RGB", (max(width, 1), max((image.height for image in found), default=1)), "white")
    left = 0
    for image in found:
        strip.paste(image, (left, 0))
        left += image.width + GAP
    return strip

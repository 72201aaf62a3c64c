"""The jobs as cards of the page: small pictures, what tells a job from the others, and all of its settings."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stylize_core.report import variation, wording
from stylize_core.report.pictures import Pictures, data_uri
from stylize_core.report.record import InputRecord, JobRecord
from stylize_core.report.strip_sheet import snapshots
from stylize_core.store import layout

BYTES = 4_500_000
"""What the pictures of all cards may take of the page, about."""

BYTES_PER_PIXEL = 0.45
"""Of a small stylised picture as JPEG in base64; measured on noisy ones."""

RESULT_EDGES = (120, 560)
"""Least and greatest long edge of a result on the page, pixels."""

SMALL = 2 / 5
"""Inputs and snapshots are shown at this share of a result's edge."""

SNAPSHOTS_FEW, SNAPSHOTS_MANY, FEW = 8, 3, 24
"""Snapshots on a card: of a run with few jobs, of a larger one; and what counts as few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumb:
    """A small picture on a card.

    Attributes:
        caption: what it is.
        uri: its `data:` URI; empty where the picture is missing.
        width: pixels.
        height: pixels.
    """

    caption: str
    uri: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A job on the page.

    Attributes:
        job: the job.
        why: why a large run shows it; empty where all jobs are shown.
        result: its picture.
        steps: content, style and snapshots.
        link: of the full picture, relative to the page; empty where there is none.
        facts: the settings that tell it from the others.
        losses: its final terms.
    """

    job: JobRecord
    why: str
    result: Thumb
    steps: tuple[Thumb, ...]
    link: str
    facts: Mapping[str, str]
    losses: Mapping[str, str]


def make_cards(jobs: Sequence[JobRecord], why: Mapping[str, str], pictures: Pictures) -> list[Card]:
    """Returns a card for each job that is shown.

    Args:
        jobs: the finished jobs.
        why: the shown jobs with the reason, from `selection.select`.
        pictures: of the store.
    """
    shown = [job for job in jobs if job.job_id in why]
    limit = SNAPSHOTS_FEW if len(shown) <= FEW else SNAPSHOTS_MANY
    edge = picture_edge(shown, limit)
    names = variation.axes(jobs)
    return [_card(job, why[job.job_id], names, edge, limit, pictures) for job in shown]


def picture_edge(shown: Sequence[JobRecord], limit: int) -> int:
    """Returns the results' long edge in pixels with which all pictures stay within `BYTES`."""
    small = sum(2 + len(snapshots(job, limit)) for job in shown)
    pixels = BYTES / BYTES_PER_PIXEL / max(1.0, len(shown) + small * SMALL**2)
    low, high = RESULT_EDGES
    return min(high, max(low, math.isqrt(int(pixels))))


def _card(job: JobRecord, why: str, names: Sequence[str], edge: int, limit: int, pictures: Pictures) -> Card:
    small = round(edge * SMALL)
    steps = [(f"step {step:,}", path) for step, path in snapshots(job, limit)]
    inputs = [_input("content", job.content), _input("style", job.style)]
    return Card(
        job=job,
        why=why,
        result=_thumb(f"{job.content.name} in the style of {job.style.name}", job.image, edge, pictures),
        steps=tuple(_thumb(caption, path, small, pictures) for caption, path in [*inputs, *steps]),
        link=f"../../{job.image}" if job.image else "",
        facts={name: wording.setting(job.settings[name]) for name in names},
        losses={term: wording.number(value) for term, value in job.finals.items()},
    )


def _input(kind: str, source: InputRecord) -> tuple[str, str]:
    return f"{kind}: {source.name}", layout.thumbnail(source.sha256)


def _thumb(caption: str, path: str | None, edge: int, pictures: Pictures) -> Thumb:
    image = pictures.thumbnail(path, edge)
    if image is None:
        return Thumb(caption=caption)
    return Thumb(caption=caption, uri=data_uri(image), width=image.width, height=image.height)

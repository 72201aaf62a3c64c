"""The jobs that the page shows with pictures: cards, ranked lists, and the strips of their details."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stylize_core import wording
from stylize_core.record.run_record import InputRecord, JobRecord, snapshots
from stylize_core.report.album import Album, Thumb
from stylize_core.store import layout

BYTES = 4_500_000
"""Approximate bytes for the pictures of the page."""

BYTES_PER_PIXEL = 0.45
"""Bytes per pixel of a small stylised picture as JPEG in base64; measured on noisy ones."""

RESULT_EDGES = (120, 560)
"""Least and greatest long edge of a result on the page, pixels."""

SMALL = 2 / 5
"""Edge of inputs and snapshots relative to a result's."""

SNAPSHOTS_FEW, SNAPSHOTS_MANY, FEW = 8, 3, 24
"""Snapshots per job in a run with few jobs and in a larger run; and the limit for few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A job with its pictures.

    Attributes:
        job: the job.
        result: its picture.
        steps: content, style and snapshots.
        link: to the full picture, relative to the page; empty if there is none.
        facts: the settings that distinguish it from the others.
        losses: its final terms.
    """

    job: JobRecord
    result: Thumb
    steps: tuple[Thumb, ...]
    link: str
    facts: Mapping[str, str]
    losses: Mapping[str, str]


def make_cards(jobs: Sequence[JobRecord], names: Sequence[str], album: Album, room: int = BYTES) -> dict[str, Card]:
    """Returns a card by job id.

    Args:
        jobs: the jobs to show.
        names: settings that distinguish them.
        album: for their pictures.
        room: approximate bytes for all pictures.
    """
    limit = SNAPSHOTS_FEW if len(jobs) <= FEW else SNAPSHOTS_MANY
    edge = picture_edge(jobs, limit, room)
    return {job.job_id: _card(job, names, edge, limit, album) for job in jobs}


def picture_edge(shown: Sequence[JobRecord], limit: int, room: int = BYTES) -> int:
    """Returns the results' long edge in pixels at which all pictures fit into their room."""
    inputs = {source.sha256 for job in shown for source in (job.content, job.style)}
    small = len(inputs) + sum(len(snapshots(job, limit)) for job in shown)
    pixels = room / BYTES_PER_PIXEL / max(1.0, len(shown) + small * SMALL**2)
    low, high = RESULT_EDGES
    return min(high, max(low, math.isqrt(int(pixels))))


def _card(job: JobRecord, names: Sequence[str], edge: int, limit: int, album: Album) -> Card:
    small = round(edge * SMALL)
    steps = [(f"step {step:,}", path) for step, path in snapshots(job, limit)]
    inputs = [_input("content", job.content), _input("style", job.style)]
    return Card(
        job=job,
        result=album.thumb(f"{job.content.name} in the style of {job.style.name}", job.image, edge),
        steps=tuple(album.thumb(caption, path, small) for caption, path in [*inputs, *steps]),
        link=f"../../{job.image}" if job.image else "",
        facts={name: wording.setting(name, job.settings[name]) for name in names},
        losses={term: wording.number(value) for term, value in job.finals.items()},
    )


def _input(kind: str, source: InputRecord) -> tuple[str, str]:
    return f"{kind}: {source.name}", layout.thumbnail(source.sha256)

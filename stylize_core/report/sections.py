"""The results of every style, or of every content, one input after the other: how a large run is browsed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stylize_core.report import brief, variation
from stylize_core.report.grids import Tile, group_by, input_tile, job_tile
from stylize_core.report.record import InputRecord
from stylize_core.report.sheet_jobs import Laid

Source = Callable[[Laid], InputRecord]


@dataclass(frozen=True, slots=True)
class Section:
    """An input with its results.

    Attributes:
        lead: the input.
        tiles: its results.
    """

    lead: Tile
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Sections:
    """The results of every style, or of every content.

    Attributes:
        kind: `style` or `content`: of the inputs that lead.
        note: how to read it.
        parts: one for each input, in the manifest's order.
    """

    kind: str
    note: str
    parts: tuple[Section, ...]


def by_style(jobs: Sequence[Laid]) -> Sections:
    """Returns the results of every style, each named after its content."""
    return _sections("style", jobs, lambda job: job.style, lambda job: job.content)


def by_content(jobs: Sequence[Laid]) -> Sections:
    """Returns the results of every content, each named after its style."""
    return _sections("content", jobs, lambda job: job.content, lambda job: job.style)


def _sections(kind: str, jobs: Sequence[Laid], lead: Source, other: Source) -> Sections:
    names = variation.axes(jobs) if jobs else ()
    groups = group_by(jobs, lead)
    parts = [
        Section(input_tile(source), tuple(job_tile(job, other(job).name, brief.describe(job, names)) for job in group))
        for source, group in zip((lead(group[0]) for group in groups.values()), groups.values(), strict=True)
    ]
    note = f"each result is named after its {'content' if kind == 'style' else 'style'}"
    return Sections(kind, " · ".join(filter(None, [note, brief.legend(names)])), tuple(parts))

"""Groups results by style or by content, one input after the other, for browsing a large run."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stylize_core.record.run_record import InputRecord, JobRecord
from stylize_core.record.variation import axes_of_jobs
from stylize_core.sheets import brief
from stylize_core.sheets.grids import Tile, group_by, input_tile, job_tile

Source = Callable[[JobRecord], InputRecord]


@dataclass(frozen=True, slots=True)
class Section:
    """An input with its results.

    Attributes:
        lead: the input.
        tiles: its results.
        step: number of results per partner if it is the same for all, so that rows are not cut between these; otherwise
            1.
    """

    lead: Tile
    tiles: tuple[Tile, ...]
    step: int = 1


@dataclass(frozen=True, slots=True)
class Sections:
    """The results of every style, or of every content.

    Attributes:
        kind: of the leading inputs: `style` or `content`.
        note: how to read it.
        parts: one for each input, by name.
    """

    kind: str
    note: str
    parts: tuple[Section, ...]


def by_style(jobs: Sequence[JobRecord]) -> Sections:
    """Returns the results of every style, each named after its content."""
    return _sections("style", jobs, lambda job: job.style, lambda job: job.content)


def by_content(jobs: Sequence[JobRecord]) -> Sections:
    """Returns the results of every content, each named after its style."""
    return _sections("content", jobs, lambda job: job.content, lambda job: job.style)


def _sections(kind: str, jobs: Sequence[JobRecord], lead: Source, other: Source) -> Sections:
    names = axes_of_jobs(jobs) if jobs else ()
    parts = [_section(group, lead, other, names) for group in group_by(jobs, lead).values()]
    parts.sort(key=lambda part: _in_order(part.lead.caption))
    note = f"each result is named after its {'content' if kind == 'style' else 'style'}"
    return Sections(kind, " · ".join(filter(None, [note, brief.legend(names)])), tuple(parts))


def _section(jobs: Sequence[JobRecord], lead: Source, other: Source, names: Sequence[str]) -> Section:
    partners = group_by(jobs, other)
    counts = {len(group) for group in partners.values()}
    ordered = [job for group in partners.values() for job in group]
    tiles = [job_tile(job, other(job).name, brief.describe(job, names)) for job in ordered]
    return Section(input_tile(lead(jobs[0])), tuple(tiles), counts.pop() if len(counts) == 1 else 1)


def _in_order(name: str) -> list[str | int]:
    """Returns a sort key that puts `waves 2` before `waves 10`."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", name.casefold()))]

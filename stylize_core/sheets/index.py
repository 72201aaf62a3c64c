"""The index of a run's contact sheets: one static HTML file in their folder."""

from collections.abc import Sequence
from dataclasses import dataclass

import jinja2

from stylize_core.record.run_record import RunRecord

NAMES = 40
"""Most names of a page's inputs to list."""

FEW = 6
"""Pages of a sheet that are shown large, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """A page.

    Attributes:
        link: to the page, relative to the index.
        picture: its small picture, relative to the index.
        title: what it shows.
        names: of the inputs on it.
    """

    link: str
    picture: str
    title: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPart:
    """A contact sheet.

    Attributes:
        name: an anchor.
        title: what it shows.
        entries: the drawn pages.
        pages: number of all its pages.
    """

    name: str
    title: str
    entries: Sequence[IndexEntry]
    pages: int


def render_index(record: RunRecord, jobs: int, parts: Sequence[IndexPart]) -> str:
    """Returns the index as HTML.

    Args:
        record: the run.
        jobs: number of jobs on the sheets.
        parts: the sheets.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("stylize_core.sheets", ""),
        autoescape=True,  # names are the users' data
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("index.html.j2")
    return template.render(
        run=record.run,
        jobs=jobs,
        of=sum(record.totals.jobs.values()),
        parts=parts,
        names=NAMES,
        few=FEW,
        drawn=sum(len(part.entries) for part in parts),
        pages=sum(part.pages for part in parts),
    )

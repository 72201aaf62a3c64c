"""Draws the contact sheets of a run as JPEG files with an index in the run's folder."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from stylize_core.errors import UsageError
from stylize_core.files.files import Files
from stylize_core.record.read_run import read_jobs
from stylize_core.record.rows import RunRows
from stylize_core.record.run_record import JobRecord, RunRecord
from stylize_core.record.thumbnails import Thumbnails
from stylize_core.sheets.index import IndexEntry, IndexPart, render_index
from stylize_core.sheets.pages import Page, Sheet, sheets_of
from stylize_core.store import layout

JOBS = 50_000
"""Most distinct jobs on sheets: the first ones. Each takes up to 2 kB of memory."""

FOLDER = layout.SHEETS
INDEX = f"{FOLDER}/index.html"
SMALL = "small"

LOOKED_AT = ("matrix", "trade-off", "sweep", "style", "content", "strips")
"""The order in which people look at sheets."""

SMALL_WIDTH = 640
"""Width of a page's small picture in the index, pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is drawn.

    Attributes:
        pages: most pages of each sheet, None for all.
        seconds: after which no further page is begun, None for no limit.
    """

    pages: int | None
    seconds: float | None


NIGHTLY = Limits(pages=60, seconds=60.0)
"""The limits at the end of a run. Opening results takes most of the time: one of 384 px takes a core about 5 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetFile:
    """A published page.

    Attributes:
        name: within the run's folder.
        title: what it shows.
    """

    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Sheets:
    """The contact sheets of a run.

    Attributes:
        files: the published pages in order.
        undrawn: number of further pages, beyond the limits.
    """

    files: tuple[SheetFile, ...]
    undrawn: int


def limits_of(sheets: str | None) -> Limits:
    """Returns the limits for an option: a number of pages per sheet, `all`, or None for those at the end of a run.

    Raises:
        UsageError: the option is invalid.
    """
    if sheets is None:
        return NIGHTLY
    if sheets == "all":
        return Limits(pages=None, seconds=None)
    if not sheets.isdecimal() or int(sheets) < 1:
        raise UsageError(f"{sheets!r} is not a number of pages", where="--sheets", todo="a number from 1, or all")
    return Limits(pages=int(sheets), seconds=None)


def write_sheets(rows: RunRows, record: RunRecord, pictures: Thumbnails, limits: Limits = NIGHTLY) -> Sheets:
    """Draws the contact sheets of a run and publishes them with an index; deletes earlier pages.

    The first page of each sheet comes before the second of any, and so on until a limit is reached.

    Args:
        rows: of the run, with columns `table.LINE`.
        record: of these rows.
        pictures: of the store.
        limits: how much is drawn.

    Raises:
        StoreError: the store cannot be read or written.
    """
    files, jobs = rows.files, sheet_jobs(rows, record)
    sheets = sheets_of(jobs, record.finished, pictures)
    drawn = _draw(files, record.run, _chosen(sheets, limits), limits)
    parts = [_index_part(sheet, drawn) for sheet in sheets]
    files.publish(layout.run(record.run, INDEX), render_index(record, len(jobs), parts).encode("utf-8"))
    _delete_others(files, record.run, drawn)
    published = [_sheet_file(sheet, place) for sheet in sheets for place in range(len(sheet.pages))]
    published = [file for file in published if file.name in drawn]
    return Sheets(tuple(published), sum(len(sheet.pages) for sheet in sheets) - len(published))


def sheet_jobs(rows: RunRows, record: RunRecord) -> Sequence[JobRecord]:
    """Returns a run's distinct jobs in the manifest's order, the first `JOBS` of them."""
    return record.jobs if len(record.jobs) == len(rows.jobs) else tuple(read_jobs(rows, rows.jobs[:JOBS]))


def first_sheet(files: Files, run: str) -> str | None:
    """Returns the name, within the run's folder, of the sheet to look at first; None if none is drawn."""
    folder = layout.run(run, FOLDER)
    names = [entry.path.removeprefix(f"{folder}/") for entry in files.list(folder, recursive=False)]
    pages = sorted(name for name in names if name.endswith(".jpg"))
    ranked = sorted(pages, key=lambda name: next((n for n, kind in enumerate(LOOKED_AT) if name.startswith(kind)), 9))
    return f"{FOLDER}/{ranked[0]}" if ranked else None


def _chosen(sheets: Sequence[Sheet], limits: Limits) -> list[tuple[str, Page]]:
    """Returns the pages within the limit with their file names, in drawing order."""
    pages = []
    for number, sheet in enumerate(sheets):
        ranked = sorted(range(len(sheet.pages)), key=lambda place: (sheet.pages[place].rank, place))
        for turn, place in enumerate(ranked[: limits.pages]):
            pages.append((turn, number, f"{FOLDER}/{sheet.file_name(place)}", sheet.pages[place]))
    return [(name, page) for _, _, name, page in sorted(pages, key=lambda one: one[:2])]


def _draw(files: Files, run: str, pages: Sequence[tuple[str, Page]], limits: Limits) -> set[str]:
    """Publishes pages until the time is over, but at least one; returns their file names."""
    began, drawn = time.monotonic(), set[str]()
    for name, page in pages:
        if drawn and limits.seconds is not None and time.monotonic() - began > limits.seconds:
            break
        canvas = page.draw()
        files.publish(layout.run(run, name), canvas.jpeg())
        files.publish(layout.run(run, _small(name)), canvas.small(SMALL_WIDTH))
        drawn.add(name)
    return drawn


def _index_part(sheet: Sheet, drawn: set[str]) -> IndexPart:
    names = [f"{FOLDER}/{sheet.file_name(place)}" for place in range(len(sheet.pages))]
    entries = [
        IndexEntry(
            link=name.removeprefix(f"{FOLDER}/"),
            picture=_small(name).removeprefix(f"{FOLDER}/"),
            title=page.title,
            names=page.names,
        )
        for name, page in zip(names, sheet.pages, strict=True)
        if name in drawn
    ]
    return IndexPart(name=sheet.name, title=sheet.title, entries=entries, pages=len(sheet.pages))


def _sheet_file(sheet: Sheet, place: int) -> SheetFile:
    return SheetFile(name=f"{FOLDER}/{sheet.file_name(place)}", title=sheet.pages[place].title)


def _small(name: str) -> str:
    return name.replace(f"{FOLDER}/", f"{FOLDER}/{SMALL}/")


def _delete_others(files: Files, run: str, drawn: set[str]) -> None:
    kept = {layout.run(run, name) for name in (INDEX, *drawn, *map(_small, drawn))}
    files.delete([entry.path for entry in files.list(layout.run(run, FOLDER)) if entry.path not in kept])

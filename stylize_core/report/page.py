"""The report of a run: one HTML file with everything in it, made from the store alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stylize_core.files.files import Files
from stylize_core.record.comparable import comparable_sets, scales, value_text
from stylize_core.record.job_curves import read_curves
from stylize_core.record.run_record import JobRecord, RunRecord
from stylize_core.record.selection import select
from stylize_core.record.term_curves import TermCurves
from stylize_core.record.thumbnails import Thumbnails
from stylize_core.record.variation import NAMES, axes_of_jobs
from stylize_core.report import charts, headline
from stylize_core.report.album import Album, Thumb
from stylize_core.report.details import EDGE_BYTES, details
from stylize_core.report.findings import Findings, read_findings
from stylize_core.report.gallery import BYTES, make_cards
from stylize_core.report.job_lines import job_lines
from stylize_core.report.packed_rows import pack_rows, review_key
from stylize_core.report.sets import set_data
from stylize_core.report.template import HELP, template, vega
from stylize_core.settings import TERM_SCALE
from stylize_core.sheets.sheets import FOLDER, NIGHTLY, Limits, SheetFile, Sheets, write_sheets
from stylize_core.store import layout

NAME = layout.REPORT

PREVIEWS = 12
PREVIEW_EDGE = 420
"""Number of contact sheets shown small (the others are links), and their width in pixels."""

ROOM = 7_500_000
"""Approximate bytes of table and pictures together: with scripts and previews the page stays under 10 MB."""

THUMBNAILS = 1000
"""Most jobs whose thumbnails are in the page; a larger run's come from the store."""

PROBLEMS = 12
"""Most failed and rejected rows listed above the table, which has all."""

SETS = 12
"""Most sets of comparable jobs to draw, the largest first."""

CARDS, FIRST = 12, 6
"""Most results to show at once; with more, only the first are shown, so that the table is close."""

INDEX = f"{FOLDER}/index.html"


def write_report(files: Files, run: str, limits: Limits = NIGHTLY) -> str:
    """Draws the contact sheets of a run and writes its report; both can be made again at any time.

    Args:
        files: the store.
        run: the run's name; see `latest_run`.
        limits: of the contact sheets.

    Returns:
        The report's path in the store.

    Raises:
        UsageError: there is no such run.
        StoreError: the store cannot be read or written.
    """
    findings = read_findings(files, run)
    pictures = Thumbnails(files)
    sheets = write_sheets(findings.rows, findings.record, pictures, limits)
    path = layout.run(run, NAME)
    files.publish(path, render_page(findings, sheets, pictures).encode("utf-8"))
    return path


def render_page(findings: Findings, sheets: Sheets, pictures: Thumbnails) -> str:
    """Returns the page as HTML."""
    album = Album(pictures)
    packed, listed = pack_rows(findings.table, findings.jobs, findings.curves)
    images = _images(findings.jobs)
    room = ROOM - len(packed) - EDGE_BYTES * len(images)
    return template("report.html.j2", album).render(
        **_head(findings.record),
        **_jobs(findings, album, max(BYTES // 3, min(BYTES, room)), images),
        **_sheets(findings, sheets, album),
        lacking=_lacking(findings.jobs, findings.curves),
        ranked=findings.ranked,
        settings=_settings(findings.table.rows),
        help=HELP,
        rows=packed,
        key=review_key(findings.record.run, findings.table.rows),
        listed=listed,
        total=findings.table.total,
        charts=charts.charts(),
        vega=vega(),
    )


def _head(record: RunRecord) -> dict[str, Any]:
    """Returns the run in figures, its problems, and its environment."""
    return {
        "record": record,
        "meaning": headline.MEANING,
        "sentence": headline.sentence(record),
        "period": headline.period(record),
        "tiles": headline.tiles(record),
        "problems": record.problems[:PROBLEMS],
        "environment": headline.environment(record),
    }


def _images(jobs: pd.DataFrame) -> dict[str, str | None]:
    """Returns the results, by job id, whose thumbnails are in the page."""
    made = jobs[jobs["image"].notna()]
    return dict(zip(made["job_id"], made["image"], strict=True)) if len(made) <= THUMBNAILS else {}


def _jobs(findings: Findings, album: Album, room: int, images: Mapping[str, str | None]) -> dict[str, Any]:
    """Returns the jobs that are shown one by one, and the sets in which they are compared.

    Args:
        findings: of the run.
        album: of the page.
        room: approximate bytes for the pictures of jobs that are shown one by one.
        images: of the table's own small pictures, see `details`.
    """
    finished = findings.record.finished
    gallery, shown = select(finished, findings.record.run, findings.remarkable)
    by_id = {job.job_id: job for job in finished}
    jobs = [by_id[job_id] for job_id in shown]
    cards = make_cards(jobs, axes_of_jobs(finished), album, room)
    curves = read_curves(findings.rows.files, jobs)
    return {
        "cards": cards,
        "gallery": [cards[job_id] for job_id in gallery],
        "unfolded": len(gallery) if len(gallery) <= CARDS else FIRST,
        "single": len(findings.table.rows) == len(gallery) == 1,
        "edge": max((max(card.result.width, card.result.height) for card in cards.values()), default=0),
        "sets": _sets(findings, jobs),
        "details": lambda: details(cards, curves, album, images),  # called when the page is rendered up to there
    }


def _sheets(findings: Findings, sheets: Sheets, album: Album) -> dict[str, Any]:
    """The contact sheets."""
    run, files = findings.record.run, findings.rows.files
    return {
        "previews": _previews(sheets.files, run, album),
        "undrawn": sheets.undrawn,
        "index": INDEX if files.exists(layout.run(run, INDEX)) else "",
    }


def _sets(findings: Findings, shown: Sequence[JobRecord]) -> list[dict[str, Any]]:
    """Returns the chart data of each set of comparable jobs; for a small run also a line for each job."""
    jobs, is_whole = findings.jobs, len(shown) == len(findings.jobs)
    kinds = scales(jobs, TERM_SCALE)
    found = []
    for one in comparable_sets(jobs)[:SETS]:
        ids = set(
            jobs["job_id"][kinds == kinds[one.places[0]]]
        )  # including failed jobs that are comparable with the set
        lines = job_lines([job for job in shown if job.job_id in ids]) if is_whole else None
        found.append({**set_data(one, jobs, findings.curves), "lines": lines})
    return [one for one in found if one["bands"]]


def _lacking(jobs: pd.DataFrame, curves: TermCurves) -> int:
    """Returns how many jobs have an image but no losses, because these are missing or damaged."""
    has_image, has_losses = jobs["image"].notna().to_numpy(), np.isfinite(curves.values).any(axis=(1, 2))
    return int((has_image & ~has_losses).sum())


def _settings(rows: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Returns the values of each setting with their numbers of rows, the most frequent first."""
    asked = rows[rows["job_id"].notna()]
    counts = {name: asked[name].value_counts(dropna=False) for name in NAMES}
    return {
        name: {value_text(name, value): int(count) for value, count in found.items() if count}
        for name, found in counts.items()
        if len(asked)
    }


@dataclass(frozen=True, slots=True)
class Preview:
    """A contact sheet on the page.

    Attributes:
        sheet: the file.
        thumb: its thumbnail; None beyond the first `PREVIEWS`.
    """

    sheet: SheetFile
    thumb: Thumb | None


def _previews(sheets: Sequence[SheetFile], run: str, album: Album) -> list[Preview]:
    return [
        Preview(sheet, _preview(sheet, run, album) if place < PREVIEWS else None) for place, sheet in enumerate(sheets)
    ]


def _preview(sheet: SheetFile, run: str, album: Album) -> Thumb | None:
    thumb = album.thumb(sheet.title, layout.run(run, sheet.name), PREVIEW_EDGE)
    return thumb if thumb.key else None

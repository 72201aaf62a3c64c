"""The report of a run: one HTML file with everything in it, made from the store alone."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stylize_core.files.files import Files
from stylize_core.record import comparable, variation
from stylize_core.record.job_curves import read_losses
from stylize_core.record.read_run import read_record
from stylize_core.record.run_record import RunRecord
from stylize_core.record.selection import select
from stylize_core.record.table import RunTable, read_run_table
from stylize_core.record.term_curves import TermCurves, read_term_curves
from stylize_core.record.thumbnails import Thumbnails
from stylize_core.report import charts, headline
from stylize_core.report.album import Album, Thumb
from stylize_core.report.bands import spread
from stylize_core.report.details import details
from stylize_core.report.gallery import BYTES, Card, make_cards
from stylize_core.report.job_lines import job_lines
from stylize_core.report.packed_rows import pack_rows
from stylize_core.report.ranking import Ranked, rank
from stylize_core.report.template import HELP, template, vega
from stylize_core.sheets.sheets import FOLDER, NIGHTLY, Limits, SheetFile, Sheets, write_sheets
from stylize_core.store import layout

NAME = "report.html"

PREVIEWS = 12
PREVIEW_EDGE = 420
"""Contact sheets shown small, the others only as links; pixels."""

ROOM = 7_500_000
"""Bytes of table and pictures together, about: with scripts and previews the page stays under 10 MB."""

PROBLEMS = 12
"""Failed and rejected rows listed above the table, which has all."""

INDEX = f"{FOLDER}/index.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is known of a run.

    Attributes:
        record: the run, with some of its jobs.
        listing: its rows.
        jobs: the finished ones of these.
        curves: their losses.
        ranked: lists of jobs that deserve a look.
    """

    record: RunRecord
    listing: RunTable
    jobs: pd.DataFrame
    curves: TermCurves
    ranked: Sequence[Ranked]

    @property
    def remarkable(self) -> set[str]:
        """Ids of the jobs in the ranked lists."""
        return {job_id for one in self.ranked for job_id in one.jobs}


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
    sheets = write_sheets(files, findings.record, pictures, limits)
    path = layout.run(run, NAME)
    files.publish(path, render_page(files, findings, sheets, pictures).encode("utf-8"))
    return path


def read_findings(files: Files, run: str) -> Findings:
    """Returns what the store knows of a run; raises as `write_report` does."""
    listing = read_run_table(files, run)
    jobs = listing.jobs()
    term_curves = read_term_curves(files, jobs)
    ranked = rank(jobs, term_curves)
    record = read_record(files, run, {job_id for one in ranked for job_id in one.jobs})
    return Findings(record=record, listing=listing, jobs=jobs, curves=term_curves, ranked=ranked)


def render_page(files: Files, findings: Findings, sheets: Sheets, pictures: Thumbnails) -> str:
    """Returns the page as HTML."""
    record, album = findings.record, Album(pictures)
    gallery, shown = select(record.finished, record.run, findings.remarkable)
    rows, listed = pack_rows(findings.listing, findings.jobs, findings.curves)
    cards = _cards(record, shown, album, max(BYTES // 3, min(BYTES, ROOM - len(rows))))
    losses = read_losses(files, record, shown)
    return template("report.html.j2", album).render(
        record=record,
        meaning=headline.MEANING,
        sentence=headline.sentence(record),
        period=headline.period(record),
        tiles=headline.tiles(record),
        lacking=_lacking(findings.jobs, findings.curves),
        problems=record.problems[:PROBLEMS],
        ranked=findings.ranked,
        cards=cards,
        gallery=[cards[job_id] for job_id in gallery],
        single=len(findings.listing.rows) == len(gallery) == 1,
        edge=max((max(card.result.width, card.result.height) for card in cards.values()), default=0),
        previews=_previews(sheets.files, record.run, album),
        undrawn=sheets.undrawn,
        index=INDEX if files.exists(layout.run(record.run, INDEX)) else "",
        settings=_settings(findings.listing.rows),
        environment=headline.environment(record),
        help=HELP,
        rows=rows,
        listed=listed,
        total=findings.listing.total,
        sets=_sets(findings, [card.job for card in cards.values()]),
        charts=charts.charts(),
        details=lambda: details(cards, losses, album),
        vega=vega(),
    )


def _cards(record: RunRecord, shown: Collection[str], album: Album, room: int) -> dict[str, Card]:
    jobs = {job.job_id: job for job in record.finished}
    return make_cards([jobs[job_id] for job_id in shown], variation.axes(record.finished), album, room)


def _sets(findings: Findings, shown: Sequence[Any]) -> list[dict[str, Any]]:
    """What the page draws of each set of comparable jobs; of a small run also a line for each job."""
    is_whole = len(shown) == len(findings.jobs)
    found = []
    for one in comparable.comparable_sets(findings.jobs):
        ids = set(findings.jobs["job_id"][one.places])
        lines = job_lines(shown, ids) if is_whole else None
        found.append({**spread(one, findings.jobs, findings.curves), "lines": lines})
    return [one for one in found if one["bands"]]


def _lacking(jobs: pd.DataFrame, curves: TermCurves) -> int:
    """Returns how many jobs have an image, but no losses: these are missing or damaged."""
    has_image, has_losses = jobs["image"].notna().to_numpy(), np.isfinite(curves.values).any(axis=(1, 2))
    return int((has_image & ~has_losses).sum())


def _settings(rows: pd.DataFrame) -> dict[str, dict[str, int]]:
    """The values of each setting with the number of their rows, the most frequent first."""
    asked = rows[rows["job_id"].notna()]
    counts = {name: asked[name].value_counts(dropna=False) for name in variation.NAMES}
    return {
        name: {comparable.value_text(name, value): int(count) for value, count in found.items() if count}
        for name, found in counts.items()
        if len(asked)
    }


@dataclass(frozen=True, slots=True)
class Preview:
    """A contact sheet on the page.

    Attributes:
        sheet: the file.
        thumb: its small picture; None beyond the first `PREVIEWS`.
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

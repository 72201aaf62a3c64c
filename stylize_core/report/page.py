"""The report of a run: one HTML file with everything in it, made from the store alone."""

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
import vl_convert

from stylize_core.report import curves, headline, overview, variation, wording
from stylize_core.report.gallery import Thumb, make_cards
from stylize_core.report.joining import read_record
from stylize_core.report.losses import CURVES, Losses, read_losses
from stylize_core.report.overview import CurveGroup
from stylize_core.report.pictures import Pictures, data_uri
from stylize_core.report.record import RunRecord
from stylize_core.report.selection import select
from stylize_core.report.sheets import NIGHTLY, Limits, SheetFile, Sheets, write_sheets
from stylize_core.settings import LAYERS, SPECS
from stylize_core.store import layout
from stylize_core.store.files import Files

NAME = "report.html"

SHELVES: Mapping[str, str] = {
    "": "",
    "worst": "Highest totals",
    "failed": "Failed",
    "best": "Lowest totals",
    "sample": "Random sample",
}
"""Headings over the results, by why a large run shows them."""

PREVIEWS = 12
PREVIEW_EDGE = 420
"""Contact sheets shown small, the others only as links; pixels."""


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
    record = read_record(files, run)
    pictures = Pictures(files)
    sheets = write_sheets(files, record, pictures, limits)
    path = layout.run(run, NAME)
    files.publish(path, render_page(files, record, sheets, pictures).encode("utf-8"))
    return path


def render_page(files: Files, record: RunRecord, sheets: Sheets, pictures: Pictures) -> str:
    """Returns the page as HTML."""
    why = select(record.finished, record.run)
    losses = read_losses(files, record, why)
    groups = overview.curve_groups(record.finished, losses, why)
    cards = make_cards(record.finished, why, pictures)
    return _template().render(
        record=record,
        meaning=headline.MEANING,
        sentence=headline.sentence(record),
        period=headline.period(record),
        tiles=headline.tiles(record),
        groups=groups,
        cards=cards,
        shelves=SHELVES,
        single=len(cards) == 1,
        edge=max((max(card.result.width, card.result.height) for card in cards), default=0),
        sheets=_previews(sheets.files, record.run, pictures),
        undrawn=sheets.undrawn,
        common=variation.common(record.jobs) if record.jobs else {},
        varying=_varying(record),
        environment=headline.environment(record),
        help={"preset": "named settings that the others start from", **{spec.name: spec.help for spec in SPECS}},
        data=page_data(groups, losses, why),
        vega=_vega(),
    )


def page_data(groups: Sequence[CurveGroup], losses: Losses, why: Mapping[str, str]) -> dict[str, Any]:
    """Returns what the page's script draws: curves by job id, charts by group, and the charts of a single job."""
    jobs = {job_id: curve for group in groups for job_id, curve in _group_curves(group, losses, why).items()}
    return {
        "jobs": jobs,
        "groups": [
            {"jobs": [job.job_id for job in group.jobs if job.job_id in jobs], "charts": group.charts}
            for group in groups
        ],
        "single": {"terms": curves.terms_chart(), **_layer_charts(losses)},
    }


def _group_curves(group: CurveGroup, losses: Losses, why: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    names = variation.axes(group.jobs)
    return {
        job.job_id: {
            "label": job.label,
            "note": variation.describe(job, names),
            "hue": overview.hue(job, group.legend, why),
            "dashed": job.status == "failed",
            **overview.curve_data(losses.curves[job.job_id]),
        }
        for job in group.jobs
        if job.job_id in losses.curves
    }


def _layer_charts(losses: Losses) -> dict[str, curves.Spec]:
    """Charts by layer of the terms that have several layers; of a single layer the term says it all."""
    used = {name for frame in losses.curves.values() for name in CURVES if frame[name].notna().any()}
    layers = {term: [layer for layer in LAYERS if f"{term}_{layer}" in used] for term in ("style", "content")}
    return {term: curves.layers_chart(names) for term, names in layers.items() if len(names) > 1}


@dataclass(frozen=True, slots=True)
class Preview:
    """A contact sheet on the page.

    Attributes:
        sheet: the file.
        thumb: its small picture; None beyond the first `PREVIEWS`.
    """

    sheet: SheetFile
    thumb: Thumb | None


def _previews(sheets: Sequence[SheetFile], run: str, pictures: Pictures) -> list[Preview]:
    return [
        Preview(sheet, _preview(sheet, run, pictures) if place < PREVIEWS else None)
        for place, sheet in enumerate(sheets)
    ]


def _preview(sheet: SheetFile, run: str, pictures: Pictures) -> Thumb | None:
    image = pictures.thumbnail(layout.run(run, sheet.name), PREVIEW_EDGE)
    if image is None:
        return None
    return Thumb(caption=sheet.title, uri=data_uri(image), width=image.width, height=image.height)


def _varying(record: RunRecord) -> dict[str, Counter[str]]:
    names = variation.varying(record.jobs)
    return {name: Counter(wording.setting(job.settings[name]) for job in record.jobs) for name in names}


def _template() -> jinja2.Template:
    """The page's template; file names are the users' data, so everything is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("stylize_core.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = _asset
    environment.filters |= {name: getattr(wording, name) for name in ("duration", "setting", "size")}
    return environment.get_template("report.html.j2")


@functools.cache
def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script; bundling takes a second or two."""
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return script


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")

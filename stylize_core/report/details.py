"""The page's data on a single job besides its row: curves, and the pictures of its strip."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stylize_core.layers import LAYERS
from stylize_core.record.job_curves import CURVES
from stylize_core.report import charts
from stylize_core.report.album import Album, Thumb
from stylize_core.report.gallery import Card
from stylize_core.report.job_lines import curve_data

Curves = Mapping[str, pd.DataFrame]


EDGE = 64
"""Edge of the table's pictures, pixels."""

EDGE_BYTES = 1900
"""Approximate bytes of one of them in base64; measured on noisy ones."""


def details(
    cards: Mapping[str, Card], curves: Curves, album: Album, images: Mapping[str, str | None]
) -> dict[str, Any]:
    """Returns `jobs` by id, `thumbs` by job id, the `charts` of one job, and `pictures` not yet on the page.

    Args:
        cards: the shown jobs.
        curves: of them, by job id; see `job_curves.read_curves`.
        album: of the page, rendered up to there.
        images: by job id, the results whose thumbnails the table has besides those of the cards.
    """
    small = {job_id: album.thumb("", path, EDGE) for job_id, path in images.items() if job_id not in cards}
    thumbs = [*(thumb for card in cards.values() for thumb in (card.result, *card.steps)), *small.values()]
    return {
        "thumbs": {job_id: thumb.key for job_id, thumb in small.items() if thumb.key},
        "jobs": {job_id: _job(card, curves) for job_id, card in cards.items()},
        "charts": {"terms": charts.terms_chart(), **_layer_charts(curves)},
        "pictures": album.unplaced(thumbs),
    }


def _job(card: Card, curves: Curves) -> dict[str, Any]:
    frame = curves.get(card.job.job_id)
    return {
        "label": card.job.label,
        "strip": [_tile(thumb) for thumb in (*card.steps, card.result)],
        "curve": None if frame is None else curve_data(frame),
    }


def _tile(thumb: Thumb) -> list[str | int]:
    return [thumb.key, thumb.caption, thumb.width, thumb.height]


def _layer_charts(curves: Curves) -> dict[str, charts.Spec]:
    """Returns charts by layer of the terms with several layers; for a single layer the term is enough."""
    used = {name for frame in curves.values() for name in CURVES if frame[name].notna().any()}
    layers = {term: [layer for layer in LAYERS if f"{term}_{layer}" in used] for term in ("style", "content")}
    return {term: charts.layers_chart(names) for term, names in layers.items() if len(names) > 1}

"""Writes a synthetic store for the report: rows of every status, falling losses, blends of pictures as results."""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image, ImageOps

from benchmarks.pairs import find_pairs
from stylize_core.files.files import Files
from stylize_core.presets import resolve
from stylize_core.record.publish import publish_rows
from stylize_core.settings import Settings
from stylize_core.store import layout
from stylize_core.store.records import METRICS, PLAN, RESULTS
from stylize_core.store.tables import publish_table
from stylize_core.terms import LOSSES

RUN = "20261120-103200"

COMMIT = 1000
"""Jobs committed at once, as after a compaction."""

CONTENTS, STYLES = 40, 10
PRESETS = ("default", "fast")
STYLE_WEIGHTS = (None, 1e7)
EDGE = 256

WEIGHTS = "ab" * 32


@dataclass(frozen=True, slots=True)
class Pool:
    """The pictures of a store.

    Attributes:
        contents: name and sha256 of each.
        styles: name and sha256 of each.
        results: the file of an encoded blend, by content and style.
    """

    contents: Sequence[tuple[str, str]]
    styles: Sequence[tuple[str, str]]
    results: Sequence[Sequence[Path]]


def write_store(folder: Path, rows: int, images: Path | None) -> Files:
    """Writes a store with one run, and publishes its rows.

    The rows cross contents and styles with presets and style weights repeatedly, each time with another seed. One in 97
    failed, one in 211 was rejected, one in 301 is of an earlier run.

    Args:
        folder: for the store, on a local disk, because the results are hard links to few blends.
        rows: number of rows.
        images: a folder of pictures, or None for the default ones; see `pairs.find_pairs`.
    """
    files = Files(str(folder))
    pool = make_pool(files, images, min(CONTENTS, math.ceil(rows / STYLES)))
    lines = [_row(number, pool) for number in range(rows)]
    publish_table(files, layout.run(RUN, "plan.parquet"), pa.Table.from_pylist([one for one, _ in lines], schema=PLAN))
    files.publish(layout.run(RUN, "environment.json"), json.dumps(_environment(rows)).encode())
    jobs = [(plan, result) for plan, result in lines if result]
    for start in range(0, len(jobs), COMMIT):
        _commit(files, f"{RUN}-0-{start // COMMIT:04d}", jobs[start : start + COMMIT], pool)
    publish_rows(files, RUN)
    return files


def make_pool(files: Files, images: Path | None, number: int) -> Pool:
    """Publishes the inputs' thumbnails and makes a blend for each pair."""
    pairs = find_pairs(images, 6)
    contents = list(_variants([content for content, _ in pairs], number))
    styles = list(_variants([style for _, style in pairs], STYLES))
    shas = [[_published(files, picture) for _, picture in found] for found in (contents, styles)]
    blends = Path(files.uri) / "pool"
    blends.mkdir(parents=True, exist_ok=True)
    results = [
        [_blend(blends / f"{c}-{s}.png", content, style) for s, (_, style) in enumerate(styles)]
        for c, (_, content) in enumerate(contents)
    ]
    names = [[name for name, _ in found] for found in (contents, styles)]
    return Pool(*(list(zip(*one, strict=True)) for one in zip(names, shas, strict=True)), results)


def _variants(paths: Sequence[Path], count: int) -> Iterator[tuple[str, Image.Image]]:
    """Yields the pictures, then the same pictures flipped and in other colours and shapes."""
    for number in range(count):
        turn, place = divmod(number, len(paths))
        with Image.open(paths[place]) as image:
            picture = ImageOps.exif_transpose(image).convert("RGB")
        picture.thumbnail((EDGE, EDGE))
        hue, saturation, value = (ImageOps.mirror(picture) if turn % 2 else picture).convert("HSV").split()
        turned = Image.merge("HSV", (hue.point(lambda v, turn=turn: (v + 41 * turn) % 256), saturation, value))
        yield f"{paths[place].stem}-{number:02d}", turned.convert("RGB")


def _published(files: Files, picture: Image.Image) -> str:
    sha = hashlib.sha256(picture.tobytes()).hexdigest()
    path = Path(files.uri) / layout.thumbnail(sha)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return sha


def _blend(path: Path, content: Image.Image, style: Image.Image) -> Path:
    Image.blend(content, ImageOps.fit(style, content.size), 0.55).save(path, compress_level=1)
    return path


def _row(number: int, pool: Pool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns a line of the plan and one of the results, which is empty if the row was rejected."""
    rest, style = divmod(number, STYLES)
    rest, content = divmod(rest, len(pool.contents))
    rest, preset = divmod(rest, len(PRESETS))
    seed, weight = divmod(rest, len(STYLE_WEIGHTS))
    given = {"size": EDGE, "seed": seed}
    given |= {"style_weight": STYLE_WEIGHTS[weight]} if STYLE_WEIGHTS[weight] else {}
    settings = resolve(PRESETS[preset], given)
    names = [pool.contents[content][0], pool.styles[style][0]]
    line: dict[str, Any] = {
        "row": number + 1,
        "line": number + 2,
        "id": f"{names[0]}--{names[1]}--{number}",
        "preset": PRESETS[preset],
        "content": f"/data/contents/{names[0]}.jpg",
        "style": f"/data/styles/{names[1]}.jpg",
        "cells": json.dumps({"content": f"contents/{names[0]}.jpg", "style": f"styles/{names[1]}.jpg"}),
        "action": "run",
    }
    if number % 211 == 200:
        return line | {"action": "reject", "error_code": "input_missing", "error": "there is no such file"}, {}
    job = hashlib.sha256(f"{number}".encode()).hexdigest()[:24]
    digests = {"content": pool.contents[content][1], "styles": [[pool.styles[style][1], 1.0]], "weights": WEIGHTS}
    line |= {"job_id": job, "settings": settings.to_json(), "digests": json.dumps({**digests, "init": None})}
    return line, {"settings": settings, "pair": (content, style), "failed": number % 97 == 50, "number": number}


def _commit(files: Files, commit: str, jobs: Sequence[tuple[dict[str, Any], dict[str, Any]]], pool: Pool) -> None:
    """Publishes results and losses; images are hard links, because making them is not measured."""
    metrics = [_losses(plan["job_id"], one) for plan, one in jobs]
    publish_table(files, layout.metrics(commit), pa.concat_tables(metrics))
    lines = [_result(files, commit, *job, pool, table) for job, table in zip(jobs, metrics, strict=True)]
    publish_table(files, layout.results(commit), pa.Table.from_pylist(lines, schema=RESULTS))


def _losses(job: str, one: dict[str, Any]) -> pa.Table:
    """Returns losses that fall as a power of the step, faster for some styles; a failed job's explode at the end."""
    settings: Settings = one["settings"]
    content, style = one["pair"]
    generator = np.random.default_rng(one["number"])
    level = generator.lognormal(0, 0.35) * (1 + style / 6)
    step = np.arange(settings.steps + 1)
    losses = {
        "style": level * 1e-3 / (1 + step) ** (1.1 + 0.04 * style) + 2e-7 * level,
        "content": 0.1 * generator.lognormal(0, 0.2) * (1 + content / 40) * (1 - np.exp(-(step + 1) / 9)),
        "tv": np.full(len(step), 0.01 * level),
    }
    if one["failed"]:
        losses["style"][-3:] *= 1e6
    weights = {term: getattr(settings, f"{term}_weight") for term in losses}
    losses["total"] = sum(weights[term] * values for term, values in losses.items())
    losses |= {f"content_{layer}": losses["content"] for layer, _ in settings.content_layers}
    losses |= {f"style_{layer}": losses["style"] * (5 - k) for k, (layer, _) in enumerate(settings.style_layers)}
    columns = {"step": step, "evaluation": step, "seconds": step * 0.04, **losses}
    arrays = [
        pa.array([job] * len(step))
        if field.name == "job_id"
        else pa.array(columns[field.name]).cast(field.type)
        if field.name in columns
        else pa.nulls(len(step), field.type)
        for field in METRICS
    ]
    return pa.table(arrays, schema=METRICS)


def _result(
    files: Files, commit: str, plan: dict[str, Any], one: dict[str, Any], pool: Pool, metrics: pa.Table
) -> dict[str, Any]:
    settings: Settings = one["settings"]
    content, style = one["pair"]
    blend, failed = pool.results[content][style], one["failed"]
    image = layout.image(plan["job_id"], settings.format, failed_attempt=int(failed) or None)
    path = Path(files.uri) / image
    path.parent.mkdir(parents=True, exist_ok=True)
    os.link(blend, path)
    quality = {"quality_ssim": 0.3 + 0.5 / (1 + style), "quality_colour": 0.1 + 0.02 * content / 4, "quality_gram": 0.2}
    known = {name: value for name, value in quality.items() if name in RESULTS.names and not failed}
    return {
        "job_id": plan["job_id"],
        "commit": commit,
        "run": RUN if one["number"] % 301 else "20261119-103200",
        "attempt": 1,
        "status": "failed" if failed else "done",
        "error_code": "diverged" if failed else None,
        "error": "the loss is no longer finite; lower learning_rate" if failed else None,
        "form": settings.form,
        "settings": plan["settings"],
        "digests": plan["digests"],
        "image": image,
        "bytes": blend.stat().st_size,
        "width": EDGE,
        "height": EDGE * 3 // 4,
        "steps": settings.steps,
        "best_step": settings.steps,
        **{f"final_{term}": metrics[term][-1].as_py() for term in LOSSES},
        **known,
        "seconds": settings.steps * 0.04 * (1 + one["number"] % 7 / 10),
        "device": "cpu",
        "precision": "float32",
        "versions": json.dumps({"torch": "2.15"}),
    }


def _environment(rows: int) -> dict[str, Any]:
    return {
        "run": RUN,
        "started": "2026-11-20T10:32:00+00:00",
        "finished": f"2026-11-{21 + (rows > 20_000):02d}T03:20:12+00:00",
        "command": f"stylize run manifest-{rows}.csv --store out",
        "device": "cpu x86_64, 2 threads",
        "precision": "float32",
        "weights": {"name": "imagenet", "sha256": WEIGHTS},
        "versions": {"python": "3.11", "torch": "2.15"},
        "options": {"runner": "local"},
    }

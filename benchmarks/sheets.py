"""Measures the contact sheets of a run, by number of jobs: seconds, memory, pages, bytes.

    python -m benchmarks.sheets [--jobs 1 7 200 10000] [--edge 512] [--images DIR] [--pages N | all] [--output DIR]

Writes stores whose results are blends of real pictures, in several aspect ratios, and draws the sheets of each in a
fresh process. Equal results are links to one file, so that 10,000 of them fit on a disk; each is still decoded. The
stores stay in the output's folder for inspection. Writes sheets.csv.
"""

import argparse
import functools
import hashlib
import io
import itertools
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from PIL import Image, ImageOps

from benchmarks.command import machine, make_console, table_of
from benchmarks.memory import in_fresh_process, reset_peak, resident_bytes
from stylize_core.files.files import Files
from stylize_core.presets import resolve
from stylize_core.record.publish import publish_rows
from stylize_core.record.read_run import read_record
from stylize_core.record.rows import RunRows
from stylize_core.record.table import LINE, run_table
from stylize_core.record.thumbnails import Thumbnails
from stylize_core.sheets.sheets import NIGHTLY, Limits, write_sheets
from stylize_core.store import layout
from stylize_core.store.records import PLAN, RESULTS
from stylize_core.store.store import open_store
from stylize_core.store.tables import publish_table

RUN = "20261120T023000.000-beef"
LOOKS = 12
"""Different thumbnails of each kind; further inputs have other names and the same pictures."""

SHAPES = {1: (1, 1, 1, 1), 7: (7, 1, 1, 1), 100: (2, 2, 5, 5), 200: (20, 10, 1, 1), 10_000: (100, 20, 1, 5)}
"""Contents, styles, content weights, style weights, by number of jobs."""

PROPORTIONS = ((4, 3), (3, 4), (1, 1), (16, 9), (3, 2))
PLACES = (
    "old town at night",
    "harbour",
    "portrait_of_a_woman_with_a_very_long_file_name_2048px_final(2)",
    "IMG_20240711_183042",
)


@dataclass(frozen=True)
class Made:
    """A job of a synthetic run."""

    content: int
    style: int
    content_weight: float
    style_weight: float

    @property
    def job_id(self) -> str:
        """An id of the usual form."""
        text = f"{self.content}-{self.style}-{self.content_weight}-{self.style_weight}"
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    @property
    def names(self) -> tuple[str, str]:
        """Numbers of content and style."""
        return f"{PLACES[self.content % len(PLACES)]} {self.content:03d}", f"painting {self.style:02d}"


class Looks:
    """The pictures of a synthetic run.

    Args:
        folder: with real pictures.
        edge: long edge of the results, pixels.
    """

    def __init__(self, folder: Path, edge: int) -> None:
        paths = sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png"))
        self._pictures = [Image.open(path).convert("RGB") for path in paths]
        self._edge = edge

    def content(self, number: int) -> Image.Image:
        """Returns a content: a part of a picture, in one of several aspect ratios."""
        look = number % LOOKS
        wide, tall = PROPORTIONS[look % len(PROPORTIONS)]
        size = (self._edge * wide // max(wide, tall), self._edge * tall // max(wide, tall))
        return self._part(look, size)

    def style(self, number: int) -> Image.Image:
        """Returns a style: a part of a picture in other colours."""
        image = self._part(2 * number % LOOKS + 1, (self._edge, self._edge))
        return Image.merge("RGB", [image.getchannel("RGB"[(number + band) % 3]) for band in (0, 1, 2)])

    @functools.lru_cache(maxsize=2000)  # noqa: B019 the program ends with it
    def result(self, content: int, style: int, share: float) -> bytes:
        """Returns an encoded blend of both."""
        ground = self.content(content)
        pattern = np.asarray(self.style(style).resize(ground.size), np.float32)
        lights = np.asarray(ImageOps.autocontrast(ground.convert("L")), np.float32)[..., None] / 255
        mixed = np.asarray(ground, np.float32) * (1 - share) + pattern * (0.35 + 1.1 * lights) * share
        sink = io.BytesIO()
        Image.fromarray(mixed.clip(0, 255).astype(np.uint8)).save(sink, "PNG", compress_level=3)
        return sink.getvalue()

    def _part(self, look: int, size: tuple[int, int]) -> Image.Image:
        picture = self._pictures[look % len(self._pictures)]
        image = ImageOps.fit(picture, size, centering=(look * 0.37 % 1, look * 0.61 % 1))
        return ImageOps.mirror(image) if look // len(self._pictures) % 2 else image


def jobs_of(count: int) -> Iterator[Made]:
    """Yields the jobs of a run."""
    contents, styles, *weights = SHAPES.get(count, (max(1, count // 20), 20, 1, 1))
    ladders = [[10.0 ** (place - number // 2) for place in range(number)] for number in weights]
    crossed = itertools.product(range(contents), range(styles), ladders[0], ladders[1])
    for content, style, content_weight, style_weight in itertools.islice(crossed, count):
        yield Made(content, style, content_weight, 1e6 * style_weight)


def build(folder: Path, count: int, images: Path, edge: int) -> Files:
    """Writes a store with one run; every 97th job has failed."""
    files, looks = open_store(str(folder), create=True), Looks(images, edge)
    plan, results = [], []
    settings = functools.cache(
        lambda c, s: json.dumps(resolve("default", {"size": edge, "content_weight": c, "style_weight": s}).to_dict())
    )
    for row, job in enumerate(jobs_of(count), 1):
        is_failed = row % 97 == 0
        width, height = looks.content(job.content).size if row <= LOOKS else (edge, edge)
        digests = {"content": f"{job.content:064x}", "styles": [[f"{job.style + 10**6:064x}", 1.0]], "weights": "ab"}
        shared = {"job_id": job.job_id, "settings": settings(job.content_weight, job.style_weight)}
        shared["digests"] = json.dumps(digests)
        content, style = (f"/pictures/{name}.jpg" for name in job.names)
        plan.append({"row": row, "line": row + 1, "action": "run", "preset": "default", "cells": "{}", **shared})
        plan[-1] |= {"content": content, "style": style}
        image = None if is_failed else _publish(files, looks, job)
        outcome: dict[str, Any] = {"status": "done", "image": image, "final_total": 1.0 + row % 7, "seconds": 1.5}
        if is_failed:
            outcome = {"status": "failed", "error_code": "image_truncated", "error": "the file is cut off"}
        sizes = {"width": width, "height": height, "steps": 100, "attempt": 1, "commit": RUN, "run": RUN}
        results.append({**shared, **sizes, "bytes": 1, "form": "mean", "precision": "float32", **outcome})
    publish_table(files, layout.run(RUN, "plan.parquet"), pa.Table.from_pylist(plan, schema=PLAN))
    publish_table(files, layout.results(RUN), pa.Table.from_pylist(results, schema=RESULTS))
    publish_rows(files, RUN)
    return files


def _publish(files: Files, looks: Looks, job: Made) -> str:
    """Publishes a result and its inputs' thumbnails; returns the result's path."""
    for number, sha256, draw in (
        (job.content, f"{job.content:064x}", looks.content),
        (job.style, f"{job.style + 10**6:064x}", looks.style),
    ):
        if not files.exists(layout.thumbnail(sha256)):
            small, sink = draw(number), io.BytesIO()
            small.thumbnail((256, 256))
            small.save(sink, "JPEG")
            files.publish(layout.thumbnail(sha256), sink.getvalue())
    share = 0.25 + 0.12 * np.log10(job.style_weight / job.content_weight / 1e4 + 1)
    key = (job.content % LOOKS, job.style, round(min(0.9, float(share)), 3))
    first = files.local_path(f"looks/{'-'.join(map(str, key))}.png")
    path = files.local_path(layout.image(job.job_id, "png"))
    assert first, "the store is on a disk"
    assert path, "the store is on a disk"
    if not first.exists():
        first.parent.mkdir(exist_ok=True)
        first.write_bytes(looks.result(*key))
    path.parent.mkdir(parents=True, exist_ok=True)
    os.link(first, path)
    return layout.image(job.job_id, "png")


def measure(folder: Path, limits: Limits) -> dict[str, float]:
    """Draws the sheets of a store's run; returns its cost."""
    files = open_store(str(folder), create=False)
    rows = RunRows(files, RUN, LINE)
    record = read_record(rows, run_table(rows))
    reset_peak()
    before, began = resident_bytes("VmRSS"), time.monotonic()
    sheets = write_sheets(rows, record, Thumbnails(files), limits)
    seconds = time.monotonic() - began
    drawn = [folder / layout.run(RUN, sheet.name) for sheet in sheets.files]
    return {
        "seconds": seconds,
        "pages": len(drawn),
        "undrawn": sheets.undrawn,
        "peak_mb": (resident_bytes("VmHWM") - before) / 1e6,
        "largest_mb": max(path.stat().st_size for path in drawn) / 1e6,
        "all_mb": sum(path.stat().st_size for path in drawn) / 1e6,
        "longest_px": max(max(Image.open(path).size) for path in drawn),
    }


def main(arguments: list[str] | None = None) -> None:
    """Writes stores, draws their sheets, and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 7, 200, 10_000])
    parser.add_argument("--edge", type=int, default=512, help="long edge of the results")
    parser.add_argument("--images", type=Path, default=Path("manifests/images"), help="a folder of pictures")
    parser.add_argument("--pages", help="pages per sheet, or `all`; as many as a run has time for unless given")
    parser.add_argument("--output", type=Path, default=Path("sheets"), help="folder for the stores and sheets.csv")
    given = parser.parse_args(arguments)
    pages = given.pages and (None if given.pages == "all" else int(given.pages))
    limits = Limits(pages=pages, seconds=None) if given.pages else NIGHTLY
    lines = []
    for count in given.jobs:
        folder = given.output / str(count)
        shutil.rmtree(folder, ignore_errors=True)
        build(folder, count, given.images, given.edge)
        lines.append({"jobs": count, "edge": given.edge, **in_fresh_process(measure, folder, limits)})
    frame = pd.DataFrame(lines)
    frame.to_csv(given.output / "sheets.csv", index=False)
    console = make_console()
    console.print(machine(torch.device("cpu")))
    console.print(table_of(frame))


if __name__ == "__main__":
    main()

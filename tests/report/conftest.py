"""Synthetic stores with real files: drawn pictures, plausible losses, and rows of every status."""

import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw

from stylize_core.files.files import Files
from stylize_core.job import Source, job_id
from stylize_core.presets import resolve
from stylize_core.settings import Settings
from stylize_core.store import layout
from stylize_core.store.commits import publish_commit
from stylize_core.store.records import METRICS, PLAN, TERMS, Outcome, Result
from stylize_core.store.tables import publish_table

RUN = "20261120-103200"
EARLIER = "20261119-020000"
WEIGHTS = "ab" * 32
EDGE = 72
HOSTILE = "<script>alert(1)<!--"


def png(image: Image.Image, suffix: str = "PNG") -> bytes:
    """Returns an encoded picture."""
    sink = io.BytesIO()
    image.save(sink, suffix)
    return sink.getvalue()


def draw_content(number: int) -> Image.Image:
    """A landscape: sky, sun and hills."""
    image = Image.new("RGB", (96, EDGE), (150 + 7 * number % 80, 190, 230))
    draw = ImageDraw.Draw(image)
    draw.ellipse((60 - 3 * number % 50, 8, 84 - 3 * number % 50, 32), fill=(250, 220, 120))
    draw.polygon([(0, EDGE), (30 + 5 * number % 40, 30), (96, EDGE)], fill=(70, 110, 60))
    return image


def draw_style(number: int) -> Image.Image:
    """A pattern of stripes."""
    y, x = np.mgrid[0:EDGE, 0:EDGE]
    waves = np.sin(x / (2 + number) + y / 9) + np.sin(y / (3 + number))
    rgb = np.stack([waves * 60 + 120 + 10 * number, 130 - waves * 50, 160 + waves * 40 - 9 * number], axis=-1)
    return Image.fromarray(rgb.clip(0, 255).astype("uint8"))


class Builder:
    """Builds one run in one store.

    Args:
        files: an empty store.
    """

    def __init__(self, files: Files) -> None:
        self.files = files
        self.plan: list[dict[str, Any]] = []
        self.outcomes: dict[str, list[Outcome]] = {RUN: [], EARLIER: []}

    def source(self, kind: str, number: int, name: str = "") -> Source:
        """Publishes the thumbnail of an input."""
        sha = f"{kind}-{number}".encode().hex().ljust(64, "0")
        image = draw_content(number) if kind == "content" else draw_style(number)
        path = layout.thumbnail(sha)
        if not self.files.exists(path):
            self.files.publish(path, png(image, "JPEG"))
        uri = f"/pictures/{name or f'{kind} {number}'}.jpg"
        return Source(uri=uri, sha256=sha, width=image.width, height=image.height)

    def row(self, content: Source, style: Source, action: str = "run", **given: Any) -> str:
        """Adds a line to the plan; returns its job's id."""
        preset, name = given.pop("preset", "default"), given.pop("id", None)
        settings = resolve(preset, {"size": 96, "steps": 40, **given})
        job = job_id(
            content=content,
            styles=[(style, 1.0)],
            init=None,
            settings=settings,
            weights_sha256=WEIGHTS,
            precision="float32",
        )
        self._line(
            id=name,
            job_id=job,
            action=action,
            preset=preset,
            content=content.uri,
            style=style.uri,
            settings=json.dumps(settings.to_dict()),
            digests=json.dumps(digests(content, style)),
            cells=json.dumps({"content": f"..{content.uri}", "style": f"..{style.uri}", "x_note": "=1+1"}),
        )
        return job

    def rejected(self, code: str, error: str) -> None:
        """Adds a line that was refused."""
        cells = {"content": "missing.jpg", "style": "style.jpg", "x_note": ""}
        self._line(action="reject", error_code=code, error=error, cells=json.dumps(cells))

    def _line(self, **values: Any) -> None:
        number = len(self.plan) + 1
        self.plan.append({"row": number, "line": number + 1, **values})

    def outcome(self, job: str, *, run: str = RUN, error: str = "", picture: bool = True) -> None:
        """Adds what became of the job that the plan's line asks for."""
        line = next(line for line in self.plan if line.get("job_id") == job)
        settings = Settings.from_dict(json.loads(line["settings"]))
        metrics = losses(job, settings, diverged=error == "diverged") if picture else None
        result = result_of(job, line, settings, run, error)
        if metrics is not None:
            for term in TERMS:
                setattr(result, f"final_{term}", metrics[term][-1].as_py())
        number = int(job, 16) % 9
        content = draw_content(number)
        image = Image.blend(content, draw_style(number).resize(content.size), 0.6)
        steps = range(settings.snapshot_every, settings.steps + 1, settings.snapshot_every or 1)
        self.outcomes[run].append(
            Outcome(
                result=result,
                image=png(image) if picture else None,
                snapshots={step: png(image) for step in steps} if settings.snapshot_every and picture else {},
                metrics=metrics,
            )
        )

    def publish(self) -> Files:
        """Publishes plan, environment, results and metrics."""
        publish_table(self.files, layout.run(RUN, "plan.parquet"), pa.Table.from_pylist(self.plan, schema=PLAN))
        self.files.publish(layout.run(RUN, "environment.json"), json.dumps(ENVIRONMENT).encode())
        forecast = {"forecast": {"jobs": 9, "seconds": 130.0, "probed": True}}
        self.files.publish(layout.run(RUN, "plan.json"), json.dumps(forecast).encode())
        for run, outcomes in self.outcomes.items():
            if outcomes:
                publish_commit(self.files, f"{run}-0-0000", outcomes)
        return self.files


ENVIRONMENT = {
    "run": RUN,
    "started": "2026-11-20T10:32:00+00:00",
    "finished": "2026-11-20T10:36:12+00:00",
    "command": "stylize run manifest.csv --store out --weights builtin",
    "device": "cpu x86_64, 2 threads",
    "precision": "float32",
    "weights": {"name": "builtin", "sha256": WEIGHTS},
    "versions": {"python": "3.11", "torch": "2.15"},
    "host": "painter",
    "threads": 2,
    "options": {"runner": "local"},
}


def digests(content: Source, style: Source) -> dict[str, Any]:
    """Digests as plan and results record them."""
    return {"content": content.sha256, "styles": [[style.sha256, 1.0]], "init": None, "weights": WEIGHTS}


def result_of(job: str, line: dict[str, Any], settings: Settings, run: str, error: str) -> Result:
    """A result line without final terms."""
    return Result(
        job_id=job,
        run=run,
        attempt=1,
        status="failed" if error else "done",
        error_code=error or None,
        error=f"it is {error} · =cmd() is <b>no</b> advice" if error else None,
        retryable=False,
        form=settings.form,
        settings=line["settings"],
        digests=line["digests"],
        width=96,
        height=EDGE,
        steps=settings.steps,
        best_step=settings.steps,
        seconds=12.5,
        device="cpu",
        precision="float32",
        versions=json.dumps({"torch": "2.15"}),
    )


def losses(job: str, settings: Settings, *, diverged: bool) -> pa.Table:
    """Losses that fall as a power of the step; a diverged job's explode in the end."""
    level = 1 + int(job[:6], 16) / 2**24
    step = np.arange(settings.steps + 1)
    style = level * 1e-3 / (1 + step) ** 1.2
    content = 0.4 * level * (1 - np.exp(-(step + 1) / 12))
    tv = np.full_like(style, 0.01 * level)
    if diverged:
        style[-3:] = [1e3, math.inf, math.nan]
    total = content * settings.content_weight + style * settings.style_weight + tv * settings.tv_weight
    columns: dict[str, Any] = dict.fromkeys(METRICS.names) | {
        "step": step,
        "evaluation": step,
        "total": total,
        "content": content,
        "style": style,
        "tv": tv,
    }
    columns |= {f"content_{layer}": content for layer, _ in settings.content_layers}
    columns |= {f"style_{layer}": style * (5 - place) for place, (layer, _) in enumerate(settings.style_layers)}
    arrays = [
        pa.array([job] * len(step)) if name == "job_id" else pa.nulls(len(step)) if values is None else pa.array(values)
        for name, values in columns.items()
    ]
    return pa.table([array.cast(field.type) for array, field in zip(arrays, METRICS, strict=True)], schema=METRICS)


def build_one(build: Builder) -> None:
    """A run of one row."""
    build.outcome(build.row(build.source("content", 1), build.source("style", 1), snapshot_every=10))


def build_twelve(build: Builder) -> None:
    """12 rows: a cross of 2 x 3, a sweep of 2, a row twice, one skipped, two failed, one rejected, one stopped."""
    contents = [build.source("content", 1, "Tübingen"), build.source("content", 2, HOSTILE)]
    styles = [build.source("style", number) for number in range(3)]
    for content in contents:
        for style in styles:
            build.row(content, style)
    cross = [line["job_id"] for line in build.plan]
    build.row(contents[0], styles[0])  # the first row again
    sweep = build.row(contents[0], styles[1], style_weight=1e5, id="faint")
    earlier = build.row(contents[0], styles[2], seed=7)
    unmade = build.row(contents[1], styles[2], seed=7)
    build.rejected("input_missing", "there is no file · =HYPERLINK(1)")
    build.row(contents[1], styles[0], seed=9)  # never reached
    for job in [*cross[:-1], sweep]:
        build.outcome(job)
    build.outcome(cross[-1], error="diverged")
    build.outcome(earlier, run=EARLIER)
    build.outcome(unmade, error="image_truncated", picture=False)


def build_many(build: Builder) -> None:
    """210 rows, 14 contents x 15 styles, two of them failed."""
    contents = [build.source("content", number) for number in range(14)]
    styles = [build.source("style", number) for number in range(15)]
    jobs = [build.row(content, style) for content in contents for style in styles]
    for job in jobs[:-2]:
        build.outcome(job)
    build.outcome(jobs[-2], error="diverged")
    build.outcome(jobs[-1], error="image_truncated", picture=False)


BUILDERS: dict[int, Callable[[Builder], None]] = {1: build_one, 12: build_twelve, 210: build_many}


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Files]:
    """Returns a function: number of rows -> a store with a run of so many, built once."""
    built: dict[int, Files] = {}

    def store(rows: int) -> Files:
        if rows not in built:
            files = Files(str(tmp_path_factory.mktemp(f"store{rows}")))
            builder = Builder(files)
            BUILDERS[rows](builder)
            built[rows] = builder.publish()
        return built[rows]

    return store


@pytest.fixture(scope="session")
def run() -> str:
    """Name of the run that every synthetic store holds."""
    return RUN


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    """A run to be made up by the test."""
    return Builder(Files(str(tmp_path / "store")))

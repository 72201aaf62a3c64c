"""Measures a run without its optimisation, by number of rows: the orchestration, the client's memory, the store.

    python -m benchmarks.scale [--rows 10 1000 10000 100000] [--runner loop local] [--size 16] [--store URI]

The whole command runs, each time in a fresh process and into a new store. Only `Engine.optimise` and `Engine.fit` are
replaced by a stub, which returns images of --size px immediately, in batches of 64, with one batch per chunk up to
2,000 chunks. The orchestration is the time of all chunks without the commits' encoding and writing (with fsync). Memory
is the resident set of the command's own process; half is after half of the rows; anonymous is the part that no file
backs, because a CUDA build of torch maps hundreds of MB of libraries. `--rows 512 --size 224 --runner loop` shows how
many jobs per second this machine can feed to a GPU and take from it. Writes scale.csv and scale.png to --output.
"""

import argparse
import contextlib
import csv
import math
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from stylize_flows.cli import main as stylize

from benchmarks.command import machine, make_console, table_of
from benchmarks.memory import in_fresh_process
from benchmarks.meter import Meter
from benchmarks.plots import scale_chart
from stylize_core.engine.engine import Engine
from stylize_core.engine.memory import Fit
from stylize_core.engine.objective import columns_of
from stylize_core.engine.optimise import OnStep, Optimised
from stylize_core.engine.pair import Pair
from stylize_core.images.encode import to_8bit
from stylize_core.plan.chunks import MAX_CHUNKS
from stylize_core.store.status import summary
from stylize_core.store.store import open_store

BATCH = 64
STEPS = 20
CONTENTS, STYLES = 100, 10

Line = dict[str, int | float | str]


def write_manifest(folder: Path, rows: int, size: int) -> Path:
    """Writes smooth pictures of twice the size, and a manifest that crosses them repeatedly, with different seeds."""
    generator = np.random.default_rng(0)
    for name, count in (("content", CONTENTS), ("style", STYLES)):
        for number in range(count):
            coarse = Image.fromarray(generator.integers(0, 256, (32, 32, 3), dtype=np.uint8))
            coarse.resize((2 * size, 2 * size), Image.Resampling.BICUBIC).save(folder / f"{name}-{number}.png")
    manifest = folder / "manifest.csv"
    with manifest.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("content", "style", "size", "steps", "seed"))
        for row in range(rows):
            seed, pair = divmod(row, CONTENTS * STYLES)
            content, style = divmod(pair, STYLES)
            writer.writerow((f"content-{content}.png", f"style-{style}.png", size, STEPS, seed))
    return manifest


def stub_optimise(_: Engine, pairs: Sequence[Pair], *, on_step: OnStep, **__: Any) -> list[Optimised]:
    """Replaces `Engine.optimise`: every result is its content, and every loss falls in the same way."""
    settings = pairs[0].settings
    losses = _losses(settings.steps, len(columns_of(settings)))
    on_step(settings.steps, losses[-1, :1])
    return [
        Optimised(
            image=to_8bit(pair.content),
            diverged=False,
            steps=settings.steps,
            best_step=settings.steps,
            columns=columns_of(settings),
            losses=losses,
            sizes=torch.full((settings.steps + 1,), settings.size, dtype=torch.int32),
            seconds=torch.linspace(0, 1, settings.steps + 1),
            batch=len(pairs),
            final=losses[-1],
            snapshots={},
        )
        for pair in pairs
    ]


@cache
def _losses(steps: int, columns: int) -> torch.Tensor:
    return torch.rand(steps + 1, columns, generator=torch.Generator().manual_seed(0)).sort(dim=0, descending=True)[0]


def measure(rows: int, runner: str, size: int, store: str) -> Line:
    """Runs the command once and returns its figures; to be called in a fresh process.

    Args:
        rows: of the manifest.
        runner: `loop` or `local`.
        size: of the images, pixels.
        store: a new store.
    """
    with tempfile.TemporaryDirectory(prefix="stylize-scale-", ignore_cleanup_errors=True) as folder:
        os.environ["PREFECT_HOME"] = folder  # no server, profile or database of the user
        os.environ.pop("PREFECT_API_URL", None)
        manifest = write_manifest(Path(folder), rows, size)
        Engine.optimise = stub_optimise
        Engine.fit = lambda *_: Fit(jobs=BATCH, recompute=False, bytes=0)
        meter = Meter(rows)
        command = ["run", str(manifest), "--store", store, "--weights", "builtin", "--runner", runner]
        command += ["--rows-per-task", str(max(BATCH, math.ceil(rows / MAX_CHUNKS)))]
        _run(command)
        figures = meter.figures()
        rate = {"jobs_a_second": rows / figures["run_seconds"]}
        return {"rows": rows, "runner": runner, **rate, **figures, **_prefect(Path(folder)), **_store(store)}


def _run(command: list[str]) -> None:
    """Runs the command; shows its output only if it fails."""
    with tempfile.TemporaryFile("w+") as log:
        try:
            with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
                stylize(command)
        except SystemExit as end:
            if end.code:
                log.seek(0)
                raise RuntimeError(log.read()) from None


def _prefect(home: Path) -> Line:
    """Counts task runs once the server has written all of them, which it does with a delay."""
    database = home / "prefect.db"
    if not database.exists():
        return {"task_runs": 0, "database_bytes": 0}
    counts = [-1, _task_runs(database)]
    while counts[-1] != counts[-2]:
        time.sleep(3)
        counts.append(_task_runs(database))
    return {"task_runs": counts[-1], "database_bytes": database.stat().st_size}


def _task_runs(database: Path) -> int:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("select count(*) from task_run").fetchone()[0])


def _store(store: str) -> Line:
    found = summary(open_store(store, create=False))
    return {"store_objects": found.files, "store_bytes": found.bytes}


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the figures as words for the terminal."""

    def megabytes(*names: str) -> list[str]:
        return [" / ".join(f"{line[name] / 1e6:.0f}" for name in names) for line in frame.to_dict("records")]

    return pd.DataFrame(
        {
            "rows": frame.rows,
            "runner": frame.runner,
            "plan s": frame.plan_seconds,
            "run s": frame.run_seconds,
            "finish s": frame.finish_seconds,
            "jobs/s": frame.jobs_a_second,
            "ms per row": frame.row_ms,
            "orchestration": frame.orchestration_ms,
            "encoding": frame.encode_ms,
            "writing": frame.write_ms,
            "MB plan / run / finish": megabytes("plan_peak_bytes", "run_peak_bytes", "finish_peak_bytes"),
            "MB start / half / end": megabytes("start_bytes", "half_bytes", "end_bytes"),
            "of these anonymous": megabytes("start_anonymous_bytes", "half_anonymous_bytes", "end_anonymous_bytes"),
            "task runs": frame.task_runs,
            "objects": frame.store_objects,
            "store MB": frame.store_bytes / 1e6,
        }
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10, 1_000, 10_000, 100_000])
    parser.add_argument("--runner", nargs="+", choices=("loop", "local"), default=["loop", "local"])
    parser.add_argument("--size", type=int, default=16, help="of the images, pixels")
    parser.add_argument("--store", help="folder or URL for the stores, one for each run, which are kept")
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the files")
    arguments = parser.parse_args(argv)
    arguments.output.mkdir(parents=True, exist_ok=True)
    console, lines = make_console(), []
    console.print(machine(torch.device("cpu")))
    for rows in arguments.rows:
        for runner in arguments.runner:
            base = arguments.store or tempfile.mkdtemp(prefix="stylize-scale-")
            lines.append(in_fresh_process(measure, rows, runner, arguments.size, f"{base}/{rows}-{runner}"))
            if not arguments.store:
                shutil.rmtree(base)
            frame = pd.DataFrame(lines)
            frame.to_csv(arguments.output / "scale.csv", index=False)  # an interrupted run leaves these
    console.print(table_of(shown(frame)))
    scale_chart(frame).save(arguments.output / "scale.png", scale_factor=2)


if __name__ == "__main__":
    main()

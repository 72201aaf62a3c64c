"""Measures exports: images and megabytes per second, and peak memory; each format in a separate process.

    python -m benchmarks.export [--images 10000] [--edge 128] [--formats imagefolder webdataset parquet] [--folder DIR]

The store is written directly: a run with --images rows in two splits, ten classes and a hundred styles. Its images are
PNGs of noise, which do not compress. Each export runs twice; the second time it finds all images and writes none.
"""

import argparse
import functools
import hashlib
import io
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from PIL import Image

from benchmarks.command import machine, make_console, table_of
from benchmarks.memory import in_fresh_process, reset_peak, resident_bytes
from stylize_core.export.export import export
from stylize_core.export.formats import FormatName
from stylize_core.export.selection import Selection
from stylize_core.export.shards import ShardSize
from stylize_core.files.files import Files
from stylize_core.presets import resolve
from stylize_core.store import layout
from stylize_core.store.records import PLAN, RESULTS
from stylize_core.store.store import open_store
from stylize_core.store.tables import publish_table

RUN = "20261121-000000"
CLASSES, STYLES, WEIGHTS = 10, 100, "ab" * 32
COMMIT_ROWS = 1000

Line = dict[str, Any]


def write_store(folder: Path, images: int, edge: int) -> Files:
    """Writes a store with a run of `images` done rows, every tenth of them in split `val`."""
    files = open_store(str(folder), create=True)
    plan = [_planned(number, edge) for number in range(images)]
    publish_table(files, layout.run(RUN, "plan.parquet"), pa.Table.from_pylist(plan, schema=PLAN))
    for start in range(0, images, COMMIT_ROWS):
        commit = f"{RUN}-0-{start:08d}"
        results = [_result(folder, line, commit, edge) for line in plan[start : start + COMMIT_ROWS]]
        publish_table(files, layout.results(commit), pa.Table.from_pylist(results, schema=RESULTS))
    return files


def _planned(number: int, edge: int) -> Line:
    split, style = "val" if number % 10 == 9 else "train", number * 7 % STYLES
    content = f"photos/{split}/class-{number % CLASSES}/{number:06d}.jpg"
    cells = {"content": content, "style": f"styles/{style}.jpg", "x_licence": "CC0", "x_source": f"album {number}"}
    digests = {"content": _sha(content), "styles": [[_sha(cells["style"]), 1.0]], "init": None, "weights": WEIGHTS}
    return {
        "row": number + 1,
        "line": number + 2,
        "id": f"{number:06d}",
        "job_id": _sha(f"job {number}")[:24],
        "action": "run",
        "preset": "fast",
        "content": f"/data/{content}",
        "style": f"/data/{cells['style']}",
        "settings": json.dumps(resolve("fast", {"size": edge, "seed": number}).to_dict()),
        "digests": json.dumps(digests),
        "cells": json.dumps(cells),
    }


def _result(folder: Path, planned: Line, commit: str, edge: int) -> Line:
    data, path = _png(planned["row"], edge), layout.image(planned["job_id"], "png")
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(data)
    return {
        **{name: planned[name] for name in ("job_id", "settings", "digests")},
        "commit": commit,
        "run": RUN,
        "attempt": 1,
        "status": "done",
        "form": "mean",
        "image": path,
        "image_sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "width": edge,
        "height": edge,
        "steps": 40,
        "best_step": 40,
        **dict.fromkeys(("final_total", "final_content", "final_style", "final_tv"), 1 / planned["row"]),
        "seconds": 1.0,
        "device": "cpu",
        "precision": "float32",
        "versions": json.dumps({"torch": "2.15"}),
    }


def _png(seed: int, edge: int) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (edge, edge, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "png", compress_level=1)
    return file.getvalue()


@functools.cache
def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def measure(store: str, format: FormatName, output: str, size: ShardSize) -> Line:
    """Exports twice and returns the figures; to be called in a fresh process."""
    files = open_store(store, create=False)
    reset_peak()
    before = resident_bytes("VmRSS")
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        exported = export(files, Selection(runs=(RUN,)), Files(output), format, size)
        seconds.append(time.perf_counter() - began)
    return {
        "format": format,
        "images": exported.images,
        "MB": exported.bytes / 1e6,
        "seconds": seconds[0],
        "images/s": exported.images / seconds[0],
        "MB/s": exported.bytes / 1e6 / seconds[0],
        "again s": seconds[1],
        "peak MB": (resident_bytes("VmHWM") - before) / 1e6,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--edge", type=int, default=128, help="of an image, pixels")
    parser.add_argument("--formats", nargs="+", default=["imagefolder", "webdataset", "parquet"])
    parser.add_argument("--shard-size", default="128MB")
    parser.add_argument("--folder", type=Path, help="folder for store and exports; a temporary one unless given")
    arguments = parser.parse_args(argv)
    console = make_console()
    console.print(machine(torch.device("cpu")))
    with tempfile.TemporaryDirectory(prefix="stylize-export-", dir=arguments.folder) as folder:
        write_store(Path(folder, "store"), arguments.images, arguments.edge)
        lines = list(_measured(Path(folder), arguments.formats, ShardSize.parse(arguments.shard_size)))
    console.print(table_of(pd.DataFrame(lines)))


def _measured(folder: Path, formats: Sequence[FormatName], size: ShardSize) -> Iterator[Line]:
    for format in formats:
        yield in_fresh_process(measure, str(folder / "store"), format, str(folder / format), size)


if __name__ == "__main__":
    main()

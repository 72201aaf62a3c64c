"""Measures the time and memory of a plan, each in a separate process from its start to its end.

    python -m benchmarks.planning --rows 1000000

Cases: `cold` (each of `--cold-rows` rows has two new inputs), `known` (the same with a store that has their
fingerprints, so that the files are not read) and `shared` (2,000 inputs for all rows, without fingerprints). Commands:
`plan` is `stylize plan`; `prepare` is everything in a run before its first job, including publishing the plan. Inputs
are 48 px JPEGs; those of `known` are links to few files, with invented fingerprints, so that each row is another job.
"""

import argparse
import csv
import hashlib
import io
import itertools
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from PIL import Image

from stylize_core.files.inputs import stat_input
from stylize_core.store.fingerprint_index import Fingerprint
from stylize_core.store.fingerprints import Fingerprints
from stylize_core.store.store import open_store

EDGE_PX = 48
NAMES = 30_000  # links to one file, if it is not read
SAVED = 100_000  # fingerprints in one file of the store, as a run saves them

CASES, FORMATS, COMMANDS = ("cold", "known", "shared"), ("csv", "parquet"), ("plan", "prepare")

MEASURED = """
import sys
from pathlib import Path

def plan(manifest, store):
    from stylize_flows.cli import main
    try:
        main(["plan", manifest, "--store", store, "--weights", "builtin", "--device", "cpu"])
    except SystemExit as ended:
        assert not ended.code, ended.code

def prepare(manifest, store):
    from stylize_core.options import Options
    from stylize_core.run.run import open_run
    with open_run(Options(manifest=manifest, store=store, weights="builtin", device="cpu")) as run:
        run.prepare()
        print(f"{len(run.plan.rows):,} rows: {run.plan.forecast.jobs:,} jobs in {len(run.chunks):,} chunks")

{"plan": plan, "prepare": prepare}[sys.argv[1]](*sys.argv[2:])
print(Path("/proc/self/status").read_text() + Path("/proc/self/smaps_rollup").read_text())
"""


class Measured(NamedTuple):
    """One process.

    Attributes:
        seconds: wall time from its start to its end.
        peak_mb: peak of its resident memory, 10^6 bytes.
        anonymous_mb: its anonymous resident memory at the end, 10^6 bytes.
        said: its first line of output.
    """

    seconds: float
    peak_mb: float
    anonymous_mb: float
    said: str


def measure(command: str, manifest: Path, store: Path) -> Measured:
    """Runs a command in a separate process."""
    began = time.perf_counter()
    arguments = [sys.executable, "-c", MEASURED, command, str(manifest), str(store)]
    done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - began
    found = dict(re.findall(r"^(VmHWM|Anonymous):\s+(\d+) kB", done.stdout, re.MULTILINE))
    peak, anonymous = (int(found[field]) * 1024 / 1e6 for field in ("VmHWM", "Anonymous"))
    return Measured(seconds, peak, anonymous, done.stdout.partition("\n")[0])


def make_inputs(folder: Path, count: int, names: int = 1) -> list[str]:
    """Makes small pictures, a thousand to a folder, and returns their paths.

    Args:
        folder: for the pictures.
        count: number of paths.
        names: number of links to each file; ext4 allows 65,000.
    """
    paths = [folder / f"{number // 1000:04d}" / f"{number % 1000:03d}.jpg" for number in range(count)]
    picture = io.BytesIO()
    Image.new("RGB", (EDGE_PX, EDGE_PX), (50, 99, 200)).save(picture, "JPEG")
    for number, path in enumerate(paths):
        if number % 1000 == 0:
            path.parent.mkdir(parents=True)
        if number % names == 0:
            path.write_bytes(picture.getvalue() + str(number).encode())  # unique bytes after the end of the picture
        else:
            os.link(paths[number - number % names], path)
    return [str(path) for path in paths]


def remember(store: Path, paths: Iterable[str]) -> None:
    """Writes fingerprints of files into a store, each file with a different digest."""
    files, fingerprints = open_store(str(store), create=True), Fingerprints()
    for path in paths:
        made_up = hashlib.sha256(path.encode()).hexdigest()
        fingerprints.add((path, *stat_input(path)), Fingerprint(made_up, EDGE_PX, EDGE_PX))
        if fingerprints.unsaved == SAVED:
            fingerprints.save(files)
    fingerprints.save(files)


def write_manifests(folder: Path, pairs: Iterable[tuple[str, str]]) -> dict[str, Path]:
    """Writes rows with few different settings as CSV and as Parquet; returns the files by format."""
    paths = {form: folder / f"manifest.{form}" for form in FORMATS}
    with paths["csv"].open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "content", "style", "preset", "size", "style_weight", "x_note"))
        for number, (content, style) in enumerate(pairs):
            size, weight = 32 + 8 * (number % 3), ("1e6", "2e6")[number % 2]
            writer.writerow((f"set/{number:07d}", content, style, "fast", size, weight, f"row {number}"))
    with pa.csv.open_csv(paths["csv"]) as batches, pq.ParquetWriter(paths["parquet"], batches.schema) as parquet:
        for batch in batches:
            parquet.write_batch(batch)
    return paths


def distinct(folder: Path, rows: int, names: int) -> tuple[dict[str, Path], list[str]]:
    """Makes rows that each have two inputs not used by other rows; returns the manifests and all inputs."""
    inputs = make_inputs(folder / "inputs", 2 * rows, names)
    return write_manifests(folder, zip(inputs[::2], inputs[1::2], strict=True)), inputs


def shared(folder: Path, rows: int) -> dict[str, Path]:
    """Makes rows with different pairs of 2,000 inputs, or of fewer if these suffice; returns the manifests."""
    each = min(1000, math.isqrt(rows - 1) + 1)
    inputs = make_inputs(folder / "inputs", 2 * each)
    pairs = itertools.product(inputs[:each], inputs[each:])
    return write_manifests(folder, itertools.islice(pairs, rows))


def make_case(name: str, folder: Path, rows: int) -> tuple[dict[str, Path], list[str]]:
    """Makes one case; returns its manifests, and the inputs whose fingerprints the store should have."""
    folder.mkdir()
    if name == "shared":
        return shared(folder, rows), []
    manifests, inputs = distinct(folder, rows, NAMES if name == "known" else 1)
    return manifests, inputs if name == "known" else []


def main(arguments: list[str] | None = None) -> None:
    """Prints a line for each case, format and command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of cases known and shared; at most 1,000,000")
    parser.add_argument("--cold-rows", type=int, default=50_000, help="rows of case cold")
    parser.add_argument("--cases", nargs="+", default=CASES, choices=CASES)
    parser.add_argument("--formats", nargs="+", default=FORMATS, choices=FORMATS)
    parser.add_argument("--folder", type=Path, help="for inputs and stores, two links per row; temporary unless given")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="planning-", dir=asked.folder) as name:
        for case in asked.cases:
            folder = Path(name, case)
            manifests, known = make_case(case, folder, asked.cold_rows if case == "cold" else asked.rows)
            remember(folder / "store", known)
            for form, command in itertools.product(asked.formats, COMMANDS):
                store = folder / f"{form}-{command}"
                shutil.copytree(folder / "store", store)
                found = measure(command, manifests[form], store)
                figures = (
                    f"{found.seconds:8.1f} s{found.peak_mb:8.0f} MB{found.anonymous_mb:8.0f} MB anonymous at the end"
                )
                print(f"{case:8}{form:9}{command:9}{figures}   {found.said}", flush=True)


if __name__ == "__main__":
    main()

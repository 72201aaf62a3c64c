"""Measures whether the memory of a long run stays constant.

    python -m benchmarks.steady [--device auto] [--jobs 200] [--size 128] [--images FOLDER]

Runs --jobs jobs from a manifest into a store, in the loop and with all parts of a run, and prints the memory of the
process at some numbers of finished jobs. A run has allocated its permanent memory after the first twenty jobs.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from benchmarks.command import machine, make_console, make_parser, table_of
from benchmarks.memory import resident_bytes
from benchmarks.pairs import Files, find_pairs
from stylize_core.chunk.chunk import run_chunk
from stylize_core.chunk.context import Progress
from stylize_core.engine.device import resolve_device
from stylize_core.options import Options
from stylize_core.run.run import open_run

SETTLED = 20
"""Number of jobs after which the memory should stay constant."""


def write_manifest(path: Path, files: Sequence[Files], jobs: int, size: int) -> None:
    """Writes a manifest in which each row is a different job."""
    lines = [(*files[k % len(files)], size, 5, k) for k in range(jobs)]
    pd.DataFrame(lines, columns=["content", "style", "size", "steps", "seed"]).to_csv(path, index=False)


def memory_by_job(options: Options) -> pd.Series:
    """Returns the resident memory in MB, by the number of finished jobs."""
    found: dict[int, float] = {}
    done = 0

    def look(progress: Progress) -> None:
        nonlocal done
        if progress.finished:
            done += len(progress.finished)
            found[done] = resident_bytes("VmRSS") / 1e6

    with open_run(options, on_progress=look) as run:
        run.prepare()
        for chunk in run.chunks:
            run_chunk(chunk, run.context)
        run.finish()
    return pd.Series(found)


def main(argv: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = make_parser(__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--size", type=int, default=128)
    arguments, console = parser.parse_args(argv), make_console()
    console.print(machine(resolve_device(arguments.device)))
    with TemporaryDirectory() as folder:
        manifest, store = Path(folder, "manifest.csv"), Path(folder, "store")
        write_manifest(manifest, find_pairs(arguments.images, 6), arguments.jobs, arguments.size)
        options = Options(manifest=str(manifest), store=str(store), weights="builtin", device=arguments.device)
        memory = memory_by_job(options)
    console.print(table_of(memory.iloc[:: max(1, len(memory) // 10)].rename_axis("jobs").reset_index(name="MB")))
    settled = memory[memory.index >= min(SETTLED, arguments.jobs // 2)]
    growth = settled.iloc[-1] - settled.iloc[0]
    console.print(f"from job {settled.index[0]} to job {settled.index[-1]}: {growth:+.1f} MB")
    console.print(f"peak with the report: {resident_bytes('VmHWM') / 1e6:.0f} MB")


if __name__ == "__main__":
    main()

"""A command that is run to its end or killed on the way: for `kills`."""

import multiprocessing
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import journalled

LONGEST = 300.0
"""Seconds after which a command counts as hung."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended.

    Attributes:
        code: exit code, negative for a signal.
        seconds: wall.
        phase: what it was at.
        computed: seeds of the jobs that its engine began.
        output: what it wrote.
    """

    code: int
    seconds: float
    phase: str
    computed: tuple[int, ...]
    output: str


class Killer:
    """Runs the command on one manifest, whose jobs take about as long as planning and report do.

    Args:
        folder: for its files.
        rows: of the manifest.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        self._folder, self._count = folder, 0
        self._manifest = _write_manifest(folder, rows)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(journalled.PRELOADED)

    def run(self, store: str, kill_after: float | None = None) -> Ended:
        """Runs the command to its end, or kills it after some seconds."""
        self._count += 1
        journal, output = (self._folder / f"{name}-{self._count}" for name in ("journal", "output"))
        options = ["--store", store, "--weights", "builtin", "--runner", "loop", "--rows-per-task", "1"]
        arguments = (["run", str(self._manifest), *options], str(journal), str(output))
        process = self._context.Process(target=journalled.run, args=arguments)
        process.start()
        began = time.monotonic()
        process.join(LONGEST if kill_after is None else kill_after)
        if process.exitcode is None:
            _kill(process)
        lines = [line.split() for line in journal.read_text().splitlines()] if journal.exists() else []
        return Ended(
            code=process.exitcode or 0,
            seconds=time.monotonic() - began,
            phase=lines[-1][0] if lines else "starting",
            computed=tuple(int(seed) for _, *seeds in lines for seed in seeds),
            output=output.read_text() if output.exists() else "",
        )


def _write_manifest(folder: Path, rows: int) -> Path:
    generator = np.random.default_rng(0)
    for name in ("content-0", "content-1", "content-2", "style-0", "style-1"):
        coarse = Image.fromarray(generator.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        coarse.resize((64, 64), Image.Resampling.BICUBIC).save(folder / f"{name}.png")
    lines = [
        f"content-{row % 3}.png,style-{row % 2}.png,48,30,conv2_1,conv1_1,{row},{15 * (row % 4 == 0)}"
        for row in range(rows)
    ]
    header = "content,style,size,steps,content_layers,style_layers,seed,snapshot_every"
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join([header, *lines]) + "\n")
    return manifest


def _kill(process: ForkServerProcess) -> None:
    assert process.pid
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has no group of its own yet
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    process.join()

"""Runs a command to its end or kills it: for `kills` and `soak`."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from subprocess import DEVNULL

import numpy as np
from PIL import Image

from benchmarks import journalled

LONGEST = 300.0
"""Seconds after which a command is considered hung."""

MARK = "STYLIZE_COMMAND"
"""Environment variable that identifies the processes that a command starts."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended.

    Attributes:
        code: exit code, negative for a signal.
        seconds: wall time.
        phase: its last phase.
        computed: seeds of the jobs that its engine began.
        output: text that it printed.
    """

    code: int
    seconds: float
    phase: str
    computed: tuple[int, ...]
    output: str


class Command:
    """A command with a journal, in its own process group; it starts at once.

    Args:
        arguments: of the command.
        folder: for its files; created here.
        fresh: whether it gets a new interpreter, which Prefect needs, instead of a forked one.
    """

    def __init__(self, arguments: Sequence[str], folder: Path, *, fresh: bool = False) -> None:
        folder.mkdir()
        self.folder, self._began = folder, time.monotonic()
        files = [str(folder / name) for name in ("journal", "output")]
        if fresh:
            program = [sys.executable, "-m", journalled.__name__, *files, *arguments]
            environment = os.environ | {MARK: str(folder)}
            self._popen = subprocess.Popen(program, env=environment, stdout=DEVNULL, stderr=DEVNULL)
            self.pid, self._join = self._popen.pid, self._wait
            return
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(journalled.PRELOADED)
        process = context.Process(target=journalled.run, args=(list(arguments), *files))
        process.start()
        assert process.pid
        self.pid, self._join = process.pid, partial(_join, process)

    def _wait(self, seconds: float | None) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            return self._popen.wait(seconds)
        return None

    def wait(self, seconds: float | None = None) -> int | None:
        """Waits for its end, up to a time limit; returns its exit code, negative for a signal, None if it runs."""
        return self._join(seconds)

    def children(self) -> list[int]:
        """Returns the processes that it has started and that still run, according to Linux."""
        found = []
        for path in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with suppress(OSError):  # a thread that has just ended
                found += [int(pid) for pid in path.read_text().split()]
        return found

    def signal(self, number: int, *, group: bool) -> None:
        """Sends a signal to it alone, as `kill` does, or to its group, as a terminal does."""
        with suppress(ProcessLookupError):
            try:
                (os.killpg if group else os.kill)(self.pid, number)
            except ProcessLookupError:  # it does not have its own group yet
                os.kill(self.pid, number)

    def wait_for(self, phase: str, seconds: float) -> None:
        """Waits until it reaches a phase or ends, up to a time limit."""
        deadline = time.monotonic() + seconds
        while phase not in self._journal and time.monotonic() < deadline and self.wait(0) is None:
            time.sleep(0.005)

    @property
    def _journal(self) -> str:
        path = self.folder / "journal"
        return path.read_text() if path.exists() else ""

    def left_over(self) -> list[int]:
        """Returns the processes that it started in new interpreters and that still run."""
        mark = f"{MARK}={self.folder}\0".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                found += [int(path.parent.name)] * (mark in path.read_bytes())
        return found

    def lasting(self, seconds: float) -> list[int]:
        """Returns those processes that still run after a waiting time in seconds."""
        deadline = time.monotonic() + seconds
        while (left := self.left_over()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left

    def ended(self) -> "Ended":
        """Returns how it ended; first kills it and all processes that it started, if they still run."""
        seconds = time.monotonic() - self._began
        if self.wait(0) is None:
            self.signal(signal.SIGKILL, group=True)
        code = self.wait()
        assert code is not None
        for pid in self.left_over():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        lines, output = [line.split() for line in self._journal.splitlines()], self.folder / "output"
        return Ended(
            code=code,
            seconds=seconds,
            phase=lines[-1][0] if lines else "starting",
            computed=tuple(int(seed) for _, *seeds in lines for seed in seeds),
            output=output.read_text() if output.exists() else "",
        )


class Killer:
    """Runs the command on one manifest, with jobs that take about as long as planning and report.

    Args:
        folder: for its files.
        rows: of the manifest.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        self._folder, self._count = folder, 0
        self._manifest = _write_manifest(folder, rows)

    def run(self, store: str, kill_after: float | None = None) -> Ended:
        """Runs the command to its end, or kills it after some seconds."""
        self._count += 1
        options = ["--store", store, "--weights", "builtin", "--runner", "loop", "--rows-per-task", "1"]
        command = Command(["run", str(self._manifest), *options], self._folder / f"run-{self._count}")
        command.wait(LONGEST if kill_after is None else kill_after)
        return command.ended()


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


def _join(process: ForkServerProcess, seconds: float | None) -> int | None:
    process.join(seconds)
    return process.exitcode

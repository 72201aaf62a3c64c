"""Measures the time of a command without its work: showing help, the status of a store, and one small pair.

    python -m benchmarks.startup [--rounds 5] [--store STORE]

Every measurement is a separate process, from its start to its end; the commands alternate. It prints the median and the
minimum of the wall seconds, and the median of the processor seconds with those of child processes, which depend less on
other work on the machine. `pair` is `stylize run --content --style --weights builtin --set size=64 steps=1` into a new
store; `line` is its first line. `beside` is a pair with timed phases, without `Engine.optimise`; the phases follow, and
last the packages that take longest to import, each without its own imports (`python -X importtime`).
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from PIL import Image

EDGE_PX = 384
SETTINGS = ("--weights", "builtin", "--set", "size=64", "steps=1")
PACKAGES = 8
"""Most imported packages to list."""

MARKED = """
import json, os, sys, time
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command does, before torch is loaded

def clocks():
    return time.perf_counter(), sum(os.times()[:4])

def since(begin):
    return [now - then for now, then in zip(clocks(), begin)]

def timed(owner, name, phase):
    function = getattr(owner, name)
    def call(*arguments, **others):
        begin = clocks()
        try:
            return function(*arguments, **others)
        finally:
            phases[phase] = since(begin)
    setattr(owner, name, call)

began, phases = clocks(), {}

from stylize_flows.cli import main
import stylize_core.run.run as run
timed(run.Engine, "load", "engine")
timed(run.Run, "prepare", "plan")
timed(run.Engine, "optimise", "optimise")
timed(run.Run, "finish", "finish")
phases["imports"] = since(began)
try:
    main(sys.argv[2:])
finally:
    with open(sys.argv[1], "w") as file:
        json.dump(phases | {"all": since(began)}, file)
"""
"""A program: its arguments are a file for the phases, each in wall and processor seconds, and those of the command."""


class Taken(NamedTuple):
    """The time of a process.

    Attributes:
        wall: seconds from its start to its end.
        processor: seconds of all cores, including its children.
        line: seconds from its start to its first line on standard error, or to its end.
        phases: wall and processor seconds by phase; empty for a command without timed phases.
    """

    wall: float
    processor: float
    line: float
    phases: dict[str, list[float]]


def take(arguments: Sequence[str], phases: Path | None = None) -> Taken:
    """Runs the command in a separate process.

    Args:
        arguments: of `stylize`.
        phases: file for the phases; None to time none.
    """
    program = ["-c", MARKED, str(phases)] if phases else ["-c", "from stylize_flows.cli import main; main()"]
    before, began = _processor_seconds(), time.perf_counter()
    command = [sys.executable, *program, *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr
        process.stderr.readline()
        line = time.perf_counter() - began
        process.communicate()
    assert process.returncode == 0, f"{' '.join(arguments)}: exit code {process.returncode}"
    wall, processor = time.perf_counter() - began, _processor_seconds() - before
    return Taken(wall, processor, line, json.loads(phases.read_text()) if phases else {})


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def imported(arguments: Sequence[str]) -> list[tuple[str, float]]:
    """Returns the packages that a command imports, with the seconds of their own modules, longest first."""
    program = [sys.executable, "-X", "importtime", "-c", "from stylize_flows.cli import main; main()", *arguments]
    told = subprocess.run(program, check=True, capture_output=True, text=True).stderr
    seconds = Counter[str]()
    for microseconds, package in re.findall(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\w+)", told, re.MULTILINE):
        seconds[package] += int(microseconds) / 1e6
    return seconds.most_common()


def pair(folder: Path, name: str) -> list[str]:
    """Makes two pictures, and returns the arguments for stylising them into a new store."""
    generator = np.random.default_rng(0)
    for kind in ("content", "style"):
        coarse = Image.fromarray(generator.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        coarse.resize((EDGE_PX, EDGE_PX), Image.Resampling.BICUBIC).save(folder / f"{kind}.png")
    pictures = ("--content", str(folder / "content.png"), "--style", str(folder / "style.png"))
    return ["run", *pictures, "--store", str(folder / name), *SETTINGS]


def main(arguments: list[str] | None = None) -> None:
    """Prints a line for each command, then the pair's phases and imports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--store", help="store for `status`; that of a pair unless given")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="startup-") as name:
        folder = Path(name)
        take(pair(folder, "first"))  # untimed, to bring the files into the page cache
        commands = {"help": ["--help"], "status": ["status", asked.store or str(folder / "first")]}
        taken: dict[str, list[Taken]] = {name: [] for name in (*commands, "pair", "line", "beside")}
        for number in range(asked.rounds):
            for command, words in commands.items():
                taken[command].append(take(words))
            one = take(pair(folder, f"pair-{number}"))
            taken["pair"].append(one)
            taken["line"].append(one._replace(wall=one.line))
            marked = take(pair(folder, f"marked-{number}"), folder / "phases")
            wall, processor = marked.phases["optimise"]
            taken["beside"].append(marked._replace(wall=marked.wall - wall, processor=marked.processor - processor))
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; seconds: median, minimum, processor")
        for command, all_of_it in taken.items():
            walls, processor = [one.wall for one in all_of_it], median(one.processor for one in all_of_it)
            print(f"{command:8}{median(walls):8.2f}{min(walls):8.2f}{processor:8.2f}")
        for phase in taken["beside"][0].phases:
            wall, processor = (median(one.phases[phase][clock] for one in taken["beside"]) for clock in (0, 1))
            print(f"  {phase:10}{wall:6.2f}{processor:16.2f}")
        packages = imported(pair(folder, "imports"))[:PACKAGES]
        print("imports of a pair:", ", ".join(f"{package} {seconds:.2f}" for package, seconds in packages))


if __name__ == "__main__":
    main()

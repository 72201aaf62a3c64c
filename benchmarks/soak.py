"""Runs random manifests with random kills and stops, and compares the results with those of an undisturbed run.

    python -m benchmarks.soak [--minutes 20] [--seed N] [--first ROUND] [--rounds N]

A round is a manifest of odd pictures and random settings. It runs undisturbed into one store, and repeatedly into
another one: by either runner (a plain loop, or Prefect's with a temporary server), killed with SIGKILL (the whole run
or a child process), stopped by SIGINT or SIGTERM, with reports, exports and status commands in between, and finally to
its end. After every step: no committed job was computed again, no committed line has changed, every row has the status
that follows from the tables, and all commits are intact. At the end: images, results and losses equal those of the
undisturbed run, and report and exports agree with the tables.

The seed determines the rounds and the moments of kills and stops, but a command's phase at that moment depends on the
machine.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pandas as pd
from rich.console import Console

from benchmarks.command import table_of
from benchmarks.soak_round import Round, Tally


def soak(minutes: float, rounds: int | None, seed: int, first: int, folder: Path, console: Console) -> Tally:
    """Plays rounds until the time is over; prints a violation at once, and keeps files from then on."""
    tally, end = Tally(), time.monotonic() + 60 * minutes
    for number in count(first):
        if time.monotonic() > end or tally.rounds == rounds:
            return tally
        tally.rounds += 1
        place = folder / f"round-{number}"
        for violation in Round(place, seed + number, tally).go():
            tally.violations.append(f"seed {seed}, round {number}, {violation}")
            console.print(tally.violations[-1], markup=False, soft_wrap=True)
        if not tally.violations:
            shutil.rmtree(place)
    raise AssertionError("the loop is endless")


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints what was done and what was found; exits with 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rounds", type=int, help="most rounds; as many as the time allows unless given")
    parser.add_argument("--seed", type=int, help="random unless given")
    parser.add_argument("--first", type=int, default=0, help="number of the first round")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no command is left running
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the commands' jobs are small
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    console, began = Console(highlight=False), time.monotonic()
    console.print(f"seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    os.environ["PREFECT_HOME"] = f"{folder}/prefect"
    tally = soak(options.minutes, options.rounds, seed, options.first, folder, console)
    if tally.violations:
        console.print(f"files of the last rounds: {folder}")
    else:
        shutil.rmtree(folder)
    lines = [(*what, count) for what, count in sorted(tally.disturbed.items())]
    console.print(table_of(pd.DataFrame(lines, columns=["what", "command", "while", "times"])))
    console.print(", ".join(f"{count} x {name} -> {code}" for (name, code), count in sorted(tally.ended.items())))
    seconds = time.monotonic() - began
    console.print(f"{tally.rounds} rounds of {tally.rows} rows, {tally.ended.total()} commands, {seconds:.0f} s")
    console.print(f"violations: {len(tally.violations)}")
    sys.exit(1 if tally.violations else 0)


if __name__ == "__main__":
    main()

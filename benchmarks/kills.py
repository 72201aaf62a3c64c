"""Kills the command repeatedly at random moments, and checks what the kills left behind.

    python -m benchmarks.kills [--kills 100] [--store URI]

The command runs a small manifest without Prefect, in its own process group. The group is killed with SIGKILL at a
random moment and started again, until the command ends by itself; then the next round begins with a new store. The
moments are uniform over the time of an undisturbed run. After every kill: no job that was committed before was computed
again, no job has two results, and all commits are intact. After every end: each job has one result, images have the
same bytes as those of an undisturbed run, every row is accounted for, and no stray file is left.

The store may be any URL; fsspec finds the credentials. It gets a folder for each round, which is emptied unless
something was found in it. One job is one batch and one commit, because only then do images have the same bytes.
"""

import argparse
import json
import os
import random
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
from rich.console import Console

from benchmarks.command import table_of
from benchmarks.killer import LONGEST, Ended, Killer
from stylize_core.files.files import Files
from stylize_core.record.rows import read_rows
from stylize_core.record.run_files import latest_run
from stylize_core.store.ledger import read_results
from stylize_core.store.verify import verify

STRAY = "stray file without a mark"
"""The only fault that a kill may leave until the next run."""


@dataclass(slots=True)
class Tally:
    """The outcome.

    Attributes:
        phases: number of kills by phase of the command.
        rounds: number of stores.
        violations: as text.
    """

    phases: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    violations: list[str] = field(default_factory=list)


def measure(kills: int, store: str, killer: Killer, seed: int) -> Tally:
    """Kills the command a number of times.

    Args:
        kills: number of times.
        store: folder or URL below which the stores are made.
        killer: runs the command.
        seed: of the moments.
    """
    moments, tally = random.Random(seed), Tally()
    undisturbed = Files(f"{store}/undisturbed")
    first = killer.run(undisturbed.uri)
    expected = _images(undisturbed)
    if first.code or not expected:
        raise SystemExit(f"the command does not work undisturbed:\n{first.output}")
    _empty(undisturbed)
    while tally.phases.total() < kills:
        tally.rounds += 1
        files, before = Files(f"{store}/round-{tally.rounds}"), len(tally.violations)
        found = _round(files, killer, moments, first.seconds, kills, tally)
        tally.violations += [f"round {tally.rounds}: {what}" for what in (*found, *_check_end(files, expected))]
        if len(tally.violations) == before:
            _empty(files)
    return tally


def _round(
    files: Files, killer: Killer, moments: random.Random, seconds: float, kills: int, tally: Tally
) -> Iterator[str]:
    """Starts and kills the command until it ends by itself; yields what is wrong after the kills."""
    while True:
        committed = _committed(files)
        enough = tally.phases.total() >= kills
        ended = killer.run(files.uri, None if enough else moments.uniform(0, seconds))
        yield from _check_any(files, committed, ended)
        if ended.code != -signal.SIGKILL:
            if ended.code:
                yield f"exit code {ended.code}: {ended.output}"
            return
        if enough:
            yield f"no end within {LONGEST:.0f} s"
            return
        tally.phases[ended.phase] += 1


def _check_any(files: Files, committed: set[int], ended: Ended) -> Iterator[str]:
    """Yields what is wrong with a store after a command, however it ended."""
    if twice := committed & set(ended.computed):
        yield f"committed and computed again, by seed: {sorted(twice)}"
    if lost := committed - _committed(files):
        yield f"committed and lost, by seed: {sorted(lost)}"
    lines = read_results(files).select(["job_id", "run", "attempt"]).to_pylist()
    jobs = Counter(
        job for job, _, _ in {tuple(line.values()) for line in lines}
    )  # a line may be in two files for a while
    if several := [job for job, count in jobs.items() if count > 1]:
        yield f"several results: {several}"
    yield from (f"{fault.path}: {fault.what}" for fault in verify(files) if fault.what != STRAY)


def _check_end(files: Files, expected: dict[str, bytes]) -> Iterator[str]:
    """Yields what is wrong with a store after a run to the end."""
    if _images(files) != expected:
        yield "images differ from those of an undisturbed run"
    statuses = Counter(pa.concat_tables(read_rows(files, latest_run(files)))["status"].to_pylist())
    if statuses.total() != len(expected) or not statuses.keys() <= {"done", "skipped"}:
        yield f"rows: {dict(statuses)}"
    yield from (f"{fault.path}: {fault.what}" for fault in verify(files) if fault.what == STRAY)


def _committed(files: Files) -> set[int]:
    return {json.loads(text)["seed"] for text in read_results(files)["settings"].to_pylist()}


def _images(files: Files) -> dict[str, bytes]:
    return {path: files.read(path) for path in read_results(files)["image"].to_pylist()}


def _empty(files: Files) -> None:
    files.delete([entry.path for entry in files.list("")])


@contextmanager
def _below(store: str | None) -> Iterator[str]:
    """Yields the folder or URL for the stores."""
    if store:
        yield f"{store.rstrip('/')}/{secrets.token_hex(4)}"
        return
    with tempfile.TemporaryDirectory() as folder:
        yield folder


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints what was killed and what was found; exits with 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--store", help="folder or URL for the stores; a temporary one unless given")
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the commands' jobs are small
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, _below(options.store) as store:
        tally = measure(options.kills, store, Killer(Path(folder), options.rows), options.seed)
    seconds = time.monotonic() - began
    console = Console(highlight=False)
    console.print(table_of(pd.DataFrame(sorted(tally.phases.items()), columns=["killed while", "kills"])))
    console.print(f"{tally.phases.total()} kills in {tally.rounds} rounds of {options.rows} rows, {seconds:.0f} s")
    for violation in tally.violations:
        console.print(violation, markup=False, soft_wrap=True)
    console.print(f"violations: {len(tally.violations)}")
    sys.exit(1 if tally.violations else 0)


if __name__ == "__main__":
    main()

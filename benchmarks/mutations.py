"""Breaks rules of the code one at a time and looks whether the tests notice.

    python -m benchmarks.mutations [--only WORD] [--jobs 2]

The rules are in `mutants.toml`. First the tests that are named there have to pass on an unchanged copy of the tree.
Then each rule is broken in a copy, and its tests run there, in a process group with a time limit: a test that fails,
or that does not end any more, has noticed. Exits with 1 where a rule can be broken without a test that notices.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).parents[1]

COPIED = ("benchmarks", "deploy", "docs", "flows", "manifests", "stylize_core", "tests")
FILES = ("pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")
"""What tests read of the tree."""

SECONDS = 900.0
"""Longest that the tests of a mutant may take; they take some seconds, on a busy machine some minutes."""

VERDICTS = {0: "survived", 1: "noticed"}
"""By pytest's exit code; with any other one no test has failed, and yet nothing is proven."""

Copies = SimpleQueue[Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A rule of the code that is broken.

    Attributes:
        name: what is wrong then.
        file: of the code.
        text: what is replaced; it stands in the file once.
        by: what stands there instead.
        tests: files or tests, of which one has to fail.
    """

    name: str
    file: str
    text: str
    by: str
    tests: list[str]

    def applied(self, source: str) -> str:
        """Returns the source with the rule broken.

        Raises:
            ValueError: the text does not stand in the source, or more than once.
        """
        if source.count(self.text) != 1:
            raise ValueError(f"{self.name}: the text stands {source.count(self.text)} times in {self.file}")
        return source.replace(self.text, self.by)


def read_mutants() -> list[Mutant]:
    """Returns the rules of `mutants.toml`."""
    found = tomllib.loads(Path(__file__).with_name("mutants.toml").read_text(encoding="utf-8"))
    return [Mutant(**one) for one in found["mutant"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of some tests.

    Attributes:
        verdict: `noticed`, `survived`, `never ended`, or what else pytest ended with.
        seconds: that it took.
        output: what pytest wrote.
    """

    verdict: str
    seconds: float
    output: str

    @property
    def is_noticed(self) -> bool:
        """Whether a broken rule was noticed."""
        return self.verdict in ("noticed", "never ended")


def copy_tree(folder: Path) -> Path:
    """Returns a copy of the tree in a new folder of another one."""
    copy = Path(tempfile.mkdtemp(dir=folder))
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    return copy


def run_tests(copy: Path, tests: Iterable[str], seconds: float | None = SECONDS) -> Run:
    """Runs quick tests of a copy, which import the copy, up to the first that fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow", *tests]
    paths = {"PYTHONPATH": f"{copy}{os.pathsep}{copy / 'flows'}", "PYTHONDONTWRITEBYTECODE": "1"}
    begin = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=copy,
        env=os.environ | paths,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
            verdict = VERDICTS.get(process.returncode, f"exit code {process.returncode}")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, verdict = process.communicate()[0], "never ended"
    return Run(verdict=verdict, seconds=time.monotonic() - begin, output=output)


def try_out(mutant: Mutant, copies: Copies) -> Run:
    """Runs the tests of a mutant in one of the copies, which is as before afterwards."""
    copy = copies.get()
    source = copy / mutant.file
    whole = source.read_text(encoding="utf-8")
    try:
        source.write_text(mutant.applied(whole), encoding="utf-8")
        return run_tests(copy, mutant.tests)
    finally:
        source.write_text(whole, encoding="utf-8")
        copies.put(copy)


def measure(mutants: Sequence[Mutant], jobs: int, folder: Path) -> Iterator[Run]:
    """Yields the run of each mutant, in order.

    Raises:
        SystemExit: the tests do not pass on an unchanged copy.
    """
    copies: Copies = SimpleQueue()
    for _ in range(jobs):
        copies.put(copy_tree(folder))
    copy = copies.get()
    unchanged = run_tests(copy, sorted({test for mutant in mutants for test in mutant.tests}), None)
    copies.put(copy)
    if unchanged.verdict != "survived":
        sys.exit(f"{unchanged.output}\nthe tests do not pass on an unchanged copy: {unchanged.verdict}")
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda mutant: try_out(mutant, copies), mutants)


def main(arguments: Sequence[str] | None = None) -> None:
    """Tries out the mutants; prints a line for each, and what its tests wrote where none noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="those whose names hold a word")
    parser.add_argument("--jobs", type=int, default=2, help="tried out at a time")
    given = parser.parse_args(arguments)
    mutants = [mutant for mutant in read_mutants() if given.only in mutant.name]
    unnoticed = []
    with tempfile.TemporaryDirectory(prefix="stylize-mutants-") as folder:
        for mutant, run in zip(mutants, measure(mutants, given.jobs, Path(folder)), strict=True):
            print(f"{run.verdict:<11} {run.seconds:5.0f} s  {mutant.file:<44} {mutant.name}", flush=True)
            unnoticed += [] if run.is_noticed else [f"\n{mutant.name}: {run.verdict}\n{run.output}"]
    print(*unnoticed, sep="\n", end="")
    print(f"{len(mutants) - len(unnoticed)} of {len(mutants)} broken rules are noticed")
    sys.exit(bool(unnoticed))


if __name__ == "__main__":
    main()

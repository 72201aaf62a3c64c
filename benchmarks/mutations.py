"""Breaks rules of the code one at a time and checks whether the tests notice.

    python -m benchmarks.mutations [--only WORD] [--jobs 2]

The rules are in `mutants.toml`. First the tests that it names have to pass on an unchanged copy of the tree. Then each
rule is broken in a copy, and its tests run there, in a process group with a time limit: a test notices if it fails or
no longer ends. Exits with 1 if a rule can be broken without a test noticing.
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
"""The parts of the tree that tests read."""

SECONDS = 900.0
"""Time limit for the tests of a mutant; they take some seconds, on a busy machine some minutes."""

VERDICTS = {0: "survived", 1: "noticed"}
"""Verdict by pytest's exit code; any other code proves nothing, although no test has failed."""

Copies = SimpleQueue[Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A change to the code that breaks a rule.

    Attributes:
        name: what is wrong after the change.
        file: of the code.
        text: the text to replace; it is in the file once.
        by: its replacement.
        tests: files or tests; one of them has to fail.
    """

    name: str
    file: str
    text: str
    by: str
    tests: list[str]

    def applied(self, source: str) -> str:
        """Returns the source with the rule broken.

        Raises:
            ValueError: the text is not in the source, or more than once.
        """
        if source.count(self.text) != 1:
            raise ValueError(f"{self.name}: the text is {source.count(self.text)} times in {self.file}")
        return source.replace(self.text, self.by)


def read_mutants() -> list[Mutant]:
    """Returns the rules of `mutants.toml`."""
    found = tomllib.loads(Path(__file__).with_name("mutants.toml").read_text(encoding="utf-8"))
    return [Mutant(**one) for one in found["mutant"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of some tests.

    Attributes:
        verdict: `noticed`, `survived`, `never ended`, or pytest's other ways to end.
        seconds: its duration.
        output: pytest's output.
    """

    verdict: str
    seconds: float
    output: str

    @property
    def is_noticed(self) -> bool:
        """Whether a broken rule was noticed."""
        return self.verdict in ("noticed", "never ended")


def copy_tree(folder: Path) -> Path:
    """Returns a copy of the tree, in a new folder inside `folder`."""
    copy = Path(tempfile.mkdtemp(dir=folder))
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    return copy


def run_tests(copy: Path, tests: Iterable[str], seconds: float | None = SECONDS) -> Run:
    """Runs quick tests of a copy, which import the copy, up to the first failure."""
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
    """Runs the tests of a mutant in one of the copies, and restores the copy."""
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
    """Tries the mutants; prints a line for each, and the tests' output if none of them noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="only rules with this word in their name")
    parser.add_argument("--jobs", type=int, default=2, help="mutants to try at a time")
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

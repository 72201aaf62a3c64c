"""A round of `soak`: a manifest, a store, and the commands and disturbances on it."""

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks.killer import LONGEST, Command, Ended
from benchmarks.soak_inputs import draw_pictures, draw_rows, write_manifest
from benchmarks.soak_model import State, bytes_of, check_export, check_report, check_rows, check_same, check_step
from stylize_core.files.files import Files
from stylize_core.store.verify import verify

STRAY = "stray file without a mark"
"""The only fault that a kill may leave until the next run."""

DISTURBANCES = ("kill", "kill", "kill", "interrupt", "terminate", "nothing")
FORMATS = ("imagefolder", "webdataset", "parquet")
STOP_SECONDS = 20.0
"""Seconds for a stop: 5 s, plus a margin for a busy machine."""


@dataclass(slots=True)
class Tally:
    """The outcome.

    Attributes:
        disturbed: number of disturbances by kind, command and its phase.
        ended: number of commands by name and exit code.
        rounds: number of manifests.
        rows: number of their rows.
        violations: as text.
        seconds: duration of an undisturbed run, by runner.
    """

    disturbed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    ended: Counter[tuple[str, int]] = field(default_factory=Counter)
    rounds: int = 0
    rows: int = 0
    violations: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: {"local": 10.0})


class Round:
    """A manifest, an undisturbed store, and a disturbed one.

    Args:
        folder: for its files.
        seed: of all random choices.
        tally: receives the outcome.
    """

    def __init__(self, folder: Path, seed: int, tally: Tally) -> None:
        self.folder, self.tally, self.random, self.steps = folder, tally, random.Random(seed), count(1)
        self.rows = draw_rows(*draw_pictures(folder / "pictures", seed), seed)
        self.manifest = write_manifest(folder / "pictures" / "manifest.csv", self.rows)
        self.step, self.left_over = "", list[str]()

    def go(self) -> Iterator[str]:
        """Yields what is wrong, with the step that showed it."""
        self.tally.rows += len(self.rows)
        undisturbed, store = (State.read(self.folder / name) for name in ("undisturbed", "store"))
        first = self._run(undisturbed.folder, "loop", "nothing")
        self.tally.seconds["loop"] = first.seconds
        undisturbed, self.code = State.read(undisturbed.folder), first.code
        yield from self._named(self._check_undisturbed(first, undisturbed))
        if not undisturbed.runs:
            return  # no row of the manifest can be run
        (run,) = undisturbed.runs
        self.expected = undisturbed.rows(run) or []
        for _ in range(self.random.randint(2, 6)):
            yield from self._disturb(store.folder)
        yield from self._once(store.folder, self._runner(), "nothing")
        yield from self._named(check_same(undisturbed, State.read(store.folder)))
        for look in (self._report, self._export):
            yield from self._named(look(store.folder))
        yield from self.left_over

    def _check_undisturbed(self, ended: Ended, store: State) -> Iterator[str]:
        statuses = [status for run in store.runs for status in store.rows(run) or ["no rows"]]
        code = 2 if not statuses else 0 if set(statuses) == {"done"} else 3
        if ended.code != code or "Traceback" in ended.output:
            yield f"exit code {ended.code} with rows {statuses}: {ended.output}"
        for row, status in zip(self.rows, statuses, strict=False):
            is_sound = row["content"][-5:] not in ("empty.png", "page.jpg")
            if status not in ("done", "failed", "rejected") and is_sound:
                yield f"row {row['seed']} is {status}"

    def _disturb(self, store: Path) -> Iterator[str]:
        """Runs one command on a store, mostly a run that is killed or stopped."""
        kind = self.random.choice(("run",) * 6 + ("report", "export", "status"))
        if kind == "run":
            runner = self._runner()
            more = ("kill a child",) * 3 if runner == "local" else ()
            yield from self._once(store, runner, self.random.choice(DISTURBANCES + more))
        elif State.read(store).runs:
            yield from self._named(
                {"report": self._report, "export": self._export, "status": self._status}[kind](store)
            )

    def _runner(self) -> str:
        return self.random.choice(("loop",) * 7 + ("local",))  # rarely: it mostly waits for its server

    def _once(self, store: Path, runner: str, disturbance: str) -> Iterator[str]:
        """Runs the manifest into a store, disturbed or not, and checks the outcome."""
        before = State.read(store)
        ended = self._run(store, runner, disturbance)
        yield from self._named(self._check_run(before, ended, runner, disturbance))

    def _check_run(self, before: State, ended: Ended, runner: str, disturbance: str) -> Iterator[str]:
        after = State.read(before.folder)
        yield from check_step(before, after, ended.computed)
        faults = [fault for fault in verify(Files(str(before.folder))) if before.folder.exists()]
        whole = ended.code == self.code
        yield from (f"{fault.path}: {fault.what}" for fault in faults if whole or fault.what != STRAY)
        if ended.code == -signal.SIGKILL and disturbance == "kill":
            return
        yield from check_rows(before, after, self.rows, self.expected, whole=whole)
        is_early = ended.phase == "starting"  # it does not handle signals yet
        is_stopped = disturbance in ("interrupt", "terminate") and (
            ended.code == 130 or (is_early and ended.code in (1, -signal.SIGINT, -signal.SIGTERM))
        )
        if not (whole or is_stopped):
            yield f"exit code {ended.code}: {ended.output}"
        elif "Traceback" in ended.output and not is_early:
            yield f"a traceback: {ended.output}"

    def _run(self, store: Path, runner: str, disturbance: str) -> Ended:
        tasks = self.random.choice(("auto", "1", "2", "3"))
        options = ["--store", str(store), "--weights", "builtin", "--runner", runner, "--rows-per-task", tasks]
        options += ["--no-report"] * (self.random.random() < 0.5)
        return self._command(["run", self.manifest, *options], runner, disturbance)

    def _command(self, arguments: Sequence[str], runner: str, disturbance: str) -> Ended:
        number = next(self.steps)
        self.step = f"step {number}: {' '.join(arguments)}, {disturbance}"
        command = Command(arguments, self.folder / f"step-{number}", fresh=runner == "local")
        try:
            is_struck = self._wait(command, disturbance, self.tally.seconds.get(runner, 2.0))
            if disturbance != "kill" and (left := command.lasting(STOP_SECONDS)):
                self.left_over.append(f"{self.step}: processes that it started still run: {left}")
        finally:
            ended = command.ended()
        self.tally.ended[arguments[0], ended.code] += 1
        if disturbance == "nothing":
            self.tally.seconds[runner] = ended.seconds
        elif is_struck:
            self.tally.disturbed[disturbance, f"{arguments[0]} ({runner})", ended.phase] += 1
        return ended

    def _wait(self, command: Command, disturbance: str, seconds: float) -> bool:
        """Lets a command end, or disturbs it at a random moment or soon after its first job; returns whether it did."""
        if disturbance == "nothing":
            return command.wait(LONGEST) is None
        if self.random.random() < 0.5:
            command.wait_for("computing", 2 * seconds)
            seconds /= 4
        if command.wait(self.random.uniform(0, 1.1 * seconds)) is not None:
            return False
        if disturbance == "kill":
            return True
        if disturbance in ("interrupt", "terminate"):
            is_typed = disturbance == "interrupt"
            command.signal(signal.SIGINT if is_typed else signal.SIGTERM, group=is_typed)
        elif children := command.children():
            os.kill(self.random.choice(children), signal.SIGKILL)
        command.wait(LONGEST if disturbance == "kill a child" else STOP_SECONDS)
        return True

    def _report(self, store: Path) -> Iterator[str]:
        state, (run, status) = State.read(store), self._newest(store)
        ended = self._command(["report", str(store)], "loop", "nothing")
        page = state.folder / "runs" / run / "report.html"
        if ended.code or not page.exists():
            yield f"exit code {ended.code}: {ended.output}"
        else:
            yield from check_report(page, status)

    def _newest(self, store: Path) -> tuple[str, list[str]]:
        """Returns the newest run, and the status of its rows."""
        state = State.read(store)
        run = max(state.runs)
        return run, state.rows(run) or self._standing(state, run)

    def _standing(self, state: State, run: str) -> list[str]:
        made = dict(zip(state.lines.index, state.lines["run"], strict=True)) if len(state.lines) else {}
        found = []
        for row, expected in zip(self.rows, self.expected, strict=True):
            status = state.status.get(row["seed"], "stopped")
            earlier = status == "done" and made[row["seed"]] != run
            found.append("rejected" if expected == "rejected" else "skipped" if earlier else status)
        return found

    def _export(self, store: Path) -> Iterator[str]:
        """Exports, killed or not, and then exports again to the end."""
        state, output = State.read(store), self.folder / f"export-{next(self.steps)}"
        arguments = ["export", str(store), "--format", self.random.choice(FORMATS), "-o", str(output)]
        self._command(arguments, "loop", "kill")
        ended = self._command(arguments, "loop", "nothing")
        has_images = "done" in state.status.values()
        if ended.code != (0 if has_images else 2):
            yield f"exit code {ended.code}: {ended.output}"
        elif has_images:
            yield from check_export(output, state, self.rows)
            whole = bytes_of(output)
            self._command([*arguments[:-1], f"{output}-again"], "loop", "nothing")
            if whole != bytes_of(output.with_name(f"{output.name}-again")):
                yield "an export that was killed and continued has other bytes"

    def _status(self, store: Path) -> Iterator[str]:
        ended = self._command(["status", str(store)], "loop", "nothing")
        if ended.code:
            yield f"exit code {ended.code}: {ended.output}"

    def _named(self, violations: Iterator[str]) -> Iterator[str]:
        return (f"{self.step}: {violation}" for violation in violations)

"""Progress of a run on the command line: a bar on a terminal, otherwise a plain line now and then."""

import math
import threading
import time
from dataclasses import replace

from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from stylize_core.chunk.context import Progress
from stylize_core.errors import Stopped
from stylize_core.run.run import Run
from stylize_core.wording import duration
from stylize_flows.console import err, has_bar, show_doubts, show_plan, show_rejected, tell
from stylize_flows.runners import Watcher
from stylize_flows.stop import end_soon
from stylize_flows.voice import voice

LINE_SECONDS = 10.0
"""Pause between two lines without a terminal."""


class ConsoleWatcher(Watcher):
    """Shows the progress of a run; keeps what the command needs to know at its end.

    Attributes:
        run: the run, once it is prepared.
        is_over: whether the run has ended.
        error: the error that ended it; None if it was carried out.
        is_prefect_lost: whether Prefect's server is gone.
    """

    def __init__(self) -> None:
        self.run: Run | None = None
        self.is_over = self.is_prefect_lost = False
        self.error: Exception | None = None
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=err,
            disable=not has_bar(),
        )
        self._task: TaskID | None = None
        self._lock = threading.Lock()
        self._began = self._told = 0.0
        self._jobs = 0
        self._finished: set[str] = set()
        self._failed: set[str] = set()
        self._batch = Progress()

    def prepared(self, run: Run) -> None:
        """Shows the plan and starts the bar."""
        assert run.plan is not None, "a prepared run has a plan"
        if voice().verbose:
            engine = run.context.engine
            how = {"device": str(engine.device), "precision": engine.precision, "weights": engine.weights.name}
            tell(f"run {run.name}: {', '.join(how.values())}", "debug", run=run.name, **how)
        show_plan(run.plan)
        show_rejected(run.plan)
        show_doubts(run.plan)
        self.run, self._jobs, self._began = run, run.plan.forecast.jobs, time.monotonic()
        self._bar.start()
        self._task = self._bar.add_task("jobs", total=self._jobs, detail="")

    def progressed(self, progress: Progress) -> None:
        """Moves the bar, or writes a line now and then."""
        with self._lock:
            self._finished.update(progress.finished)
            self._failed.update(progress.failed)
            self._batch = progress if progress.steps else replace(self._batch, jobs=0)
            if self._task is not None:
                self._bar.update(self._task, completed=self._done, detail=self._detail())
            if progress.finished and voice().verbose:
                self._tell("debug")
            elif not has_bar() and time.monotonic() - self._told > LINE_SECONDS:
                self._tell("info")

    def ended(self, run: Run, error: Exception | None) -> None:
        """Stops the bar."""
        self._bar.stop()
        self.is_over, self.error = True, error
        if isinstance(error, Stopped):
            end_soon()  # Prefect may wait for a server that is gone

    def _tell(self, level: str) -> None:
        """Writes the progress of the run."""
        self._told = time.monotonic()
        finished, failed = len(self._finished), len(self._failed)
        line = f"{finished}/{self._jobs} jobs · {self._detail()}"
        tell(line, level, finished=finished, failed=failed, jobs=self._jobs)

    @property
    def _done(self) -> float:
        """Finished jobs, plus the finished share of the running batch."""
        batch = self._batch
        return len(self._finished) + (batch.jobs * batch.step / batch.steps if batch.jobs else 0)

    def _detail(self) -> str:
        batch, parts = self._batch, []
        if self._failed:
            parts.append(f"{len(self._failed)} failed")
        if batch.steps:
            parts += [f"step {batch.step}/{batch.steps}", f"loss {batch.loss:.4g}"]
        if 0 < self._done < self._jobs:
            left = (time.monotonic() - self._began) * (self._jobs / self._done - 1)
            parts.append(f"{duration(math.ceil(left))} left")
        return " · ".join(parts)

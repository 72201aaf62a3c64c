"""Measures where a run of this process spends its time and memory."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import Any

import stylize_core.chunk.committing
import stylize_core.store.commits
from benchmarks.memory import anonymous_bytes, reset_peak, resident_bytes
from stylize_core.chunk.committing import Committer
from stylize_core.files.files import Files
from stylize_core.run.run import Run


class Meter:
    """Measures the runs of this process from now on.

    Phases (plan, run, finish) follow each other; each has seconds and a peak of memory. Parts (encode, commit, write)
    are inside the run; each has its seconds without those of parts inside it. Only writing for commits is counted.

    Args:
        rows: of the manifest.
    """

    def __init__(self, rows: int) -> None:
        self._rows, self._jobs = rows, 0
        self._phase, self._since = "start", time.perf_counter()
        self._seconds: dict[str, float] = defaultdict(float)
        self._bytes = {"start": resident_bytes("VmRSS"), "half": 0, "end": 0}
        self._anonymous = {"start": anonymous_bytes(), "half": 0, "end": 0}
        self._open = threading.local()
        self._replace(Run, "prepare", self._phased("plan", "run"))
        self._replace(Run, "finish", self._phased("finish", "end"))
        self._replace(Committer, "add", self._part("encode"))
        self._replace(stylize_core.chunk.committing, "publish_commit", self._part("commit"))
        self._replace(stylize_core.store.commits, "publish_pictures", self._part("write", within="commit"))
        self._replace(Files, "publish", self._part("write", within="commit"))

    def figures(self) -> dict[str, int | float]:
        """Returns seconds and bytes by phase, milliseconds per row by part, and bytes halfway."""
        phases = ("plan", "run", "finish")
        encode, write = self._seconds["encode"], self._seconds["write"]
        milliseconds = {
            "row": sum(self._seconds[phase] for phase in phases),
            "orchestration": self._seconds["run"] - encode - write,
            "encode": encode,
            "write": write,
        }
        return {
            **{f"{phase}_seconds": self._seconds[phase] for phase in phases},
            **{f"{name}_ms": 1e3 * seconds / self._rows for name, seconds in milliseconds.items()},
            **{f"{phase}_peak_bytes": self._bytes[phase] for phase in phases},
            **{f"{moment}_bytes": self._bytes[moment] for moment in ("start", "half", "end")},
            **{f"{moment}_anonymous_bytes": count for moment, count in self._anonymous.items()},
        }

    @staticmethod
    def _replace(owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
        setattr(owner, name, wrapper(getattr(owner, name)))

    def _phased(self, phase: str, following: str) -> Callable[..., Any]:
        def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(function)
            def call(*arguments: Any, **others: Any) -> Any:
                self._enter(phase)
                try:
                    return function(*arguments, **others)
                finally:
                    self._enter(following)

            return call

        return wrap

    def _enter(self, phase: str) -> None:
        now = time.perf_counter()
        self._seconds[self._phase] += now - self._since
        self._bytes.setdefault(self._phase, resident_bytes("VmHWM"))
        self._phase, self._since = phase, now
        reset_peak()

    def _part(self, name: str, within: str = "") -> Callable[..., Any]:
        def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(function)
            def call(*arguments: Any, **others: Any) -> Any:
                parts = self._open.__dict__.setdefault("parts", [])  # of this thread, the innermost last
                if within and (not parts or parts[-1][0] != within):
                    return function(*arguments, **others)
                parts.append([name, 0.0])
                began = time.perf_counter()
                try:
                    return function(*arguments, **others)
                finally:
                    seconds = time.perf_counter() - began
                    self._seconds[name] += seconds - parts.pop()[1]
                    if parts:
                        parts[-1][1] += seconds
                    if name == "commit":
                        self._committed(len(arguments[2]))

            return call

        return wrap

    def _committed(self, jobs: int) -> None:
        self._jobs += jobs
        self._bytes["end"], self._anonymous["end"] = resident_bytes("VmRSS"), anonymous_bytes()
        if not self._bytes["half"] and 2 * self._jobs >= self._rows:
            self._bytes["half"], self._anonymous["half"] = self._bytes["end"], self._anonymous["end"]

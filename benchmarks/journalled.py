"""Runs the command in its own process group, with a journal of its phases: for `kills` and `soak`.

    python -m benchmarks.journalled JOURNAL OUTPUT ARGUMENT ...

A line of the journal is a phase, written when it begins; the line of a batch also has the seeds of its jobs. Publishing
overlaps with computing and counts as publishing. Each job is a separate batch, so that the bytes of an image do not
depend on which other jobs were left to do.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import stylize_flows.commands.progress
import stylize_flows.runners
from stylize_flows.cli import main

import stylize_core.chunk.committing
from stylize_core.engine.engine import Engine
from stylize_core.engine.memory import Fit
from stylize_core.engine.pair import Pair
from stylize_core.run.run import Run
from stylize_core.store.commits import publish_commit

PRELOADED = [__name__, stylize_flows.commands.progress.__name__, stylize_flows.runners.__name__]
"""Modules that a fork server imports once, so that commands start quickly."""


def run(arguments: list[str], journal: str, output: str) -> None:
    """Runs the command and exits; its journal and its output go to files."""
    os.setsid()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = os.open(output, flags)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    _watch(os.open(journal, flags))
    main(arguments)


def _watch(journal: int) -> None:
    def tell(phase: str) -> None:
        os.write(journal, f"{phase}\n".encode())

    def telling(function: Callable[..., Any], phase: str, then: str = "") -> Callable[..., Any]:
        def call(*arguments: Any, **others: Any) -> Any:
            tell(phase)
            result = function(*arguments, **others)
            if then:
                tell(then)
            return result

        return call

    optimise = Engine.optimise

    def optimise_and_tell(engine: Engine, pairs: Sequence[Pair], **others: Any) -> Any:
        tell(" ".join(("computing", *(str(pair.settings.seed) for pair in pairs))))
        return optimise(engine, pairs, **others)

    for owner, name, stand_in in (
        (Engine, "fit", lambda *_: Fit(jobs=1, recompute=False, bytes=0)),
        (Engine, "optimise", optimise_and_tell),
        (Run, "prepare", telling(Run.prepare, "planning", "computing")),
        (Run, "finish", telling(Run.finish, "report")),
        (
            stylize_core.chunk.committing,
            "publish_commit",
            telling(publish_commit, "publishing", "computing"),
        ),
    ):
        setattr(owner, name, stand_in)
    tell("starting")


if __name__ == "__main__":
    run(sys.argv[3:], *sys.argv[1:3])

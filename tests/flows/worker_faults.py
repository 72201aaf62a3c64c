"""Preloaded by the Dask workers of a test: they keep a journal of their jobs, and fail as instructed.

Every job is a separate batch and commit. The journal gets `PID load` when the network is loaded and `PID SEED` when a
job is begun. A job whose seed is in `kill` kills its worker; a job in `hang` never returns and ignores stops.
The instructions are in a file that is read for each batch, because a cluster serves many tests.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

import stylize_core.chunk.chunk
import stylize_core.engine.engine
from stylize_core.engine.engine import Engine
from stylize_core.engine.memory import Fit
from stylize_core.engine.optimise import Optimised
from stylize_core.engine.pair import Pair
from stylize_core.engine.weights import Weights

originals = vars(Engine).get("originals") or (Engine.optimise, stylize_core.engine.engine.load_weights)
optimise, load_weights = originals  # Dask loads a module twice


def told() -> dict[str, Any]:
    """Returns the test's instructions."""
    config: dict[str, Any] = json.loads(Path(os.environ["STYLIZE_WORKER_FAULTS"]).read_text())
    return config


def note(what: object) -> None:
    """Writes a line into the journal."""
    with Path(told()["journal"]).open("a") as journal:
        journal.write(f"{os.getpid()} {what}\n")


def load_and_note(name: str, *, progress: bool) -> Weights:
    """Replaces `load_weights`."""
    note("load")
    return load_weights(name, progress=progress)


def optimise_or_fail(
    engine: Engine, pairs: Sequence[Pair], *, on_step: Callable[[int, torch.Tensor], None], **others: Any
) -> list[Optimised]:
    """Replaces `Engine.optimise`."""
    (seed,) = (pair.settings.seed for pair in pairs)
    config = told()
    note(seed)
    if seed in config["kill"]:
        os.kill(os.getpid(), signal.SIGKILL)
    if seed in config["hang"]:
        time.sleep(3600)

    def step_slowly(step: int, totals: torch.Tensor) -> None:
        on_step(step, totals)
        time.sleep(config["step_seconds"])

    return optimise(engine, pairs, on_step=step_slowly, **others)


for owner, name, stand_in in (
    (stylize_core.chunk.chunk, "COMMIT_SECONDS", 0.0),
    (stylize_core.engine.engine, "load_weights", load_and_note),
    (Engine, "fit", lambda *_: Fit(jobs=1, recompute=False, bytes=0)),
    (Engine, "optimise", optimise_or_fail),
    (Engine, "originals", originals),
):
    setattr(owner, name, stand_in)

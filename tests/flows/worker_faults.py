"""Preloaded by the Dask workers of a test: they keep a journal of what they compute, and fail where they are told to.

Every job is a batch and a commit of its own. The journal gets `PID load` when the network is loaded and `PID SEED` when
a job is begun. A job whose seed is among `kill` kills its worker, one of `hang` never comes back and does not listen.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

import flows.dask_runner.worker
import stylize_core.chunk
from stylize_core.engine.engine import Engine, Pair
from stylize_core.engine.memory import Fit
from stylize_core.engine.optimise import Optimised
from stylize_core.engine.weights import Weights

CONFIG: dict[str, Any] = json.loads(os.environ["STYLIZE_WORKER_FAULTS"])

journal = os.open(CONFIG["journal"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
originals = vars(Engine).get("originals") or (Engine.optimise, flows.dask_runner.worker.load_weights)
optimise, load_weights = originals  # Dask loads a module twice


def note(what: object) -> None:
    """Writes a line into the journal."""
    os.write(journal, f"{os.getpid()} {what}\n".encode())


def load_and_note(name: str) -> Weights:
    """Stands in for `load_weights`."""
    note("load")
    return load_weights(name)


def optimise_or_fail(
    engine: Engine, pairs: Sequence[Pair], *, on_step: Callable[[int, torch.Tensor], None], **others: Any
) -> list[Optimised]:
    """Stands in for `Engine.optimise`."""
    (seed,) = (pair.settings.seed for pair in pairs)
    note(seed)
    if seed in CONFIG["kill"]:
        os.kill(os.getpid(), signal.SIGKILL)
    if seed in CONFIG["hang"]:
        time.sleep(3600)

    def step_slowly(step: int, totals: torch.Tensor) -> None:
        on_step(step, totals)
        time.sleep(CONFIG["step_seconds"])

    return optimise(engine, pairs, on_step=step_slowly, **others)


for owner, name, stand_in in (
    (stylize_core.chunk, "COMMIT_SECONDS", 0.0),
    (flows.dask_runner.worker, "load_weights", load_and_note),
    (Engine, "fit", lambda *_: Fit(jobs=1, recompute=False, bytes=0)),
    (Engine, "optimise", optimise_or_fail),
    (Engine, "originals", originals),
):
    setattr(owner, name, stand_in)

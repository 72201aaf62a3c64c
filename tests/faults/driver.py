"""The command in a process of its own in which chosen things go wrong; everything else is real.

Its only argument is a JSON object:

- `arguments`: of the command.
- `output`: the files that get what it writes, standard output and standard error.
- `faults`: by the seed of a job, what goes wrong each time it is computed: `crash` (an error nobody foresaw),
  `memory` (none is left), `nan` (its loss is no number), `hang` (nothing more happens between two evaluations),
  `lost` (the device stops working).
- `commands`: by event, what a shell then does. Events are `planned` and, before the n-th results file is published,
  `results n`.
- `clock`: by event, by how many seconds the clock jumps; `start` is an event too.

Permissions bind the process even where it runs as root, and nothing pauses before it is tried again.
"""

import ctypes
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import stylize_flows.runners
import torch
from stylize_flows.cli import main

import stylize_core.engine.engine
import stylize_core.run.run
from stylize_core.engine.objective import Objective
from stylize_core.engine.optimise import Optimised, optimise
from stylize_core.files.files import Files
from stylize_core.run.run import Run
from stylize_core.settings import Settings

CONFIG: dict[str, Any] = globals().get("CONFIG") or json.loads(sys.argv[1])
FAULTS: dict[int, str] = {int(seed): fault for seed, fault in CONFIG["faults"].items()}

published: Counter[str] = Counter()
prepare, publish = Run.prepare, Files.publish
real_time, real_time_ns, ahead = time.time, time.time_ns, 0


def give_up_privileges() -> None:
    """Gives up root's power to pass over permissions (CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH); see capset(2)."""
    libc = ctypes.CDLL(None)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    libc.capget(header, sets)
    sets[0] &= ~0b110  # of the effective ones
    libc.capset(header, sets)


def reach(event: str) -> None:
    """Does what is to happen at an event."""
    global ahead
    ahead += CONFIG["clock"].get(event, 0)
    subprocess.run(CONFIG["commands"].get(event, ":"), shell=True, check=True)


def prepare_and_tell(run: Run) -> None:
    """Stands in for `Run.prepare`."""
    prepare(run)
    reach("planned")


def tell_and_publish(files: Files, path: str, data: bytes) -> None:
    """Stands in for `Files.publish`."""
    if path.startswith("results/"):
        published["results"] += 1
        reach(f"results {published['results']}")
    publish(files, path, data)


def optimise_or_fail(
    objective: Objective,
    start: torch.Tensor,
    settings: Sequence[Settings],
    *,
    should_stop: Callable[[], bool],
    **others: Any,
) -> list[Optimised]:
    """Stands in for `optimise`."""
    faults = [FAULTS.get(one.seed) for one in settings]
    if "crash" in faults or "lost" in faults:
        raise RuntimeError("something nobody foresaw")
    if "memory" in faults:
        raise torch.OutOfMemoryError("out of memory")
    while "hang" in faults and not should_stop():
        time.sleep(0.01)
    if "nan" in faults:
        poison(objective, torch.tensor([fault == "nan" for fault in faults]))
    return optimise(objective, start, settings, should_stop=should_stop, **others)


def poison(objective: Objective, samples: torch.Tensor) -> None:
    """Makes the loss of some samples no number."""
    evaluate = objective.evaluate

    def evaluate_badly(image: torch.Tensor) -> Any:
        terms, gradient = evaluate(image)
        return replace(terms, total=terms.total.masked_fill(samples, torch.nan)), gradient

    objective.evaluate = evaluate_badly  # type: ignore[method-assign]


class Clock(datetime):
    """Stands in for `datetime`."""

    @classmethod
    def now(cls, tz: Any = UTC) -> datetime:  # type: ignore[override]
        """Returns what the clock shows."""
        return datetime.fromtimestamp(time.time(), tz)


for descriptor, path in enumerate(CONFIG["output"], 1):
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
give_up_privileges()
for owner, name, stand_in in (
    (stylize_flows.runners, "RETRY_SECONDS", (0.0,)),
    (stylize_core.engine.engine, "optimise", optimise_or_fail),
    (stylize_core.engine.engine, "is_lost", lambda _: "lost" in FAULTS.values()),
    (stylize_core.run.run, "datetime", Clock),
    (time, "time", lambda: real_time() + ahead),
    (time, "time_ns", lambda: real_time_ns() + ahead * 10**9),
    (Run, "prepare", prepare_and_tell),
    (Files, "publish", tell_and_publish),
):
    setattr(owner, name, stand_in)
reach("start")
main(CONFIG["arguments"])

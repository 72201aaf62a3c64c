"""A command in a process of its own that keeps a journal of its engine, and can die at a chosen moment.

Every job is a batch and a commit of its own, and nothing pauses before it is tried again. The journal gets the seed of
each job before it is computed, so that it shows what was computed twice. A moment is an event and how often it has
come, such as `before results 2`; when it is reached, the process group is killed with SIGKILL. The events are `step`;
`before` and `after` a file is published, with the top folder of the store or the name of a run's file; `half`, with
the ending of a file that is written and not yet renamed.
"""

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import stylize_flows.runners
import torch
from stylize_flows.cli import main

import stylize_core.chunk.chunk
from stylize_core.engine.engine import Engine
from stylize_core.engine.memory import Fit
from stylize_core.engine.optimise import Optimised
from stylize_core.engine.pair import Pair
from stylize_core.files.files import Files

CONFIG: dict[str, Any] = globals().get("CONFIG") or json.loads(sys.argv[1])

events: Counter[str] = Counter()
journal = os.open(CONFIG["journal"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
optimise, publish, rename = Engine.optimise, Files.publish, os.replace


def reach(event: str) -> None:
    """Counts an event; dies if this is the moment."""
    events[event] += 1
    if f"{event} {events[event]}" == CONFIG["moment"]:
        os.killpg(0, signal.SIGKILL)


def kind(path: str) -> str:
    """Returns the folder of a store's path; the name for a file of a run."""
    parts = path.split("/")
    return parts[-1] if parts[0] == "runs" else parts[0]


def publish_and_tell(files: Files, path: str, data: bytes) -> None:
    """Stands in for `Files.publish`."""
    reach(f"before {kind(path)}")
    publish(files, path, data)
    reach(f"after {kind(path)}")


def rename_and_tell(source: str, target: str) -> None:
    """Stands in for `os.replace`."""
    reach(f"half {os.path.splitext(target)[1]}")
    rename(source, target)


def optimise_and_tell(
    engine: Engine, pairs: Sequence[Pair], *, on_step: Callable[[int, torch.Tensor], None], **others: Any
) -> list[Optimised]:
    """Stands in for `Engine.optimise`."""
    for pair in pairs:
        os.write(journal, f"{pair.settings.seed}\n".encode())

    def step_and_tell(step: int, totals: torch.Tensor) -> None:
        on_step(step, totals)
        time.sleep(CONFIG["step_seconds"])
        reach("step")

    return optimise(engine, pairs, on_step=step_and_tell, **others)


os.environ |= CONFIG["environment"]  # a forked process has that of the server it is forked from
os.setsid()
signal.signal(signal.SIGINT, signal.default_int_handler)  # as at a terminal: CI may have had it ignored
output = os.open(CONFIG["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.dup2(output, 1)
os.dup2(output, 2)
for owner, name, stand_in in (
    (stylize_flows.runners, "RETRY_SECONDS", (0.0,)),
    (stylize_core.chunk.chunk, "COMMIT_SECONDS", 0.0),
    (Engine, "fit", lambda *_: Fit(jobs=1, recompute=False, bytes=0)),
    (Engine, "optimise", optimise_and_tell),
    (Files, "publish", publish_and_tell),
    (os, "replace", rename_and_tell),
):
    setattr(owner, name, stand_in)
main(CONFIG["arguments"])

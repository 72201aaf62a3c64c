"""How fast a device is, from what it computed before: a probe would make a network, some 500 MB on a CPU, for that."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa

from stylize_core.engine.device import describe
from stylize_core.engine.engine import Engine
from stylize_core.files.files import Files
from stylize_core.forecast import PROBE_EDGE_PX, Rate, evaluation_flops
from stylize_core.settings import Settings
from stylize_core.store.ledger import results_paths
from stylize_core.store.records import RESULTS
from stylize_core.store.tables import read_table

FILES, LINES = 2, 500
"""Of the newest results files, and of the last lines of each, that are looked at."""

LEAST_SECONDS = 10.0
"""Of computing; less says little of what is to come."""

_NAMES = ("status", "settings", "width", "height", "steps", "seconds", "device", "precision")
_COLUMNS = pa.schema([RESULTS.field(name) for name in _NAMES])


def known_rate(files: Files, engine: Engine) -> Rate | None:
    """Returns the rate at which a device computed its newest jobs of a store; None where they tell too little.

    Small pictures do not count: with them the time goes into other things than operations.

    Raises:
        StoreError: a results file is damaged; it is named.
    """
    device, flops, seconds = describe(engine.device, engine.precision), 0.0, 0.0
    for line in _newest(files):
        is_like = (line["status"], line["device"], line["precision"]) == ("done", device, engine.precision)
        if is_like and max(line["width"], line["height"]) >= PROBE_EDGE_PX:
            settings = Settings.from_dict(json.loads(line["settings"]))
            flops += (line["steps"] + 1) * evaluation_flops(settings, line["height"], line["width"])
            seconds += line["seconds"]
    if seconds < LEAST_SECONDS:
        return None
    return Rate(
        flops=flops / seconds, probed=True, device=engine.device, precision=engine.precision, memory=engine.memory
    )


def _newest(files: Files) -> Iterator[dict[str, Any]]:
    for path in results_paths(files)[-FILES:]:
        with suppress(FileNotFoundError):  # another run compacts the store at this moment
            table = read_table(files, path, _COLUMNS)
            yield from table.slice(max(0, len(table) - LINES)).to_pylist()

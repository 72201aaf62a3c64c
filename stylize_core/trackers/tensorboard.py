"""Writes a run for TensorBoard, as one folder of events."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stylize_core import wording
from stylize_core.errors import UsageError
from stylize_core.release import install_extra
from stylize_core.trackers.figures import GroupFigures, RunFigures

SUFFIX = ".stylize"
"""Suffix that identifies our event files."""

MARGINS = (("p10 to p90", ("p50", "p10", "p90")), ("p25 to p75", ("p50", "p25", "p75")))


def write_tensorboard(figures: RunFigures, folder: Path) -> Path:
    """Writes a run into `<folder>/<run>`, replaces what was written before, and returns that folder.

    Raises:
        UsageError: TensorBoard is not installed, or the folder cannot be written.
    """
    make = _writer()
    own = folder / figures.run
    try:
        own.mkdir(parents=True, exist_ok=True)
        for path in own.glob(f"events.out.tfevents.*{SUFFIX}"):
            path.unlink()
        with make(str(own), filename_suffix=SUFFIX) as writer:
            _write(figures, writer)
    except OSError as error:
        what = f"the events cannot be written: {error.strerror or error}"
        raise UsageError(what, where=str(own), todo="name a folder that you can write to") from error
    return own


def _writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        todo = install_extra("tensorboard")
        raise UsageError("TensorBoard is not installed", where="--tensorboard", todo=todo) from error
    return SummaryWriter


def _write(figures: RunFigures, writer: Any) -> None:
    writer.add_text("run", _table({"store": figures.store, **_rows(figures), **figures.totals}))
    writer.add_text("settings", _table(figures.settings))
    writer.add_text("environment", _table(figures.environment))
    for name, value in figures.medians.items():
        writer.add_scalar(f"median/{name}", value, 0)
    _write_hyperparameters(figures, writer)
    for group in figures.groups:
        _write_group(group, writer)
    if figures.groups:
        writer.add_custom_scalars({group.name: _margins(group) for group in figures.groups})
    for name, strip in figures.strips.items():
        writer.add_image(f"results/{name}", np.asarray(strip), 0, dataformats="HWC")


def _write_group(group: GroupFigures, writer: Any) -> None:
    writer.add_text(f"group/{group.name}", _table({**group.settings, "jobs": group.jobs}))
    for term, bands in group.bands.items():
        for line in bands.to_dict("records"):
            for band in bands.columns.drop("step"):
                writer.add_scalar(f"{term}/{group.name}/{band}", line[band], int(line["step"]))
    for name, values in group.distributions.items():
        writer.add_histogram(f"{name}/{group.name}", values, 0)


def _margins(group: GroupFigures) -> dict[str, list[Any]]:
    """Returns charts of a median within its band, for the tab of custom scalars."""
    return {
        f"{term}, {title}": ["Margin", [f"{term}/{group.name}/{band}" for band in bands]]
        for term in group.bands
        for title, bands in MARGINS
    }


def _write_hyperparameters(figures: RunFigures, writer: Any) -> None:
    """Writes a line for the table of hyperparameters into the run's own events instead of a separate run."""
    from torch.utils.tensorboard import summary

    make: Any = summary.hparams
    known = {name: _plain(value) for name, value in {**figures.settings, **figures.environment}.items()}
    metrics = {f"median/{name}": value for name, value in figures.medians.items()}
    for part in make(known, metrics):
        writer.file_writer.add_summary(part)


def _rows(figures: RunFigures) -> dict[str, int]:
    return {f"rows_{status}": count for status, count in figures.counts.items()}


def _plain(value: object) -> object:
    return value if isinstance(value, bool | int | float | str) else json.dumps(value)


def _table(values: Mapping[str, object]) -> str:
    lines = [f"| {name} | `{wording.cell(name, _plain(value))}` |" for name, value in values.items()]
    return "\n".join(["| name | value |", "|---|---|", *lines])

"""Writes a run to Weights & Biases, as one run of a project."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from stylize_core.errors import UsageError
from stylize_core.release import install_extra
from stylize_core.trackers.figures import RunFigures

BINS = 64
"""Bins of a histogram; the service accepts up to 512."""


def write_wandb(figures: RunFigures, project: str) -> str:
    """Writes a run into a project, replaces what was written before, and returns its address.

    Account, server and mode (`WANDB_MODE=offline` writes below `./wandb`, for `wandb sync`) come from the environment.
    It sends only the contents of `RunFigures`; nothing about this machine, its code or its output.

    Raises:
        UsageError: Weights & Biases is not installed, or does not accept the run.
    """
    wandb = _package()
    try:
        with _begin(wandb, figures, project) as run:
            _write(wandb, run, figures)
            where = Path(run.dir).parent if run.offline else run.url
    except (wandb.Error, OSError) as error:
        what = f"Weights & Biases does not take the run: {error}"
        raise UsageError(what, where="--wandb", todo="log in with `wandb login`, or set WANDB_MODE=offline") from error
    return str(where)


def _package() -> Any:
    try:
        import wandb
    except ImportError as error:
        raise UsageError("Weights & Biases is not installed", where="--wandb", todo=install_extra("wandb")) from error
    return wandb


def _begin(wandb: Any, figures: RunFigures, project: str) -> Any:
    return wandb.init(
        project=project,
        id=run_id(figures),
        resume=None,  # a run of the same id is overwritten
        name=figures.run,
        job_type="stylize",
        config={**figures.settings, "environment": dict(figures.environment), "store": figures.store},
        settings=wandb.Settings(
            console="off",
            silent=True,
            host="",
            disable_git=True,
            disable_code=True,
            x_disable_stats=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
        ),
    )


def run_id(figures: RunFigures) -> str:
    """Returns the id of a run in any project: the same for the same run of the same store."""
    return hashlib.sha256(f"{figures.store}\n{figures.run}".encode()).hexdigest()[:16]


def _write(wandb: Any, run: Any, figures: RunFigures) -> None:
    run.define_metric("step", hidden=True)
    for group in figures.groups:
        for term in group.bands:
            run.define_metric(f"{term}/{group.name}/*", step_metric="step")
    for step, values in sorted(_by_step(figures).items()):
        run.log({"step": step, **values})
    pictures = {f"results/{name}": wandb.Image(strip) for name, strip in figures.strips.items()}
    run.log({**_histograms(wandb, figures), **pictures})
    run.summary.update({f"rows_{status}": count for status, count in figures.counts.items()})
    run.summary.update(dict(figures.totals))
    run.summary.update({f"median/{name}": value for name, value in figures.medians.items()})
    run.summary.update({f"group/{group.name}": {**group.settings, "jobs": group.jobs} for group in figures.groups})


def _by_step(figures: RunFigures) -> dict[int, dict[str, float]]:
    """Returns the values of all bands by step: values logged together are one line of the run's history."""
    values: dict[int, dict[str, float]] = {}
    for group in figures.groups:
        for term, bands in group.bands.items():
            for line in bands.to_dict("records"):
                step = int(line.pop("step"))
                named = {f"{term}/{group.name}/{band}": value for band, value in line.items()}
                values.setdefault(step, {}).update(named)
    return values


def _histograms(wandb: Any, figures: RunFigures) -> dict[str, Any]:
    return {
        f"{name}/{group.name}": wandb.Histogram(np_histogram=np.histogram(values, bins=BINS))
        for group in figures.groups
        for name, values in group.distributions.items()
    }

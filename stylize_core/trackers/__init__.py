"""A run's figures where a team already looks at them: aggregated, one run of the tracker for a run, from the store."""

from stylize_core.trackers.figures import read_figures
from stylize_core.trackers.tensorboard import write_tensorboard
from stylize_core.trackers.wandb import write_wandb

__all__ = ["read_figures", "write_tensorboard", "write_wandb"]

"""Which settings vary in a run, along which few of them its jobs are laid out, and whose losses compare."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from stylize_core import wording
from stylize_core.record.run_record import JobRecord
from stylize_core.settings import SETTING_FIELDS, TOTAL_SCALE

NAMES = ("preset", *(spec.name for spec in SETTING_FIELDS))


class Configured(Protocol):
    """Whatever has a job's settings."""

    @property
    def settings(self) -> Mapping[str, object]:
        """`preset` and every setting, layers as text."""


def varying(jobs: Sequence[Configured]) -> tuple[str, ...]:
    """Returns the settings that jobs do not share."""
    return tuple(name for name in NAMES if _count(jobs, name) > 1)


def axes(jobs: Sequence[Configured]) -> tuple[str, ...]:
    """Returns the varying settings that none of the others decides, the one with the most values first.

    Sweeping `size` changes `style_size` as well, and changing `preset` much else: one axis each. Seeds come last,
    as a seed of its own for every job would seem to decide everything.
    """
    counts = {name: _count(jobs, name) for name in varying(jobs)}
    leaders: list[str] = []
    for name in sorted(counts, key=lambda name: (name == "seed", -counts[name])):
        if not any(_decides(jobs, leader, name) for leader in leaders):
            leaders.append(name)
    return tuple(leaders)


def describe(job: Configured, names: Sequence[str]) -> str:
    """Writes some settings of a job: `style_weight 1e6 · start noise`."""
    return " · ".join(f"{name} {wording.setting(job.settings[name])}" for name in names)


def scale(job: JobRecord, names: Sequence[str] = TOTAL_SCALE) -> tuple[object, ...]:
    """Returns a key that is equal for jobs whose losses may be compared.

    Args:
        job: a job.
        names: `TOTAL_SCALE` to compare totals, `TERM_SCALE` to compare terms.
    """
    return (job.network, *(job.settings[name] for name in names))


def _count(jobs: Sequence[Configured], name: str) -> int:
    return len({job.settings[name] for job in jobs})


def _decides(jobs: Sequence[Configured], leader: str, name: str) -> bool:
    return len({(job.settings[leader], job.settings[name]) for job in jobs}) == _count(jobs, leader)

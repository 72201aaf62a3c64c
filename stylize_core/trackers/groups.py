"""Which jobs of a run stand together: those whose content, style and tv terms may be compared."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np
import pyarrow as pa

from stylize_core.settings import TERM_SCALE, TOTAL_SCALE

SHOWN = 20
"""Groups that trackers get, the largest ones: each adds some twenty series and seven histograms."""

_WEIGHTS = [name for name in TOTAL_SCALE if name not in TERM_SCALE]


class Groups:
    """The jobs of a plan by group; all of a run have one network.

    Attributes:
        jobs: ids and the number of each job's group, in the manifest's order.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, int] = {}
        self._numbers: dict[str, int] = {}  # of a group by the JSON of what tells it from others
        self._shared: list[dict[str, object]] = []
        self._alike: Counter[str] = Counter()
        self._names: list[str] = []
        self._weights: dict[int, set[str]] = defaultdict(set)
        self._values: dict[str, set[str]] = defaultdict(set)
        self._place = lru_cache(maxsize=10_000)(self._placed)  # many rows share their settings

    @property
    def count(self) -> int:
        """The number of groups."""
        return len(self._numbers)

    def add(self, planned: pa.Table) -> None:
        """Adds rows of a plan: columns `job_id`, `preset` and `settings`; those without a job are left out."""
        for job_id, preset, settings in zip(*(planned[name].to_pylist() for name in planned.column_names), strict=True):
            if job_id is not None:
                self.jobs[job_id] = self._place(settings)
                self._values["preset"].add(json.dumps(preset))

    def largest(self, lines: pa.Table) -> Iterator[tuple[int, pa.Table]]:
        """Yields the number and the lines of each group that is shown, the one with the most lines first."""
        numbers = np.array([self.jobs[job_id] for job_id in lines["job_id"].to_pylist()], np.int64)
        for number, _ in Counter(numbers.tolist()).most_common(SHOWN):
            yield number, lines.filter(pa.array(numbers == number))

    def name(self, number: int) -> str:
        """Returns a short name, unlike any other group's."""
        return self._names[number]

    def shared(self, number: int) -> dict[str, object]:
        """Returns the settings that a group's jobs share by its definition."""
        return self._shared[number]

    def has_one_total(self, number: int) -> bool:
        """Whether a group's totals may be compared: all its jobs weigh the terms alike."""
        return len(self._weights[number]) == 1

    def settings(self) -> dict[str, object]:
        """Returns the value of each setting that all jobs share, and of each other one how many there are."""
        return {
            name: json.loads(next(iter(values))) if len(values) == 1 else f"{len(values)} values"
            for name, values in self._values.items()
        }

    def _placed(self, text: str) -> int:
        settings = json.loads(text)
        key = _json(settings, TERM_SCALE)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            self._shared.append(json.loads(key))
            self._names.append(self._new_name(settings))
        number = self._numbers[key]
        self._weights[number].add(_json(settings, _WEIGHTS))
        for name, value in settings.items():
            self._values[name].add(json.dumps(value))
        return number

    def _new_name(self, settings: Mapping[str, object]) -> str:
        name = f"{settings['form']}-{settings['size']}px"
        self._alike[name] += 1
        return name if self._alike[name] == 1 else f"{name}-{self._alike[name]}"


def _json(settings: Mapping[str, object], names: tuple[str, ...] | list[str]) -> str:
    return json.dumps({name: settings.get(name) for name in names})

"""Counts the samples of an export by what they have in common, for its card."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stylize_core.export.gathering import Line, suffix_of
from stylize_core.settings import with_neutral

MANY = 1000
"""Values of a setting that are counted, and one more."""


@dataclass(slots=True)
class Tally:
    """Numbers of samples by what they have in common.

    Attributes:
        splits: by split and class.
        styles: by sha256 of the style and its name in the manifest.
        settings: by value, for each setting; only some values if a setting has more than `MANY`.
        presets: by preset.
        versions: by the versions that determine the numbers, as JSON.
        weights: by sha256 of the network's weights.
        licences: by the cell `x_licence`; empty if there is none.
        extra: by the `x_` columns of their rows.
        suffixes: by the suffix of the image's file.
        left_out: rows without an image, by status.
        bytes: total size of all images.
    """

    splits: Counter[tuple[str, str]] = field(default_factory=Counter)
    styles: Counter[tuple[str, str]] = field(default_factory=Counter)
    settings: dict[str, Counter[object]] = field(default_factory=lambda: defaultdict(Counter))
    presets: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    weights: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    extra: Counter[str] = field(default_factory=Counter)
    suffixes: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    bytes: int = 0

    @property
    def images(self) -> int:
        """Number of samples."""
        return self.splits.total()

    @property
    def classes(self) -> Counter[str]:
        """Samples by class."""
        return _summed((class_name, count) for (_, class_name), count in self.splits.items())

    @property
    def by_split(self) -> Counter[str]:
        """Samples by split."""
        return _summed((split, count) for (split, _), count in self.splits.items())

    def add(self, lines: Sequence[Line]) -> None:
        """Counts samples."""
        self._add_settings(Counter(line["settings"] for line in lines))
        for line in lines:
            extra: dict[str, Any] = json.loads(line["extra"])
            self.splits[line["split"], line["class"]] += 1
            digests: dict[str, Any] = json.loads(line["digests"])
            self.styles[digests["styles"][0][0], line["style"]] += 1
            self.presets[line["preset"]] += 1
            self.versions[line["versions"]] += 1
            self.weights[digests["weights"]] += 1
            self.licences[extra.get("x_licence", "")] += 1
            self.extra.update(extra.keys())
            self.suffixes[suffix_of(line["image"])] += 1
            self.bytes += line["bytes"]

    def _add_settings(self, counts: Mapping[str, int]) -> None:
        for text, count in counts.items():
            for name, value in with_neutral(json.loads(text)).items():
                values = self.settings[name]
                if value in values or len(values) <= MANY:  # there may be as many seeds as images
                    values[value] += count


def _summed(counts: Iterable[tuple[str, int]]) -> Counter[str]:
    summed: Counter[str] = Counter()
    for name, count in counts:
        summed[name] += count
    return summed

"""Settings that are allowed but rarely meant: the first row of each kind, told before the run."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from stylize_core.job import Job

ENLARGED = 4.0
"""Factor of enlargement beyond which a style is reported."""

LEAP, CRAWL = 0.2, 0.1
"""Step size of adam above which it is reported, and of the others below which it is. Adam moves every pixel by about
its step size, of a range of 1; the others find the length of their steps themselves and take that share of it."""


class Doubt(NamedTuple):
    """What is doubtful about some rows.

    Attributes:
        line: of the manifest, the first that it is about.
        rows: number of rows to run that it is about.
        what: is doubtful about the first.
        todo: what is usually meant.
    """

    line: int
    rows: int
    what: str
    todo: str

    def __str__(self) -> str:
        more = f" (of {self.rows:,} such rows the first)" if self.rows > 1 else ""
        return f"line {self.line}: {self.what}{more}; {self.todo}"


class Doubts:
    """The doubts about the rows that were looked at, one of each kind."""

    def __init__(self) -> None:
        self._found: dict[Callable[[Job], object], Doubt] = {}

    def look(self, line: int, job: Job) -> None:
        """Looks at the job of a row to run."""
        for kind in _KINDS:
            if words := kind(job):
                before = self._found.get(kind) or Doubt(line, 0, *words)
                self._found[kind] = before._replace(rows=before.rows + 1)

    def __iter__(self) -> Iterator[Doubt]:
        return iter(self._found.values())


def _blurred_strokes(job: Job) -> tuple[str, str] | None:
    if (factor := job.enlargement) <= ENLARGED:
        return None
    style = job.styles[0][0]
    edge = max(style.width, style.height)
    what = f"its style of {edge} px is enlarged {factor:.1f} times, which blurs its strokes"
    return what, "style_fit=keep with a smaller style_size or style_scale keeps them"


def _step_size(job: Job) -> tuple[str, str] | None:
    name, rate = job.settings.optimiser, job.settings.learning_rate
    if name == "adam":
        return (f"adam leaps with learning_rate {rate:g}", "0.003 to 0.05 is usual") if rate > LEAP else None
    return (f"{name} hardly moves with learning_rate {rate:g}", "1 is usual") if rate < CRAWL else None


_KINDS = (_blurred_strokes, _step_size)

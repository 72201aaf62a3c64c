"""pyarrow without pandas, for commands that make no frames.

At the first array that it makes, pyarrow imports pandas to know its types: half of what `stylize status` would take.
"""

import sys
from importlib.abc import MetaPathFinder


class _NoPandas(MetaPathFinder):
    """Has an import of pandas fail, as where it is not installed."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name, name=name)


def load_without_pandas() -> None:
    """Imports pyarrow and, unless pandas is imported already, has it find none: for a process that makes no frames."""
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        import pyarrow as pa

        pa.array([True])
    finally:
        sys.meta_path.remove(finder)

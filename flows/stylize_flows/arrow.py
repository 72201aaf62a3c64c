"""pyarrow without pandas, for commands that need no data frames.

With its first array, pyarrow imports pandas for its types: half of the time that `stylize status` would take.
"""

import sys
from importlib.abc import MetaPathFinder


class _NoPandas(MetaPathFinder):
    """Makes an import of pandas fail, as if it were not installed."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name, name=name)


def load_without_pandas() -> None:
    """Imports pyarrow and hides pandas from it, unless it is imported already: for processes without data frames."""
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        import pyarrow as pa

        pa.array([True])
    finally:
        sys.meta_path.remove(finder)

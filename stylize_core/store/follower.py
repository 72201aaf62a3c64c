"""What other processes commit for a run, as it comes."""

import pyarrow as pa

from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.ledger import results_paths
from stylize_core.store.records import RESULTS
from stylize_core.store.tables import map_tables

_COLUMNS = pa.schema([RESULTS.field(name) for name in ("job_id", "status")])


class Follower:
    """Reads each commit of a run once.

    Args:
        files: of the store.
        run: name of the run.
    """

    def __init__(self, files: Files, run: str) -> None:
        self._files, self._run = files, run
        self._read: set[str] = set()

    def look(self) -> dict[str, str]:
        """Returns the status by job id of what was committed since the last look.

        Raises:
            StoreError: the store cannot be read.
        """
        own = f"{layout.RESULTS}/{self._run}-"
        paths = [path for path in results_paths(self._files) if path.startswith(own) and path not in self._read]
        found: dict[str, str] = {}
        for table in map_tables(lambda table: table, self._files, paths, _COLUMNS):
            found.update(zip(table["job_id"].to_pylist(), table["status"].to_pylist(), strict=True))
        self._read.update(paths)
        return found

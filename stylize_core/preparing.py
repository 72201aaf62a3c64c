"""From the options of a run to what becomes of the manifest's rows, and whether that may be started."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import BinaryIO

from stylize_core.engine.engine import Engine
from stylize_core.errors import InputError, ManifestError
from stylize_core.files.inputs import read_input
from stylize_core.history import History
from stylize_core.job import public_uri
from stylize_core.manifest.manifest import Manifest
from stylize_core.options import Options
from stylize_core.plan_rows import plan_rows
from stylize_core.planned_rows import PlannedRows
from stylize_core.spool import room
from stylize_core.store.fingerprints import Fingerprints


@contextmanager
def manifest_file(uri: str) -> Iterator[BinaryIO]:
    """Gives a private copy of a manifest, so that nobody changes it while it is read; gone at the end of the block.

    Raises:
        ManifestError: there is no such file, or it cannot be read.
        UsageError: there is no room for temporary files.
    """
    with TemporaryFile() as file:
        with room():
            file.write(_read(uri))
        yield file


def _read(uri: str) -> bytes:
    try:
        return read_input(uri)
    except InputError as error:
        what = f"the manifest cannot be read: {error.what}"
        todo = "name a CSV or Parquet file that you may read"
        raise ManifestError(what, where=public_uri(uri), todo=todo) from error


def rows_of(
    manifest: Manifest,
    options: Options,
    engine: Engine,
    *,
    fingerprints: Fingerprints,
    history: History,
    remember: Callable[[], None],
    should_stop: Callable[[], bool] = lambda: False,
) -> PlannedRows:
    """Returns what becomes of every row under the options of a run; the rest is as of `plan_rows`."""
    return plan_rows(
        manifest,
        fingerprints=fingerprints,
        history=history,
        weights=engine.weights,
        precision=engine.precision,
        retry_failed=options.retry_failed,
        remember=remember,
        should_stop=should_stop,
    )


def check_startable(rows: PlannedRows, options: Options) -> None:
    """Checks whether a run may start.

    Raises:
        ManifestError: every row is rejected, or any with `strict`.
        StylizeError: the only row is rejected; its own error.
    """
    count = rows.counts["reject"]
    if count < len(rows) and not (count and options.strict):
        return
    only = rows.rejected[0].error
    if len(rows) == 1 and only and only.where:
        raise only  # of a single pair the image says it all; its manifest was never seen
    strict = "; --strict allows none" if count < len(rows) else ""
    listed = "\n".join(f"  line {one.row.line}: {one.error}" for one in rows.rejected)
    more = f"\n  … and {count - len(rows.rejected)} more" if count > len(rows.rejected) else ""
    raise ManifestError(
        f"{count} of {len(rows)} rows are rejected{strict}",
        where=public_uri(options.manifest),
        todo=f"mend these rows:\n{listed}{more}",
    )

"""From the options of a run to what becomes of the manifest's rows, and whether that may be started."""

from collections.abc import Callable

from stylize_core.engine.engine import Engine
from stylize_core.errors import ManifestError
from stylize_core.job import public_uri
from stylize_core.manifest.manifest import Manifest
from stylize_core.options import Options
from stylize_core.plan.history import History
from stylize_core.plan.plan_table import PlannedRows
from stylize_core.plan.rows import plan_rows
from stylize_core.store.fingerprints import Fingerprints


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

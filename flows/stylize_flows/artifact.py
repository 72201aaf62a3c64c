"""A run in Prefect's interface: the share of committed jobs while it runs; rows, failures and links at its end.

An artifact stays under 100 kB: Prefect's database stores it, and every page that shows it loads all of it.
"""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from uuid import UUID

import httpx
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from stylize_core.record.failed import first_failures
from stylize_core.run.run import Run
from stylize_core.run.work import Work
from stylize_core.sheets.sheets import INDEX, first_sheet
from stylize_flows.lost_server import has_lost_server

PROGRESS_SECONDS = 5.0
"""Pause between two updates."""

FAILURES, LETTERS = 50, 300
"""Most failed and rejected rows in the table, and most characters of an id or a message."""

ARTIFACT_BYTES = 90_000
"""Most bytes of the table as JSON."""


class ProgressArtifact:
    """The progress bar of work that has jobs.

    Args:
        work: whose committed jobs are counted.
    """

    def __init__(self, work: Work) -> None:
        self._committed, self._jobs = work.context.committed, work.chunks.jobs
        self._shown, self._looked = 0.0, time.monotonic()
        self._update: Callable[..., object] = lambda **_: None
        if has_lost_server():
            return
        description = f"Run {work.context.run}"
        with suppress(httpx.HTTPError):  # a temporary outage of the server does not end the run
            artifact = create_progress_artifact(progress=0.0, key="stylize-progress", description=description)
            self._update = partial(update_progress_artifact, UUID(str(artifact)))

    def show(self, *, at_once: bool = False) -> None:
        """Sends the share now and then, if it has changed.

        Args:
            at_once: send it even if the last time was a moment ago.
        """
        if not at_once and time.monotonic() - self._looked < PROGRESS_SECONDS:
            return
        self._looked = time.monotonic()
        share = 100.0 * len(self._committed) / max(self._jobs, 1)
        if share != self._shown and not has_lost_server():
            with suppress(httpx.HTTPError):
                self._update(progress=share)
                self._shown = share


def show_outcome(run: Run) -> None:
    """Shows the outcome of a finished run: rows by status, the first failures, where report and sheets are."""
    description = f"Run {run.name}: {run.summary}"
    table = [{"status": status, "rows": count} for status, count in run.outcome.items()]
    create_table_artifact(key="stylize-rows", table=table, description=description)
    create_markdown_artifact(key="stylize-report", markdown=_where_to_look(run), description=description)
    if count := run.failed:
        failures = fitting(first_failures(run.context.files, run.name, FAILURES, LETTERS))
        shown = f"the first {len(failures)} of " if len(failures) < count else ""
        description = f"Run {run.name}: {shown}{count:,} failed or rejected rows; failed.csv has all of them"
        create_table_artifact(key="stylize-failures", table=failures, description=description)


def fitting(lines: list[dict[str, int | str]]) -> list[dict[str, int | str]]:
    """Returns as many of the first lines as fit into `ARTIFACT_BYTES` of JSON."""
    size, kept = 0, []
    for line in lines:
        size += len(json.dumps(line)) + 2  # as Prefect stores it: non-ASCII characters take six bytes or more
        if size > ARTIFACT_BYTES:
            break
        kept.append(line)
    return kept


def _where_to_look(run: Run) -> str:
    """Returns the outcome with full paths: browsers do not follow links from a web page to files."""
    folder, lines = run.folder_uri, [f"**{run.summary}**"]
    if run.report_uri:
        lines.append(f"Report: {_link(run.report_uri)}")
        if sheet := first_sheet(run.context.files, run.name):
            lines.append(f"Newest contact sheet: {_link(f'{folder}/{sheet}')}")
            lines.append(f"All contact sheets: {_link(f'{folder}/{INDEX}')}")
    if run.failed:
        lines.append(f"Rows to correct and run again: `{folder}/failed.csv`")
    return "\n\n".join(lines)


def _link(uri: str) -> str:
    return f"[{uri}]({uri if '://' in uri else f'file://{uri}'})"

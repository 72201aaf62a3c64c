"""The arguments that `run` and `plan` share: what to stylise, where to, and how."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Annotated, Literal

from cyclopts import Parameter

from stylize_core.errors import UsageError
from stylize_core.job import public_uri
from stylize_core.options import Options
from stylize_flows.commands.pair import SetOption, manifest_or_pair
from stylize_flows.surroundings import check_temp_folder


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Arguments of the command line, as typed; each says its meaning in the help."""

    store: Annotated[str, Parameter(help="Folder or fsspec URL that gets everything; made where it is missing.")]
    content: Annotated[str | None, Parameter(help="One content image, in place of a manifest.", show_default=False)] = (
        None
    )
    style: Annotated[str | None, Parameter(help="The style image for --content.", show_default=False)] = None
    set: SetOption = None
    weights: Annotated[str, Parameter(help="The network: imagenet, builtin, or a .safetensors or .pth file.")] = (
        "imagenet"
    )
    device: Annotated[str, Parameter(help="auto, cpu, cuda or cuda:N.")] = "auto"
    precision: Annotated[str, Parameter(help="auto, float32 or bfloat16.")] = "auto"
    runner: Annotated[
        Literal["local", "dask", "loop"] | None,
        Parameter(
            help="local: Prefect tasks here; dask: on several devices or machines; loop: no Prefect. "
            "Unless given, loop for one pair where PREFECT_API_URL is not set, else local.",
            show_default=False,
        ),
    ] = None
    workers: Annotated[
        int | None,
        Parameter(help="Workers of --runner dask on this machine; one per GPU unless given.", show_default=False),
    ] = None
    dask_address: Annotated[
        str | None,
        Parameter(help="Scheduler of a Dask cluster in place of those: tcp://HOST:PORT.", show_default=False),
    ] = None
    rows_per_task: Annotated[str, Parameter(help="Jobs of one Prefect task: auto or a number.")] = "auto"
    chunks_per_flow_run: Annotated[
        int, Parameter(help="Prefect tasks of one flow run at most; more are shared out to flow runs of their own.")
    ] = 2000
    max_failed: Annotated[str, Parameter(help="Failed and rejected rows for which the exit code stays 0: N or P%.")] = (
        "0"
    )
    retry_failed: Annotated[str, Parameter(help="Jobs that failed before and run again: none, transient or all.")] = (
        "transient"
    )
    job_timeout: Annotated[
        float | None, Parameter(help="Seconds that a job may be computed before it fails; no limit unless given.")
    ] = None
    strict: Annotated[bool, Parameter(help="Start nothing where any row is rejected.", negative="")] = False
    wait: Annotated[bool, Parameter(help="Wait for another run that is writing to the store.", negative="")] = False
    verify: Annotated[
        bool,
        Parameter(help="Read all that the store has; compute again what `status --verify` would name.", negative=""),
    ] = False
    no_report: Annotated[
        bool, Parameter(help="Draw no contact sheets and no page; `stylize report` draws them later.", negative="")
    ] = False

    @contextmanager
    def options(self, manifest: str | None) -> Iterator[Options]:
        """Gives the options of a run; a manifest made for a single pair is there as long as they are in use.

        Raises:
            UsageError: an argument cannot be used, two of them do not go together, or there is no folder for temporary
                files.
        """
        check_temp_folder()
        with manifest_or_pair(manifest, self.content, self.style, self.set) as path:
            shared = {field.name: getattr(self, field.name) for field in fields(Options) if field.name in _NAMES}
            own = {"runner": self.runner or _runner(is_pair=manifest is None)}
            yield Options(**{**shared, **own, "manifest": path, "rows_per_task": _rows_per_task(self.rows_per_task)})

    def subject(self, manifest: str | None) -> str:
        """Returns what is stylised, in words and without credentials."""
        if manifest:
            return public_uri(manifest)
        return f"{public_uri(self.content or '')} in the style of {public_uri(self.style or '')}"


_NAMES = frozenset(field.name for field in fields(RunOptions))


def _runner(*, is_pair: bool) -> str:
    """Returns where chunks run unless it is said: a pair does not wait some ten seconds for Prefect's own server."""
    return "loop" if is_pair and not os.environ.get("PREFECT_API_URL") else "local"


def _rows_per_task(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal():
        raise UsageError(f"{text!r} is no number of rows", where="--rows-per-task", todo="use auto or 1, 2, …")
    return int(text)

"""The arguments that `run` and `plan` share: what to stylise, how, and into which store."""

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
    """Arguments of the command line, as typed; the help explains each."""

    store: Annotated[str, Parameter(help="Folder or fsspec URL for all results; created if it is missing.")]
    content: Annotated[str | None, Parameter(help="One content image, instead of a manifest.", show_default=False)] = (
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
            "Unless given: loop for one pair if PREFECT_API_URL is not set, else local.",
            show_default=False,
        ),
    ] = None
    workers: Annotated[
        int | None,
        Parameter(help="Workers of --runner dask on this machine; one per GPU unless given.", show_default=False),
    ] = None
    dask_address: Annotated[
        str | None,
        Parameter(help="Scheduler of an existing Dask cluster: tcp://HOST:PORT.", show_default=False),
    ] = None
    rows_per_task: Annotated[str, Parameter(help="Jobs per Prefect task: auto or a number.")] = "auto"
    chunks_per_flow_run: Annotated[
        int, Parameter(help="Most Prefect tasks of one flow run; more are split into further flow runs.")
    ] = 2000
    max_failed: Annotated[str, Parameter(help="Failed and rejected rows up to which the exit code is 0: N or P%.")] = (
        "0"
    )
    retry_failed: Annotated[str, Parameter(help="Which failed jobs to run again: none, transient or all.")] = (
        "transient"
    )
    job_timeout: Annotated[
        float | None, Parameter(help="Most seconds to compute a job before it fails; no limit unless given.")
    ] = None
    strict: Annotated[bool, Parameter(help="Start nothing if any row is rejected.", negative="")] = False
    wait: Annotated[bool, Parameter(help="Wait for another run that is writing to the store.", negative="")] = False
    verify: Annotated[
        bool,
        Parameter(help="Read the whole store; compute again what `status --verify` would report.", negative=""),
    ] = False
    no_report: Annotated[
        bool, Parameter(help="Draw no contact sheets and no report; `stylize report` draws them later.", negative="")
    ] = False

    @contextmanager
    def options(self, manifest: str | None) -> Iterator[Options]:
        """Yields the options of a run; the temporary manifest of a single pair exists as long as they are in use.

        Raises:
            UsageError: an argument cannot be used, two arguments exclude each other, or there is no folder for
                temporary files.
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
    """Returns the default runner: a pair does not wait about ten seconds for Prefect's temporary server."""
    return "loop" if is_pair and not os.environ.get("PREFECT_API_URL") else "local"


def _rows_per_task(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal():
        raise UsageError(f"{text!r} is not a number of rows", where="--rows-per-task", todo="use auto or 1, 2, …")
    return int(text)

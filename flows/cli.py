"""The `stylize` command. Prefect is imported by `run` alone, once its environment is set."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, CycloptsError, Parameter

from flows import crossing, exporting, making
from flows.console import counted, out, show_error, show_outcome, show_plan, show_rejected, show_status
from flows.request import Request
from flows.stop import end_stopped
from stylize_core.errors import EngineError, Stopped, StoreError, StylizeError, UsageError
from stylize_core.options import Options

if TYPE_CHECKING:
    from stylize_core.store.files import Files

EXIT_UNEXPECTED, EXIT_NOT_STARTED, EXIT_FAILED_ROWS = 1, 2, 3

PREFECT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the run is shown by the command itself
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
"""Prefect's settings for a run started here; those that are set already stay as they are."""

app = App(
    name="stylize",
    help="""Bulk neural style transfer: a CSV manifest in; images, loss curves, contact sheets and a report out.

    A first run, on one pair of pictures and with the small network that comes along:

        stylize run --content photo.jpg --style painting.jpg --store out --weights builtin

    Exit codes: 0 done · 1 unexpected · 2 nothing could be started · 3 more failed or rejected rows than --max-failed
    · 130 stopped.""",
    version_flags=["--version"],
    help_format="plaintext",
)
app.command(making.app, name="weights")
app.command(exporting.export)
app.command(crossing.cross)
app.command(making.presets)

Manifest = Annotated[
    str | None, Parameter(help="CSV or Parquet manifest: a path or an fsspec URL.", show_default=False)
]


@app.command
def run(manifest: Manifest = None, /, *, request: Request) -> int:
    """Stylise every row of a manifest, or one pair of pictures, into a store.

    Run the same command again to go on after a stop: jobs that are done are skipped.
    """
    from flows.progress import ConsoleWatcher
    from flows.watcher import watcher

    with request.options(manifest) as options:
        look = ConsoleWatcher()
        watcher.set(look)
        carry_out = _loop if options.runner == "loop" else _flow
        try:
            carry_out(options)
        except (StoreError, EngineError) as error:
            if look.run is None:
                raise
            show_error(error)  # the store or the device failed in mid-run
            return EXIT_UNEXPECTED
    assert look.run is not None, "a run that ends without an error was prepared"
    show_outcome(look.run)
    return EXIT_FAILED_ROWS if look.run.too_many_failed else 0


def _loop(options: Options) -> None:
    from flows.runners import loop

    loop(options)


def _flow(options: Options) -> None:
    for name, value in PREFECT.items():
        os.environ.setdefault(name, value)
    from prefect.exceptions import FailedRun

    from flows.server import start_server
    from flows.stylize_manifest import stylize_manifest

    start_server()
    state = stylize_manifest(**asdict(options), return_state=True)
    error = state.result(raise_on_failure=False)
    if state.is_cancelled():
        raise Stopped(state.message or "stopped")
    if isinstance(error, BaseException) and not isinstance(error, FailedRun):  # that one: too many rows failed
        raise error


@app.command
def plan(manifest: Manifest = None, /, *, request: Request) -> int:
    """Show what `run` would do with the same arguments, and what it would cost; write nothing."""
    from stylize_core.run import look_ahead

    with request.options(manifest) as options:
        made = look_ahead(options)
    show_plan(made)
    show_rejected(made)
    rejected = made.counts["reject"]
    if rejected == len(made.rows) or (rejected and options.strict):
        return EXIT_NOT_STARTED
    return EXIT_FAILED_ROWS if rejected > options.allowed(len(made.rows)) else 0


@app.command
def status(
    store: Annotated[str, Parameter(help="The store.")],
    /,
    *,
    verify: Annotated[bool, Parameter(help="Read every image and compare it with its record.", negative="")] = False,
    watch: Annotated[bool, Parameter(help="Show the newest run until it ends.", negative="")] = False,
    every: Annotated[float, Parameter(help="Seconds between two looks of --watch.")] = 5.0,
) -> int:
    """Show what a store holds: jobs by status, errors, runs, and who is writing to it."""
    from stylize_core.store.status import summary
    from stylize_core.store.store import open_store
    from stylize_core.store.verify import verify as faults_of

    files = open_store(store, create=False)
    if watch:
        from flows.live import watch as watch_run

        return watch_run(files, max(every, 0.1))
    show_status(summary(files))
    faults = faults_of(files) if verify else []
    for fault in faults:
        out.print(f"{fault.path}: {fault.what}", markup=False, soft_wrap=True)
    if verify:
        out.print(f"verified: {counted(len(faults), 'fault')}")
    return EXIT_UNEXPECTED if faults else 0


@app.command
def report(
    store: Annotated[str, Parameter(help="The store.")],
    /,
    *,
    run: Annotated[str | None, Parameter(help="Name of the run; the newest unless given.", show_default=False)] = None,
    compare: Annotated[
        str | None,
        Parameter(help="Name of another run: write a page that compares the two instead.", show_default=False),
    ] = None,
    sheets: Annotated[
        str | None,
        Parameter(
            help="Pages of each contact sheet: a number, or all; 60 within a minute unless given.",
            show_default=False,
        ),
    ] = None,
    tensorboard: Annotated[
        Path | None,
        Parameter(
            help="Folder for TensorBoard; the run's figures are written into a folder in it.", show_default=False
        ),
    ] = None,
    wandb: Annotated[
        str | None,
        Parameter(help="Project of Weights & Biases that gets the run's figures.", show_default=False),
    ] = None,
) -> int:
    """Draw the sheets and the report of a run again, compare it with another, hand its figures to trackers."""
    from stylize_core.report.compare_page import write_comparison
    from stylize_core.report.page import write_report
    from stylize_core.report.rows import latest_run
    from stylize_core.report.sheets import limits_of
    from stylize_core.store.store import open_store

    limits = limits_of(sheets)
    files = open_store(store, create=False)
    name = run or latest_run(files)
    for line in _track(files, name, tensorboard, wandb):
        out.print(line, markup=False, soft_wrap=True)
    path = write_comparison(files, name, compare) if compare else write_report(files, name, limits)
    out.print(f"report: {files.public_uri}/{path}", markup=False, soft_wrap=True)
    return 0


def _track(files: "Files", run: str, tensorboard: Path | None, wandb: str | None) -> Iterator[str]:
    """Writes a run's figures where they are asked for, and yields a line on each place."""
    if tensorboard is None and wandb is None:
        return
    from stylize_core.trackers import read_figures, write_tensorboard, write_wandb

    figures = read_figures(files, run)
    if tensorboard is not None:
        yield f"tensorboard: {write_tensorboard(figures, tensorboard)}"
    if wandb is not None:
        yield f"wandb: {write_wandb(figures, wandb)}"


def main(arguments: list[str] | None = None) -> None:
    """Runs the command and ends the process with its exit code."""
    # Before torch is loaded: on busy cores its threads would spin for each other, at two to four times the wall time.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    warnings.filterwarnings("ignore", module="PIL")
    sys.exit(_exit_code(lambda: app(arguments, exit_on_error=False, print_error=False, result_action="return_value")))


def _exit_code(command: Callable[[], object]) -> int:
    try:
        code = command()
    except CycloptsError as error:
        where = " ".join(("stylize", *(error.command_chain or ())))
        show_error(UsageError(str(error).removesuffix("."), where=where, todo=f"see {where} --help"))
        return EXIT_NOT_STARTED
    except (Stopped, KeyboardInterrupt):
        end_stopped()
    except StylizeError as error:
        show_error(error)
        return EXIT_NOT_STARTED
    except BrokenPipeError:
        Path(os.devnull).open("w")  # noqa: SIM115
        return EXIT_UNEXPECTED
    return code if isinstance(code, int) else 0

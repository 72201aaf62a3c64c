"""The `stylize` command. Only `run` imports Prefect, and not for every run."""

import logging
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter

from stylize_core.errors import EngineError, Stopped, StoreError, StylizeError, UsageError
from stylize_core.job import public_uri
from stylize_core.release import release
from stylize_flows.arrow import load_without_pandas
from stylize_flows.commands import cross, export, presets, prune, report, status, weights
from stylize_flows.commands.config import from_environment, from_file
from stylize_flows.commands.misspelt import warn_of_misspelt
from stylize_flows.commands.run_options import RunOptions
from stylize_flows.console import (
    LogLines,
    began,
    out,
    show_beginning,
    show_doubts,
    show_error,
    show_outcome,
    show_plan,
    show_rejected,
)
from stylize_flows.documents import plan_document, run_document
from stylize_flows.output import lasting_output
from stylize_flows.stop import end, end_stopped
from stylize_flows.surroundings import check_current_folder, limited_memory, provide_home
from stylize_flows.voice import PLAIN, Voice, error_fields, own_voice, speak, write_document

EXIT_UNEXPECTED, EXIT_NOT_STARTED, EXIT_FAILED_ROWS = 1, 2, 3

_LOG_LINES = LogLines()

app = App(
    name="stylize",
    help="""Bulk neural style transfer: a CSV manifest in; images, loss curves, contact sheets and a report out.

    A first run, on one pair of pictures and with the small built-in network:

        stylize run --content photo.jpg --style painting.jpg --store out --weights builtin

    Exit codes: 0 done · 1 unexpected · 2 nothing could be started · 3 more failed or rejected rows than --max-failed
    · 130 stopped.

    Options that are left out come from environment variables such as STYLIZE_RUN_WEIGHTS, then from the TOML file
    that STYLIZE_CONFIG names, with a table for each command.""",
    version=release,
    version_flags=["--version"],
    help_format="plaintext",
    config=(from_environment, from_file, warn_of_misspelt),
)
app.command(status.status)
app.command(report.report)
app.command(prune.prune)
app.command(weights.app, name="weights")
app.command(export.export)
app.command(cross.cross)
app.command(presets.presets)

Manifest = Annotated[
    str | None, Parameter(help="CSV or Parquet manifest: a path or an fsspec URL.", show_default=False)
]


@app.command
def run(manifest: Manifest = None, /, *, request: RunOptions, voice: Voice = PLAIN) -> int:
    """Stylise every row of a manifest, or one pair of pictures, into a store.

    After a stop, run the same command again to resume: jobs that are done are skipped.
    """
    speak(voice)
    with request.options(manifest) as options:
        show_beginning(request.subject(manifest), public_uri(options.store))
        from stylize_flows.commands.progress import ConsoleWatcher
        from stylize_flows.runners import loop, watcher

        look = ConsoleWatcher()
        looking = watcher.set(look)
        try:
            if options.runner == "loop":
                loop(options)
            else:
                from stylize_flows.with_prefect import flow

                flow(options, look)
        except (StoreError, EngineError) as error:
            if look.run is None:
                raise
            show_error(error)  # the store or the device failed during the run
            write_document(run_document(look.run, error))
            code = EXIT_UNEXPECTED
        else:
            assert look.run is not None, "a run that ends without an error was prepared"
            show_outcome(look.run)
            write_document(run_document(look.run))
            code = EXIT_FAILED_ROWS if look.run.too_many_failed else 0
        finally:
            watcher.reset(looking)
    if look.is_prefect_lost:
        end(code)  # at exit, Prefect would wait for a server that is gone
    return code


@app.command
def plan(manifest: Manifest = None, /, *, request: RunOptions, voice: Voice = PLAIN) -> int:
    """Show what `run` would do with the same arguments, and what it would cost; write nothing."""
    speak(voice)
    with request.options(manifest) as options:
        show_beginning(request.subject(manifest), public_uri(options.store))
        load_without_pandas()
        from stylize_core.run.look_ahead import look_ahead

        made = look_ahead(options)
    show_plan(made)
    show_rejected(made)
    show_doubts(made)
    write_document(plan_document(made))
    rejected = made.counts["reject"]
    if rejected == len(made.rows) or (rejected and options.strict):
        return EXIT_NOT_STARTED
    return EXIT_FAILED_ROWS if rejected > options.allowed(len(made.rows)) else 0


@app.command(name="--install-completion")
def install_completion(
    *,
    shell: Annotated[
        Literal["bash", "zsh", "fish"] | None, Parameter(help="The current shell unless given.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, Parameter(help="File to write instead of the shell's own.", show_default=False)
    ] = None,
) -> int:
    """Install completion of commands and options for a shell."""
    from cyclopts.completion.detect import ShellDetectionError

    try:
        path = app.install_completion(shell=shell, output=output, add_to_startup=output is None)
    except ShellDetectionError as error:
        raise UsageError("the shell is not known", where="--shell", todo="use bash, zsh or fish") from error
    out.print(f"completion: {path}; it works in the next shell that you start", soft_wrap=True)
    return 0


def main(arguments: list[str] | None = None) -> None:
    """Runs the command and ends the process with its exit code."""
    began.set(time.monotonic())
    # Before torch is loaded: on busy cores its threads would spin for each other, at two to four times the wall time.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    warnings.filterwarnings("ignore", module="PIL")
    logging.getLogger("stylize_core").addHandler(_LOG_LINES)
    provide_home()
    words = sys.argv[1:] if arguments is None else arguments
    with lasting_output() as (stdout, _), own_voice():
        code = _exit_code(lambda: app(words, exit_on_error=False, print_error=False, result_action="return_value"))
        stdout.flush()
        if stdout.error and not isinstance(stdout.error, BrokenPipeError):  # a broken pipe: the reader has seen enough
            what = f"standard output cannot be written: {stdout.error.strerror}"
            show_error(UsageError(what, where="standard output", todo="write to a disk with free space"))
    is_run = words[:1] == ["run"]  # the outcome is its rows, and the store has them too
    sys.exit(EXIT_UNEXPECTED if stdout.error and not (code or is_run) else code)


def _exit_code(command: Callable[[], object]) -> int:
    try:
        check_current_folder()
        with limited_memory():
            code = command()
    except CycloptsError as error:
        where = " ".join(("stylize", *(error.command_chain or ())))
        show_error(UsageError(_fault(error), where=where, todo=f"see {where} --help"))
        return EXIT_NOT_STARTED
    except (Stopped, KeyboardInterrupt) as stop:
        write_document({"error": error_fields(stop if isinstance(stop, Stopped) else Stopped("stopped"))})
        end_stopped()
    except StylizeError as error:
        show_error(error)
        write_document({"error": error_fields(error)})
        return EXIT_NOT_STARTED
    return code if isinstance(code, int) else 0


def _fault(error: CycloptsError) -> str:
    """Returns the fault in the arguments; for a missing option cyclopts only says that it lacks a value."""
    if isinstance(error, MissingArgumentError) and error.argument and not (error.keyword or error.argument.tokens):
        return f"{error.argument.name} is missing"
    return str(error).removesuffix(".")

"""`stylize report`: draws a run's sheets and page again, compares two runs, sends a run's figures to trackers."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stylize_flows.console import out
from stylize_flows.voice import PLAIN, Voice, speak, write_document

if TYPE_CHECKING:
    from stylize_core.files.files import Files


def report(
    store: Annotated[str, Parameter(help="The store.")],
    /,
    *,
    run: Annotated[str | None, Parameter(help="Name of the run; the newest unless given.", show_default=False)] = None,
    compare: Annotated[
        str | None,
        Parameter(
            help="Name of another run: write a page that compares the earlier of the two with the later instead.",
            show_default=False,
        ),
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
    voice: Voice = PLAIN,
) -> int:
    """Draw the sheets and the report of a run again, compare it with another run, or send its figures to trackers."""
    speak(voice)
    from stylize_core.record.run_files import latest_run
    from stylize_core.report.compare_page import write_comparison
    from stylize_core.report.page import write_report
    from stylize_core.sheets.sheets import INDEX, limits_of
    from stylize_core.store import layout
    from stylize_core.store.store import open_store

    limits = limits_of(sheets)
    files = open_store(store, create=False)
    name = run or latest_run(files)
    places = {}
    for tracker, place in _track(files, name, tensorboard, wandb):
        out.print(f"{tracker}: {place}", soft_wrap=True)
        places[tracker] = place
    if compare:
        path = write_comparison(files, name, compare)
        places["comparison"] = f"{files.public_uri}/{path}"
    else:
        path = write_report(files, name, limits)
        places["report"] = f"{files.public_uri}/{path}"
        places["contact_sheets"] = f"{files.public_uri}/{layout.run(name, INDEX)}"
    out.print(f"report: {files.public_uri}/{path}", soft_wrap=True)
    write_document({"store": files.public_uri, "run": name, "places": places})
    return 0


def _track(files: "Files", run: str, tensorboard: Path | None, wandb: str | None) -> Iterator[tuple[str, str]]:
    """Writes a run's figures to the requested trackers, and yields the name of each and where the figures are."""
    if tensorboard is None and wandb is None:
        return
    from stylize_core.trackers.figures import read_figures
    from stylize_core.trackers.tensorboard import write_tensorboard
    from stylize_core.trackers.wandb import write_wandb

    figures = read_figures(files, run)
    if tensorboard is not None:
        yield "tensorboard", str(write_tensorboard(figures, tensorboard))
    if wandb is not None:
        yield "wandb", write_wandb(figures, wandb)

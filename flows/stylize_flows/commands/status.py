"""`stylize status`: shows what a store holds, and with `--watch` the progress of the newest run."""

from typing import Annotated

from cyclopts import Parameter

from stylize_core.errors import UsageError
from stylize_core.wording import plural
from stylize_flows.arrow import load_without_pandas
from stylize_flows.console import out, show_status
from stylize_flows.documents import store_document
from stylize_flows.voice import PLAIN, Voice, speak, write_document

EXIT_FAULTS = 1


def status(
    store: Annotated[str, Parameter(help="The store.")],
    /,
    *,
    verify: Annotated[bool, Parameter(help="Read every image and compare it with its record.", negative="")] = False,
    watch: Annotated[bool, Parameter(help="Show the newest run until it ends.", negative="")] = False,
    every: Annotated[float, Parameter(help="Seconds between two updates of --watch.")] = 5.0,
    voice: Voice = PLAIN,
) -> int:
    """Show what a store holds: jobs by status, errors, runs, and who is writing to it."""
    speak(voice)
    if watch and voice.json:
        todo = "call --json repeatedly, or leave it out"
        raise UsageError("--watch cannot write a JSON document", where="--watch, --json", todo=todo)
    load_without_pandas()
    from stylize_core.store.status import summary
    from stylize_core.store.store import open_store
    from stylize_core.store.verify import verify as faults_of

    files = open_store(store, create=False)
    if watch:
        from stylize_flows.commands.watch import watch as watch_run

        return watch_run(files, max(every, 0.1))
    counted = summary(files)
    show_status(counted)
    faults = faults_of(files) if verify else []
    write_document(store_document(files.public_uri, counted, faults if verify else None))
    for fault in faults:
        out.print(f"{fault.path}: {fault.what}", soft_wrap=True)
    if verify:
        out.print(f"verified: {plural(len(faults), 'fault')}")
    return EXIT_FAULTS if faults else 0

"""`stylize prune`: deletes sheets and reports of old runs, never results."""

from typing import Annotated

from cyclopts import Parameter

from stylize_core.wording import plural, size
from stylize_flows.console import out
from stylize_flows.voice import PLAIN, Voice, speak, write_document


def prune(
    store: Annotated[str, Parameter(help="The store.")],
    /,
    *,
    older_than: Annotated[
        str | None, Parameter(help="Age from which sheets and pages are deleted: 12h, 30d, 8w.", show_default=False)
    ] = None,
    max_size: Annotated[
        str | None,
        Parameter(help="Limit for all sheets and pages, such as 5GB: the oldest are deleted.", show_default=False),
    ] = None,
    keep: Annotated[
        int | None,
        Parameter(help="Newest runs that keep theirs; given alone, all others are pruned.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, Parameter(help="Show what would be deleted, and delete nothing.", negative="")] = False,
    voice: Voice = PLAIN,
) -> int:
    """Delete contact sheets and pages of old runs; `stylize report` draws them again.

    Results, losses and the rows of every run stay; so do the sheets and pages of the newest run.
    """
    speak(voice)
    from stylize_core.store.prune import Limits, prunable
    from stylize_core.store.prune import prune as delete
    from stylize_core.store.store import open_store

    limits = Limits.parse(keep, older_than, max_size)
    files = open_store(store, create=False)
    going = prunable(files, limits)
    if not dry_run:
        delete(files, going)
    for one in going:
        out.print(f"{one.run}: {plural(len(one.paths), 'file')} ({size(one.bytes)})", soft_wrap=True)
    total = f"{plural(len(going), 'run')}, {size(sum(one.bytes for one in going))}"
    out.print(f"{'would be pruned' if dry_run else 'pruned'}: {total}", soft_wrap=True)
    runs = [{"run": one.run, "files": len(one.paths), "bytes": one.bytes} for one in going]
    write_document({"store": files.public_uri, "dry_run": dry_run, "runs": runs})
    return 0

"""A temporary server that ends during a run: the run continues without Prefect.

Separate from the server itself: a flow run of a deployment needs none, and its code takes seconds to import.
"""

from typing import Protocol

from prefect.client.orchestration import SyncPrefectClient
from prefect.context import FlowRunContext

from stylize_flows.console import tell


class OwnServer(Protocol):
    """The temporary server of this process."""

    def is_lost(self) -> bool:
        """Returns whether it has ended."""


own: OwnServer | None = None
"""The server that this process started, if any."""

_told: OwnServer | None = None
"""The server whose end was reported."""


def has_lost_server() -> bool:
    """Returns whether a server that this process started has ended, and says so the first time."""
    global _told
    if own is None or not own.is_lost():
        return False
    if _told is not own:
        _told = own
        tell("Prefect's temporary server has ended; the run goes on without Prefect", "warning")
    return True


def hang_up() -> None:
    """Closes this flow run's client: requests to a lost server then fail at once, not after a minute."""
    context = FlowRunContext.get()
    if context and isinstance(context.client, SyncPrefectClient):
        context.client.__exit__(None, None, None)

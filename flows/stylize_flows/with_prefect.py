"""A run as a Prefect flow, from the command line: the run and its outcome survive any failure of Prefect."""

import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict

from stylize_core.errors import Stopped
from stylize_core.manifest.private_copy import check_is_there
from stylize_core.options import Options
from stylize_flows.commands.progress import ConsoleWatcher
from stylize_flows.console import tell
from stylize_flows.output import quiet_errors
from stylize_flows.prefect_settings import (
    check_certificates,
    check_server,
    drop_unusable_proxies,
    prefect_errors,
    prepare_environment,
)
from stylize_flows.runners import loop

RETRIES = 2
"""Retries of requests to a temporary server: it is on this machine, so if it does not answer it has ended."""


def flow(options: Options, look: ConsoleWatcher) -> None:
    """Carries out a run as a flow run, on a temporary server unless one is configured.

    Args:
        options: of the run.
        look: the watcher; informed if Prefect is lost during the run.

    Raises:
        ManifestError: there is no such manifest.
        UsageError: Prefect cannot be used.
        StylizeError: as the run raises it.
    """
    check_is_there(options.manifest)  # before the seconds in which Prefect starts
    prepare_environment()
    with prefect_errors():
        settings = _with_server()
        from prefect.exceptions import FailedRun

        from stylize_flows.lost_server import has_lost_server
        from stylize_flows.stylize_manifest import stylize_manifest
    logging.raiseExceptions = False  # Prefect writes to standard error when its logs find no server
    try:
        with settings:
            state = stylize_manifest(**asdict(options), return_state=True)
    except Exception as problem:
        if look.run is None and has_lost_server():  # lost before the flow run began
            look.is_prefect_lost = True
            loop(options)
            return
        if not look.is_over:
            with prefect_errors():
                raise
        look.is_prefect_lost = True
        if not has_lost_server():  # which says so itself
            tell(f"Prefect does not know how the run ended: {type(problem).__name__}: {problem}", "warning")
        if look.error:
            raise look.error from None
        return
    look.is_prefect_lost = has_lost_server()
    error = state.result(raise_on_failure=False)
    if state.is_cancelled():
        raise Stopped(state.message or "stopped")
    if isinstance(error, BaseException) and not isinstance(error, FailedRun):  # FailedRun: too many rows failed
        raise error


def _with_server() -> AbstractContextManager[object]:
    """Finds or starts a server; returns a block with the settings for a run on it.

    Raises:
        UsageError: the configured server does not answer, or a temporary one cannot be started.
    """
    check_certificates()
    with quiet_errors():  # it writes there what it also raises
        from prefect.settings import (
            PREFECT_API_URL,
            PREFECT_CLIENT_MAX_RETRIES,
            PREFECT_SERVER_EPHEMERAL_ENABLED,
            temporary_settings,
        )
    url = PREFECT_API_URL.value()
    if not url:
        drop_unusable_proxies()
    check_server(url, may_start=PREFECT_SERVER_EPHEMERAL_ENABLED.value())
    if url:
        return nullcontext()
    from stylize_flows.temporary_server import start_server

    start_server(meanwhile=_import_flow)
    return temporary_settings({PREFECT_CLIENT_MAX_RETRIES: RETRIES})


def _import_flow() -> None:
    """Imports the flow and torch with it, which takes as long as a server takes to start."""
    from stylize_flows import stylize_manifest  # noqa: F401

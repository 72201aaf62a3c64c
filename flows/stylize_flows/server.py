"""The temporary server that Prefect starts for a run where there is no other: it never outlives the command."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL

from stylize_flows.stop import children, sigint_blocked

LOOK_SECONDS = 0.02
"""Pause between two looks for the server's process while it starts."""

_END_WITH_US = 'while read -r pid; do pids="$pids $pid"; done; kill $pids 2>/dev/null'
"""Of a shell: it hears of processes until the writing end is closed, as the kernel does whatever ends this process."""


def start_server() -> None:
    """Starts Prefect's temporary server, unless a server is named; it ends with this process, by SIGKILL too."""
    if PREFECT_API_URL.value():
        return
    with sigint_blocked(), _children_end_with_this_process():  # a stop needs the server to the end
        get_client(sync_client=True)


@contextmanager
def _children_end_with_this_process() -> Iterator[None]:
    """A block whose child processes are ended, by a shell that watches, as soon as this process is gone."""
    shell, writing_end = _start_shell()
    started = threading.Event()
    teller = threading.Thread(target=_tell_children, args=(shell, writing_end, started), name="children")
    teller.start()
    try:
        yield
    finally:
        started.set()
        teller.join()


def _start_shell() -> tuple[int, int]:
    """Returns the process of a shell and the end of a pipe into it, which stays open as long as this process lives."""
    reading_end, writing_end = os.pipe()
    becomes_stdin = (os.POSIX_SPAWN_DUP2, reading_end, 0)
    shell = os.posix_spawn("/bin/sh", ["sh", "-c", _END_WITH_US], os.environ, file_actions=[becomes_stdin])
    os.close(reading_end)
    return shell, writing_end


def _tell_children(shell: int, writing_end: int, started: threading.Event) -> None:
    """Tells a shell of every other child, until all are started: a kill may come before the server answers."""
    told = {shell}
    is_last = False
    while not is_last:
        is_last = started.wait(LOOK_SECONDS)
        for pid in set(children()) - told:
            os.write(writing_end, f"{pid}\n".encode())
            told.add(pid)

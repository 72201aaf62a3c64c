"""The temporary server that Prefect starts for a run where there is no other: it never outlives the command."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL

from flows.stop import children, sigint_blocked

LOOK_SECONDS = 0.02
"""Pause between two looks for the server's process while it starts."""

_END_WITH_US = 'while read -r pid; do pids="$pids $pid"; done; kill $pids 2>/dev/null'
"""Of a shell: it hears of processes until the writing end is closed, as the kernel does whatever ends this process."""

_watchers: list["subprocess.Popen[bytes]"] = []  # their writing ends stay open as long as this process lives


def start_server() -> None:
    """Starts Prefect's temporary server, unless a server is named; it ends with this process, by SIGKILL too."""
    if PREFECT_API_URL.value():
        return
    with sigint_blocked(), _children_end_with_this_process():  # a stop needs the server to the end
        get_client(sync_client=True)


@contextmanager
def _children_end_with_this_process() -> Iterator[None]:
    """A block whose child processes are ended, by a shell that watches, as soon as this process is gone."""
    shell = subprocess.Popen(["/bin/sh", "-c", _END_WITH_US], stdin=subprocess.PIPE)
    _watchers.append(shell)
    started = threading.Event()
    teller = threading.Thread(target=_tell_children, args=(shell, started), name="children")
    teller.start()
    try:
        yield
    finally:
        started.set()
        teller.join()


def _tell_children(shell: "subprocess.Popen[bytes]", started: threading.Event) -> None:
    """Tells a shell of every other child, until all are started: a kill may come before the server answers."""
    assert shell.stdin, "it is a pipe"
    told = {shell.pid}
    is_last = False
    while not is_last:
        is_last = started.wait(LOOK_SECONDS)
        for pid in set(children()) - told:
            os.write(shell.stdin.fileno(), f"{pid}\n".encode())
            told.add(pid)

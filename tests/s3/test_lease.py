"""One writer on a real object store."""

import dataclasses
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from stylize_core.errors import StoreLocked, StoreUnusable
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.holder import Holder, check_held, newest_holder
from stylize_core.store.lease import Lease

pytestmark = pytest.mark.slow

RACER = """
import sys
from stylize_core.errors import StoreLocked
from stylize_core.files.files import Files
from stylize_core.store.lease import Lease

print("ready", flush=True)
for uri in map(str.strip, sys.stdin):
    try:
        lease = Lease.acquire(Files(uri), patience_s=4.0, renew_s=0.5)
        print("won", flush=True)
    except StoreLocked:
        print("lost", flush=True)
"""
"""Takes and keeps the lease of each store whose URL it receives."""


@pytest.fixture
def files(bucket: str) -> Files:
    """A store of this test."""
    return Files(f"{bucket}/store")


def hold(files: Files) -> Lease:
    """Takes the lease with short times."""
    return Lease.acquire(files, patience_s=2.0, renew_s=0.1)


HEATS: dict[str, dict[str, object]] = {
    "a new store": {},
    "after a release": {"released": True},
    "after a death": {"process_start": "1"},
    "after a holder elsewhere fell silent": {"host": "elsewhere"},
}


def test_one_of_eight_processes_wins(bucket: str) -> None:
    """Of eight processes that want the lease at the same moment exactly one gets it, whatever happened before."""
    command, pipes = [sys.executable, "-c", RACER], {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    racers: list[Any] = [subprocess.Popen(command, text=True, **pipes) for _ in range(8)]  # type: ignore[call-overload]
    try:
        assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 8
        for number, (heat, before) in enumerate(HEATS.items()):
            files = Files(f"{bucket}/store-{number}")
            if before:
                files.publish(layout.lease(5), dataclasses.replace(Holder.here(5), **before).to_json())
            for racer in racers:
                print(files.uri, file=racer.stdin, flush=True)
            answers = [racer.stdout.readline() for racer in racers]
            assert sorted(answers) == ["lost\n"] * 7 + ["won\n"], heat
            newest = newest_holder(files)
            assert newest is not None
            assert newest.pid == racers[answers.index("won\n")].pid
            assert newest.n == (6 if before else 1)
    finally:
        for racer in racers:
            racer.kill()
            racer.communicate()


def test_two_that_are_both_told_that_they_won(proxy: Any, files: Files) -> None:
    """If the server checks first and writes later, two may believe that they created the lease: one withdraws."""
    delays = ["slow:2.5", "slow:0.8"]  # the first request is written when the second one has only been checked
    proxy.choose = lambda method, path: delays.pop() if delays and method == "PUT" else None
    outcome: list[str] = []

    def take() -> None:
        try:
            leases.append(Lease.acquire(files, patience_s=80, renew_s=20))
            outcome.append("won")
        except StoreLocked:
            outcome.append("lost")

    leases: list[Lease] = []
    racers = [threading.Thread(target=take) for _ in range(2)]
    for racer in racers:
        racer.start()
        time.sleep(0.3)
    for racer in racers:
        racer.join()
    assert not delays
    assert sorted(outcome) == ["lost", "won"]
    leases[0].check()
    leases[0].release()


def test_a_lost_answer_is_no_lost_lease(proxy: Any, once: Callable[..., Any], files: Files) -> None:
    """A lease is held even if the answer to its creation or renewals was lost."""
    proxy.choose = once("lose", "PUT")
    with hold(files) as lease:
        proxy.choose = once("lose", "PUT", 3)
        time.sleep(1)
        lease.check()
        assert lease.holder.n == 1
    newest = newest_holder(files)
    assert newest is not None
    assert newest.released


def test_an_outage_costs_no_lease(proxy: Any, files: Files) -> None:
    """While the server is down, neither holder nor waiting process can do anything: the lease is not taken over."""
    files.publish(layout.lease(1), dataclasses.replace(Holder.here(1), host="elsewhere").to_json())
    outcome: list[str] = []

    def wait() -> None:
        try:
            Lease.acquire(files, patience_s=1.5, renew_s=0.2).release()
            outcome.append("took it")
        except StoreLocked:
            outcome.append("respected it")

    observer = threading.Thread(target=wait)
    observer.start()
    time.sleep(0.5)
    proxy.choose = lambda method, path: "busy"
    time.sleep(2.5)  # longer than the observer's patience
    proxy.choose = lambda method, path: None
    while [fault for _, _, fault in proxy.seen[-4:]] != [None] * 4:  # until it has looked again
        time.sleep(0.02)
    holder = dataclasses.replace(Holder.here(1), host="elsewhere", renewed=1)
    files.publish(layout.lease(1), holder.to_json())
    observer.join(30)
    assert outcome == ["respected it"]


def test_workers_elsewhere_can_ask(files: Files) -> None:
    """A worker with a pickled holder can check whether its run still holds the lease."""
    with hold(files) as lease:
        files_there, holder = pickle.loads(pickle.dumps((files, lease.holder)))
        check_held(files_there, holder)
        time.sleep(0.5)  # renewed meanwhile: still the same holder
        check_held(files_there, holder)
        files.publish(layout.lease(2), Holder.here(2).to_json())
        with pytest.raises(StoreLocked):
            check_held(files_there, holder)


def test_a_failing_store_does_not_end_the_lease(proxy: Any, files: Files, caplog: pytest.LogCaptureFixture) -> None:
    """A failing renewal or release is not an error of the run; failing to get the lease is a retryable one."""
    lease = hold(files)
    proxy.choose = lambda method, path: "busy"
    with pytest.raises(StoreUnusable) as caught:
        lease.check()
    assert caught.value.retryable
    lease.release()
    lease._renewal.join()  # it may still have waited for its answer
    assert "could not be renewed" in caplog.text

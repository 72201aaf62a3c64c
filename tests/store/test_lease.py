"""One writer at a time."""

import dataclasses
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from stylize_core.errors import OutputRefused, Stopped, StoreDenied, StoreFull, StoreLocked, StoreUnusable
from stylize_core.files.files import Files
from stylize_core.store.holder import Holder, check_held, newest_holder
from stylize_core.store.lease import Lease
from stylize_core.store.store import open_store

RENEW_S = 0.05
PATIENCE_S = 0.6

HOLD = """
import sys, time
from stylize_core.files.files import Files
from stylize_core.store.lease import Lease

lease = Lease.acquire(Files(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""

RACE = """
import multiprocessing, sys
from stylize_core.errors import StoreLocked
from stylize_core.files.files import Files
from stylize_core.store.lease import Lease

def race(barrier, answers):
    barrier.wait()
    try:
        Lease.acquire(Files(sys.argv[1]))
        answers.put("won")
    except StoreLocked:
        answers.put("lost")
    barrier.wait()

fork = multiprocessing.get_context("fork")
for heat in range(3):
    barrier, answers = fork.Barrier(8), fork.Queue()
    racers = [fork.Process(target=race, args=(barrier, answers)) for _ in range(8)]
    for racer in racers:
        racer.start()
    print(*sorted(answers.get() for _ in racers), flush=True)
    for racer in racers:
        racer.join()
"""


def acquire(files: Files, **options: object) -> Lease:
    """Takes the lease with the short times of tests."""
    return Lease.acquire(files, patience_s=PATIENCE_S, renew_s=RENEW_S, **options)  # type: ignore[arg-type]


def elsewhere(n: int = 1) -> Holder:
    """A holder on another machine, whose process cannot be seen from here."""
    return dataclasses.replace(Holder.here(n), host="elsewhere")


@contextmanager
def renewing(files: Files, holder: Holder) -> Iterator[threading.Event]:
    """Renews a holder's lease file as another machine would, until the event is set; then releases it."""
    ended = threading.Event()

    def renew() -> None:
        count = 0
        while not ended.wait(RENEW_S):
            count += 1
            files.publish(f"lease/{holder.n:08d}.json", dataclasses.replace(holder, renewed=count).to_json())
        files.publish(f"lease/{holder.n:08d}.json", dataclasses.replace(holder, released=True).to_json())

    files.publish(f"lease/{holder.n:08d}.json", holder.to_json())
    thread = threading.Thread(target=renew)
    thread.start()
    yield ended
    ended.set()
    thread.join()


def test_a_free_store_is_taken(files: Files) -> None:
    """The first run takes number 1, the next takes number 2 once the first has released it."""
    for n in (1, 2):
        with acquire(files) as lease:
            lease.check()
            holder = newest_holder(files)
            assert holder is not None
            assert (holder.n, holder.pid, holder.released) == (n, os.getpid(), False)
        released = newest_holder(files)
        assert released is not None
        assert released.released


def test_a_second_run_is_refused_at_once(files: Files) -> None:
    """While a process of this machine holds the lease, another is refused; the error names host, process and time."""
    with acquire(files):
        holder = newest_holder(files)
        assert holder is not None
        start = time.monotonic()
        with pytest.raises(StoreLocked, match=re.escape(f"process {holder.pid} on {holder.host} since {holder.since}")):
            Lease.acquire(files)
        assert time.monotonic() - start < 1


def test_the_lease_is_renewed(files: Files) -> None:
    """The holder renews the lease regularly."""
    with acquire(files):
        deadline = time.monotonic() + 10
        while (holder := newest_holder(files)) and holder.renewed < 3 and time.monotonic() < deadline:
            time.sleep(RENEW_S)
        assert holder is not None
        assert holder.renewed >= 3


def test_a_living_holder_elsewhere_is_respected(files: Files) -> None:
    """A holder on another machine that renews its lease keeps it."""
    with renewing(files, elsewhere()), pytest.raises(StoreLocked, match="on elsewhere"):
        acquire(files)


def test_a_silent_holder_elsewhere_is_replaced(files: Files) -> None:
    """A holder on another machine that does not renew loses its lease, but not before the patience is over."""
    files.publish("lease/00000007.json", elsewhere(7).to_json())
    start = time.monotonic()
    with acquire(files):
        assert PATIENCE_S <= time.monotonic() - start < PATIENCE_S + 5
        holder = newest_holder(files)
        assert holder is not None
        assert holder.n == 8


def test_another_boot_is_not_taken_for_dead(files: Files) -> None:
    """A process with the holder's id, on a machine of the same name but from another boot, is not checked by its id."""
    twin = dataclasses.replace(Holder.here(1), machine="another boot", pid=2**22 + 1)
    with renewing(files, twin), pytest.raises(StoreLocked):
        acquire(files)


def test_a_number_used_again_is_not_the_holder(files: Files) -> None:
    """A process with the holder's id and another start time is not the holder: the lease is free at once."""
    files.publish("lease/00000001.json", dataclasses.replace(Holder.here(1), process_start="1").to_json())
    start = time.monotonic()
    with Lease.acquire(files):
        assert time.monotonic() - start < 5  # not its patience


def test_a_killed_holder_is_replaced_at_once(local: Files) -> None:
    """After `kill -9` the lease is free at once, even before the parent has reaped the process."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, local.uri], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(StoreLocked, match=f"process {holder.pid}"):
        Lease.acquire(local)
    holder.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    left = newest_holder(local)
    assert left is not None
    with pytest.raises(StoreLocked, match=f"the run that held this store is over: process {holder.pid}"):
        check_held(local, left)  # as a worker of its run would
    start = time.monotonic()
    with Lease.acquire(local):
        assert time.monotonic() - start < 1
    holder.communicate()


def test_a_paused_holder_learns_that_it_lost(files: Files) -> None:
    """A holder whose lease was taken over notices it before it commits, and its release does not affect the new one."""
    lease = acquire(files)
    files.publish("lease/00000002.json", elsewhere(2).to_json())
    with pytest.raises(StoreLocked, match="on elsewhere"):
        lease.check()
    lease.release()
    newest = newest_holder(files)
    assert newest is not None
    assert (newest.host, newest.released) == ("elsewhere", False)


def test_waiting_ends_with_the_holder(files: Files) -> None:
    """With `wait` a run takes the lease when the holder releases it."""
    with renewing(files, elsewhere()) as ended:
        threading.Timer(0.3, ended.set).start()
        start = time.monotonic()
        with acquire(files, wait=True):
            assert 0.25 < time.monotonic() - start < 5


def test_waiting_can_be_stopped(files: Files) -> None:
    """A waiting run ends as soon as a stop is requested."""
    asked = iter([False, False, True])
    with acquire(files), pytest.raises(Stopped):
        acquire(files, wait=True, stop=lambda: next(asked))


def test_old_leases_are_removed(files: Files) -> None:
    """Only the newest few lease files are kept; older ones and remains of a kill are deleted."""
    for left in ("lease/.00000001.json.tmp-0123456789ab", "lease/00000001.json.tmp-0123456789ab"):
        files.publish(left, b"")
    others = ["lease/._00000001.json", "lease/.~tmp~/00000001.json"]
    for path in others:
        files.publish(path, b"")
    for _ in range(6):
        acquire(files).release()
    ours = [f"lease/{n:08d}.json" for n in (4, 5, 6)]
    assert [entry.path for entry in files.list("lease")] == [
        "lease/._00000001.json",
        "lease/.~tmp~/00000001.json",
        *ours,
    ]


def test_a_damaged_lease_is_named(files: Files) -> None:
    """A lease file that cannot be read stops the run with its name and what to do."""
    sound = dataclasses.asdict(Holder.here(1))
    wrong = [{**sound, "pid": pid} for pid in ("7", -1, 2**70, None)] + [{**sound, "released": "no"}]
    for data in (b"[]", b"{}", b'{"n": 1}', b"[" * 100_000, *(json.dumps(one).encode() for one in wrong)):
        files.publish("lease/00000001.json", data)
        with pytest.raises(StoreUnusable, match=r"lease is damaged .*00000001\.json .* delete"):
            acquire(files)


@pytest.mark.timeout(60)
def test_the_name_of_a_lease_is_its_number(files: Files) -> None:
    """If a file's number differs from its name, as in a copy, the name counts."""
    left = dataclasses.replace(Holder.here(3), released=True)
    files.publish("lease/00000007.json", left.to_json())
    with acquire(files) as lease:
        assert lease.holder.n == 8
        lease.check()


@pytest.mark.timeout(60)
def test_something_in_the_place_of_a_lease(local: Files) -> None:
    """An obstacle at the path of the next lease ends the run, and the error names it."""
    Path(local.uri, "lease", "00000001.json").mkdir(parents=True)
    with pytest.raises(OutputRefused, match=r"the lease cannot be taken .*lease/00000001\.json .* remove"):
        acquire(local)


def test_leases_of_later_releases(files: Files) -> None:
    """Fields that this release does not know are ignored."""
    newer = {**dataclasses.asdict(dataclasses.replace(Holder.here(4), released=True)), "colour": "blue"}
    files.publish("lease/00000004.json", json.dumps(newer).encode())
    with acquire(files) as lease:
        assert lease.holder.n == 5


def test_the_newest_run_goes_from_lease_to_lease(files: Files) -> None:
    """Each lease names the newest planned run: its holder's, or else the one before."""
    names = []
    for run in ("late", "", "early"):
        with acquire(files) as lease:
            if run:
                lease.name_run(run)
            newest = newest_holder(files)
            assert newest
            names.append(newest.run)
    assert names == ["late", "late", "early"]
    released = newest_holder(files)
    assert released
    assert (released.run, released.released) == ("early", True)


def test_a_holder_killed_before_it_wrote(files: Files) -> None:
    """An empty lease file, which a kill leaves on a disk without hard links, locks the store only for the patience."""
    files.publish("lease/00000003.json", b"")
    start = time.monotonic()
    with acquire(files) as lease:
        assert PATIENCE_S <= time.monotonic() - start < PATIENCE_S + 5
        assert lease.holder.n == 4


def test_other_files_are_no_leases(files: Files) -> None:
    """Files without a lease's name are ignored."""
    files.publish("lease/readme.txt", b"")
    files.publish("lease/00000009.json.tmp-0123456789ab", b"")
    assert newest_holder(files) is None


def test_a_store_that_cannot_be_written(unprivileged: Path) -> None:
    """Without write permission the lease cannot be taken."""
    with pytest.raises(StoreUnusable, match="Permission denied"):
        acquire(Files(str(unprivileged)))


def test_a_renewal_that_fails_is_survived(
    files: Files, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While the store cannot be written, the holder logs it, continues, and renews again afterwards."""
    lease = acquire(files)

    def refuse(path: str, data: bytes) -> None:
        raise StoreUnusable("injected")

    with monkeypatch.context() as patch:
        patch.setattr(files, "publish", refuse)
        time.sleep(4 * RENEW_S)
    assert "the lease could not be renewed: injected" in caplog.text
    lease.release()
    holder = newest_holder(files)
    assert holder is not None
    assert holder.released


@pytest.mark.parametrize("links", ["", "import os, errno\nos.link = lambda *_: os.open('/', os.O_WRONLY)\n"])
def test_one_of_eight_wins(local: Files, links: str) -> None:
    """Of eight processes that ask at the same moment exactly one wins, also if the last winner is dead.

    The same without hard links.
    """
    race = subprocess.run([sys.executable, "-c", links + RACE, local.uri], capture_output=True, text=True, check=True)
    assert race.stdout.splitlines() == [" ".join(["lost"] * 7 + ["won"])] * 3
    newest = newest_holder(local)
    assert newest is not None
    assert newest.n == 3


def test_an_observer_that_could_not_look_knows_nothing(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder counts as silent only if it could be observed all the time: after an outage the patience restarts."""
    files.publish("lease/00000001.json", elsewhere().to_json())
    looks = []

    def look(files: Files) -> Holder | None:
        looks.append(time.monotonic())
        if len(looks) == 2:
            time.sleep(2 * PATIENCE_S)  # the store does not answer
        return newest_holder(files)

    monkeypatch.setattr("stylize_core.store.lease.newest_holder", look)
    with acquire(files):
        assert time.monotonic() - looks[1] >= 3 * PATIENCE_S


def test_a_worker_asks_with_the_holder(files: Files) -> None:
    """A pickled holder knows in another process whether its lease is the newest; a token of another lease does not."""
    with acquire(files) as lease:
        holder = pickle.loads(pickle.dumps(lease.holder))
        time.sleep(3 * RENEW_S)
        check_held(files, holder)
        with pytest.raises(StoreLocked):
            check_held(files, dataclasses.replace(holder, token="another"))
        files.publish("lease/00000002.json", elsewhere(2).to_json())
        with pytest.raises(StoreLocked, match="on elsewhere"):
            check_held(files, holder)


def test_nobody_works_for_a_run_that_is_over(local: Files) -> None:
    """After a run has released the lease, its workers may no longer commit finished jobs."""
    with acquire(local) as lease:
        holder = lease.holder
        check_held(local, holder)
    with pytest.raises(StoreLocked, match="is over"):
        check_held(local, holder)


class Careless(MemoryFileSystem):
    """An object store that ignores conditional requests, as some servers do."""

    protocol = "careless"

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: object) -> None:
        """Overwrites instead of creating."""
        super().pipe_file(path, value)


def test_a_server_without_conditions_is_refused() -> None:
    """A server that overwrites instead of creating is detected: the run is refused, and no lease is left."""
    fsspec.register_implementation("careless", Careless, clobber=True)
    files = open_store(f"careless://{uuid.uuid4().hex}", create=True)
    with pytest.raises(StoreDenied, match="ignores If-None-Match"):
        acquire(files)
    assert files.list("lease") == []


def test_no_space_for_a_lease(small_disk: Callable[[str], Path]) -> None:
    """On a full disk the lease cannot be taken, and the error says so; a lease taken earlier stays held."""
    disk = small_disk("1m")
    files = Files(str(disk / "store"))
    with acquire(files) as lease:
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        (disk / "filler").write_bytes(bytes(free))
        time.sleep(3 * RENEW_S)
        lease.check()
    with pytest.raises(StoreFull):
        acquire(Files(str(disk / "other")))


def test_a_renewal_that_hangs_does_not_hold_up_the_end(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a renewal hangs on a server, the run still ends, and the renewal publishes nothing later."""
    lease = acquire(files)
    hangs, ended = threading.Event(), threading.Event()
    published: list[bytes] = []

    def hang(path: str, data: bytes) -> None:
        published.append(data)
        hangs.set()
        ended.wait(10)

    monkeypatch.setattr(files, "publish", hang)
    assert hangs.wait(5)
    start = time.monotonic()
    lease.release()
    assert time.monotonic() - start < 2
    assert [Holder.from_json(data, 1).released for data in published] == [False]
    ended.set()

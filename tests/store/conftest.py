"""Stores to test with: on disk and in memory, full, unwritable; and jobs to commit."""

import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from stylize_core.presets import resolve
from stylize_core.store.files import Files
from stylize_core.store.records import METRICS, Outcome, Result
from stylize_core.store.store import open_store

NOBODY = 65534


@pytest.fixture(params=["disk", "memory", pytest.param("s3", marks=pytest.mark.slow)])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    """A new store: on disk, on an object store without a server, and on a real server."""
    places: dict[str, Callable[[], str]] = {
        "disk": lambda: str(tmp_path / "store"),
        "memory": lambda: f"memory://{uuid.uuid4().hex}/store",
        "s3": lambda: f"{request.getfixturevalue('bucket')}/store",
    }
    return open_store(places[request.param](), create=True)


@pytest.fixture
def local(tmp_path: Path) -> Files:
    """A new store on disk."""
    return open_store(str(tmp_path / "local"), create=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def foreign_folder() -> Iterator[Path]:
    """A folder that everyone may read and, within a test that is not `root` any more, nobody may write."""
    folder = Path(tempfile.mkdtemp())  # not tmp_path, which lies in a folder that only its owner may enter
    (folder / "private").write_bytes(b"secret")
    (folder / "private").chmod(0o000)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def unprivileged(foreign_folder: Path) -> Iterator[Path]:
    """Runs the test as a user whom permissions bind; gives a folder in which he may not write."""
    if os.geteuid():
        yield foreign_folder
        return
    os.seteuid(NOBODY)
    try:
        yield foreign_folder
    finally:
        os.seteuid(0)


@pytest.fixture
def outcome() -> Callable[..., Outcome]:
    """Makes a finished job with an image, two snapshots and the losses of steps 0 to 4."""

    def make(job_id: str, *, status: str = "done", attempt: int = 1, image: bytes | None = None) -> Outcome:
        settings = resolve("default", {"steps": 4, "snapshot_every": 2})
        steps = range(5)
        metrics = {"job_id": [job_id] * 5, "step": list(steps), "total": [float(attempt)] * 5}
        return Outcome(
            result=Result(
                job_id=job_id,
                run="run-1",
                attempt=attempt,
                status=status,
                error_code=None if status == "done" else "diverged",
                form=settings.form,
                settings=json.dumps(settings.to_dict()),
                digests="{}",
                width=16,
                height=16,
                steps=4,
                device="cpu",
                precision="float32",
                versions="{}",
            ),
            image=image or f"image of {job_id}".encode(),
            snapshots={2: b"snapshot", 4: b"snapshot"},
            metrics=pa.table({name: metrics.get(name, [None] * 5) for name in METRICS.names}, schema=METRICS),
        )

    return make

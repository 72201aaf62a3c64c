"""What all tests share: small pictures, manifests, the command in this process and in processes of its own."""

import csv
import importlib
import json
import multiprocessing
import os
import runpy
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from PIL import Image
from stylize_flows.cli import main

pytest_plugins = ["fixtures.images", "fixtures.requests", "fixtures.runs", "fixtures.stores"]

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: jobs this small only wait for more threads

settings.register_profile("stylize", deadline=None)  # how long an example takes says nothing on a busy machine
settings.load_profile("stylize")

DRIVER = Path(__file__).with_name("driver.py")
SWIFT = Path(__file__).parent / "s3" / "swift.py"

TINY = {"size": "32", "steps": "2", "content_layers": "conv2_1", "style_layers": "conv1_1"}
"""Settings of a job that takes milliseconds."""

NOBODY = 65534

IMPORTED_LATE = [
    "stylize_flows.commands.progress",
    "stylize_flows.runners",
    "stylize_core.manifest.cross",
    "stylize_core.manifest.write",
]
"""What the command imports when it needs it."""

_prefect_home = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Gives Prefect a home of its own, before anything imports it: no server, profile or database of the user."""
    config.stash[_prefect_home] = os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="stylize-prefect-")
    os.environ |= {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }
    os.environ.pop("PREFECT_API_URL", None)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes Prefect's home."""
    shutil.rmtree(config.stash[_prefect_home], ignore_errors=True)


def _draw(path: Path, seed: int, *, width: int = 40, height: int = 40) -> Path:
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse.resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def draw() -> Callable[..., Path]:
    """Draws a picture of soft patches of colour: a path, a seed and, unless 40 x 40, a width and a height in pixels."""
    return _draw


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with content-0.png to content-3.png, style-0.png and style-1.png; not to be changed."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed, name in enumerate(("content-0", "content-1", "content-2", "content-3", "style-0", "style-1")):
        _draw(folder / f"{name}.png", seed)
    return folder


@dataclass(frozen=True)
class Manifests:
    """Writes manifests into one folder, where the names `content-0.png` ... `style-1.png` mean pictures."""

    folder: Path

    def rows(self, count: int, **cells: str) -> list[dict[str, str]]:
        """Returns rows of tiny jobs; each has its own seed, from 0, by which it can be known again."""
        images = {"content": "content-0.png", "style": "style-0.png"}
        return [{**images, **TINY, "seed": str(seed), **cells} for seed in range(count)]

    def write(self, rows: Sequence[dict[str, str]], name: str = "manifest.csv") -> str:
        """Writes rows and returns the manifest's path."""
        path = self.folder / name
        columns = list(dict.fromkeys(column for row in rows for column in row))
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
        return str(path)


@pytest.fixture(scope="session")
def manifests_in(pictures: Path) -> Callable[[Path], Manifests]:
    """Makes a folder for manifests; its pictures are links, so that a test may replace one."""

    def make(folder: Path) -> Manifests:
        folder.mkdir()
        for picture in pictures.iterdir():
            (folder / picture.name).symlink_to(picture)
        return Manifests(folder)

    return make


@pytest.fixture
def manifests(tmp_path: Path, manifests_in: Callable[[Path], Manifests]) -> Manifests:
    """Writes manifests into a folder of the test."""
    return manifests_in(tmp_path / "manifests")


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def stylize(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs the command in this process."""

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def run_loop(stylize: Callable[..., Ended], tmp_path: Path) -> Callable[..., Ended]:
    """Runs a manifest into the store `tmp_path / "store"`, with the small network and without Prefect."""

    def run(manifest: str, *options: str) -> Ended:
        fixed = ("--store", f"{tmp_path}/store", "--weights", "builtin", "--runner", "loop")
        return stylize("run", manifest, *fixed, *options)

    return run


@dataclass(frozen=True)
class StoreView:
    """A store as a reader sees it, with pandas alone: what the product says of itself is not believed."""

    folder: Path

    @property
    def runs(self) -> list[str]:
        """Names of the runs, oldest first."""
        return sorted(path.name for path in (self.folder / "runs").iterdir())

    @property
    def lines(self) -> pd.DataFrame:
        """Every committed line."""
        return _tables(self.folder / "results")

    def seeds(self, status: str = "done") -> list[str]:
        """Seeds of the jobs that are committed with a status; see `Manifests.rows`."""
        lines = self.lines
        return [str(json.loads(text)["seed"]) for text in lines["settings"][lines["status"] == status]]

    @property
    def metrics(self) -> pd.DataFrame:
        """Every line of losses."""
        return _tables(self.folder / "metrics")

    def rows(self, run: int = -1) -> pd.DataFrame:
        """What became of each manifest row of a run: its results.csv, every cell as text."""
        return pd.read_csv(self.folder / "runs" / self.runs[run] / "results.csv", dtype=str, keep_default_na=False)

    def statuses(self, run: int = -1) -> list[str]:
        """The status of each manifest row of a run."""
        return list(self.rows(run)["status"])

    @property
    def images(self) -> dict[str, bytes]:
        """Bytes of every image by path."""
        paths = (path for path in (self.folder / "images").rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}


def _tables(folder: Path) -> pd.DataFrame:
    frames = [pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"status": [], "settings": []})


@pytest.fixture(scope="session")
def view() -> Callable[[Path], StoreView]:
    """Looks at the store in a folder."""
    return StoreView


@pytest.fixture
def store(tmp_path: Path) -> StoreView:
    """The store that `run_loop` writes."""
    return StoreView(tmp_path / "store")


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """Prefect's own temporary server, one for all tests."""
    from prefect.testing.utilities import prefect_test_harness  # here: it takes seconds, and few tests need it

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session")
def fork_server() -> ForkServerContext:
    """A process that has imported everything and computed nothing, from which others are forked in no time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED_LATE)
    return context


class Driven:
    """A command in a process group of its own; see `driver.py`."""

    def __init__(self, process: "ForkServerProcess | subprocess.Popen[bytes]", folder: Path, mark: str) -> None:
        self.process, self.mark = process, mark
        self.journal, self.output = folder / "journal", folder / "output"
        self.output.touch()

    @property
    def computed(self) -> list[str]:
        """Seeds of the jobs that the engine began to compute, in order."""
        return self.journal.read_text().split() if self.journal.exists() else []

    def wait_for_journal(self, lines: int) -> None:
        """Waits until the engine has begun so many jobs."""
        self._wait_until(lambda: len(self.computed) >= lines)

    def wait_for_step(self) -> None:
        """Waits until the first progress is told, which is in the first step of the first job."""
        self._wait_until(lambda: " jobs · step " in self.output.read_text())

    def _wait_until(self, reached: Callable[[], bool], seconds: float = 150) -> None:
        deadline = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.02)

    def signal(self, number: int) -> None:
        """Sends a signal: SIGINT to the whole group, as a terminal does, any other to the process alone."""
        assert self.process.pid
        (os.killpg if number == signal.SIGINT else os.kill)(self.process.pid, number)

    def wait(self, seconds: float = 120) -> int:
        """Waits for the end and returns the exit code, negative for a signal."""
        if isinstance(self.process, subprocess.Popen):
            return self.process.wait(seconds)
        self.process.join(seconds)
        assert self.process.exitcode is not None, "the process does not end"
        return self.process.exitcode

    def wait_for_other(self, program: str) -> None:
        """Waits until it has started a program, known by a word of its command line."""
        self._wait_until(lambda: any(program in _command_line(pid) for pid in self._left_over()))

    def wait_for_left_over(self, seconds: float = 10) -> None:
        """Waits for the end of whatever else it started, which has to end by itself."""
        self._wait_until(lambda: not self._left_over(), seconds)

    def _left_over(self) -> list[int]:
        """Processes of its group, or started by it in another one, that still run."""
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if self._is_ours(path)]

    def _is_ours(self, process: Path) -> bool:
        with suppress(OSError):
            is_member = os.getpgid(int(process.name)) == self.process.pid
            return is_member or self.mark.encode() in (process / "environ").read_bytes()
        return False

    def end(self) -> None:
        """Kills whatever is left of it."""
        for pid in self._left_over():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait()


def _command_line(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


@pytest.fixture(scope="session")
def drive(tmp_path_factory: pytest.TempPathFactory, fork_server: ForkServerContext) -> Iterator[Callable[..., Driven]]:
    """Runs the command in a process of its own, with a journal of what the engine computes.

    `moment` names when it kills its own process group; `step_seconds` makes every step last so long; `fresh` starts a
    whole new interpreter instead of a forked one.
    """
    started: list[Driven] = []

    def start(*arguments: str, moment: str = "", step_seconds: float = 0.0, fresh: bool = False) -> Driven:
        folder = tmp_path_factory.mktemp("process")
        config: dict[str, Any] = {
            "arguments": list(arguments),
            "moment": moment,
            "step_seconds": step_seconds,
            "environment": {name: value for name, value in os.environ.items() if name.startswith("AWS_")},
            "journal": str(folder / "journal"),
            "output": str(folder / "output"),
        }
        environment = {"STYLIZE_TEST": str(folder)}
        process: ForkServerProcess | subprocess.Popen[bytes]
        if fresh:
            command = [sys.executable, str(DRIVER), json.dumps(config)]
            process = subprocess.Popen(command, env={**os.environ, **environment})
        else:
            process = fork_server.Process(target=runpy.run_path, args=(str(DRIVER), {"CONFIG": config}, "__main__"))
            process.start()
        started.append(Driven(process, folder, f"STYLIZE_TEST={folder}"))
        return started[-1]

    yield start
    for driven in started:
        driven.end()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk of a given size, such as `1m`."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("this user may not mount a small disk")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def unwritable() -> Iterator[Path]:
    """A folder in which the test, which runs as somebody whom permissions bind, may not write."""
    for module in IMPORTED_LATE:
        importlib.import_module(module)  # that somebody may not be allowed to read the interpreter's own files
    folder = Path(tempfile.mkdtemp())  # not tmp_path, which lies in a folder that only its owner may enter
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        folder.rmdir()


@dataclass(frozen=True)
class Swift:
    """A running object store with S3's interface."""

    address: str
    key: str
    secret: str

    def environment(self, address: str = "") -> dict[str, str]:
        """Returns what a client finds in its environment; another address than the server's own is a proxy's."""
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_ENDPOINT_URL": address or self.address,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def _folder_with_xattrs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tried = [tmp_path_factory.mktemp("swift"), Path("/var/tmp"), Path(__file__).parents[1]]
    for folder in tried:
        with suppress(OSError), tempfile.NamedTemporaryFile(dir=folder) as file:
            os.setxattr(file.name, "user.stylize", b"1")
            return Path(tempfile.mkdtemp(dir=folder, prefix=".swift-"))
    pytest.skip(f"Swift needs a file system with user xattrs, and none of {', '.join(map(str, tried))} is on one")


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    """OpenStack Swift: a real server, which ends with the tests however they end."""
    folder = _folder_with_xattrs(tmp_path_factory)
    key, secret = "stylize:tester", f"hush-{secrets.token_hex(8)}"
    command = [sys.executable, str(SWIFT), str(folder / "node"), key, secret]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdin
        assert node.stdout
        address = node.stdout.readline().strip()
        assert address, "Swift did not start"
        yield Swift(address, key, secret)
        node.stdin.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def bucket(swift: Swift, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a new bucket, with its credentials and endpoint in the environment."""
    from botocore.session import get_session

    for name, value in swift.environment().items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{secrets.token_hex(4)}"
    get_session().create_client("s3").create_bucket(Bucket=name)
    return f"s3://{name}"


@pytest.fixture(scope="session")
def engine() -> Any:
    """An engine with the small network, on the CPU in float32."""
    import torch  # here: most tests of manifests and stores do without

    from stylize_core.engine.engine import Engine
    from stylize_core.engine.weights import load_weights

    return Engine(load_weights("builtin"), device=torch.device("cpu"), precision="float32")


@pytest.fixture
def plan(manifests: Manifests, engine: Any) -> Callable[..., Any]:
    """Plans rows for a device of so many operations a second; other arguments are those of `plan_rows`."""
    from stylize_core.manifest.manifest import Manifest
    from stylize_core.plan.history import History
    from stylize_core.plan.plan import Plan
    from stylize_core.plan.rates import Rate
    from stylize_core.plan.rows import plan_rows
    from stylize_core.store.fingerprints import Fingerprints

    def make(
        rows: Sequence[dict[str, str]], *, flops: float = 1e9, rows_per_task: int | None = None, **others: Any
    ) -> Any:
        path = manifests.write(rows)
        arguments = {"fingerprints": Fingerprints(), "history": History(), **others}
        with open(path, "rb") as file:
            planned = plan_rows(Manifest(file, path), weights=engine.weights, precision=engine.precision, **arguments)
        return Plan.of(
            planned,
            measure=lambda _: Rate(
                flops=flops, probed=False, device=engine.device, precision=engine.precision, memory=engine.memory
            ),
            rows_per_task=rows_per_task,
        )

    return make


@pytest.fixture
def files(tmp_path: Path) -> Any:
    """A new store on disk, at `tmp_path / "store"`."""
    from stylize_core.store.store import open_store

    return open_store(f"{tmp_path}/store", create=True)


@pytest.fixture
def context(engine: Any, files: Any) -> Any:
    """A context of a run named `run`, where every job is a batch of its own."""
    from stylize_core.chunk.context import RunContext

    return RunContext(engine=engine, files=files, run="run", max_batch=1)

"""The package as users install it: a wheel, in a separate environment, beside other packages."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from stylize_core.release import release

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
PARTS = ("pyproject.toml", "MANIFEST.in", "setup.py", "README.md", "LICENSE", "flows", "stylize_core")
"""The sources of the wheel."""

EXTRAS = {
    "dask": "distributed, prefect_dask",
    "s3": "s3fs",
    "tensorboard": "tensorboard",
    "wandb": "wandb",
    "demo": "skimage",
}
"""The packages that each makes importable."""

FOREIGN = {
    "__init__.py": "WHOSE = 'theirs'\n",
    "cli.py": "WHOSE = 'theirs'\n",
    "nightly.py": "from prefect import flow\n\n\n@flow(name='theirs')\ndef nightly() -> None:\n    pass\n",
}
"""A project's own package `flows`, as Prefect's tutorials call it."""

SEEN = """
import sys
from prefect.flows import load_flow_from_entrypoint
import flows, flows.cli, stylize_flows.cli, stylize_flows.stylize_manifest
print(flows.__file__, flows.cli.WHOSE, stylize_flows.cli.__file__)
for entrypoint in sys.argv[1:]:
    flow = load_flow_from_entrypoint(entrypoint)
    print(flow.name, flow.fn.__module__)
"""


PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
OFFLINE = ("--no-deps", "--no-index")

BUILD = """
import sys
from setuptools import build_meta
build_meta.build_sdist(sys.argv[1])
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the wheel's sources, because a build leaves folders behind."""
    source = tmp_path_factory.mktemp("source") / "source"
    source.mkdir()
    for name in PARTS:
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, source / name)
    (source / "stylize_core" / "report" / "vega.js.gz").unlink()  # the build makes it
    (source / "tests").mkdir()
    shutil.copy(Path(__file__), source / "tests")  # as in a checkout
    return source


def _wheel(source: Path, folder: Path) -> Path:
    """Returns the wheel of a source folder or archive, made with the packages of this environment."""
    subprocess.run([*PIP, "wheel", *OFFLINE, "--no-build-isolation", "-w", folder, source], check=True)
    (wheel,) = folder.glob("stylize_batch-*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    return _wheel(source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment with this package from its wheel and the tests' other packages."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([*PIP, "--python", python, "install", *OFFLINE, wheel], check=True)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def _call(*command: str | Path, folder: Path, home: Path) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PREFECT_API"))}
    environment["PREFECT_HOME"] = str(home)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _modules_and_data(wheel: Path) -> list[str]:
    return sorted(name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name)


def test_the_wheel_brings_what_a_report_and_a_type_checker_need(wheel: Path) -> None:
    """The script that draws charts, and a `py.typed` in every package."""
    names = _modules_and_data(wheel)
    assert "stylize_core/report/vega.js.gz" in names
    packages = {name.partition("/")[0] for name in names}
    assert packages == {"stylize_core", "stylize_flows"}
    assert {f"{package}/py.typed" for package in packages} <= {*names}


def test_the_source_archive_makes_the_same_wheel(source: Path, wheel: Path, tmp_path: Path) -> None:
    """It contains no tests, because they need the checkout."""
    subprocess.run([sys.executable, "-c", BUILD, tmp_path], cwd=source, check=True, capture_output=True)
    (archive,) = tmp_path.glob("stylize_batch-*.tar.gz")
    with tarfile.open(archive) as tar:
        assert not [name for name in tar.getnames() if "/tests" in name]
    assert _modules_and_data(_wheel(archive, tmp_path)) == _modules_and_data(wheel)


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_of_the_wheel(extra: str, wheel: Path, tmp_path: Path) -> None:
    """In an empty environment, the install lines of README and messages install the command and the extra's packages.

    uv finds all packages in its cache, where `make install` put them, without contacting an index.
    """
    uv, python = Path(sys.executable).parent / "uv", tmp_path / "venv" / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"], check=True)
    options = ("--quiet", "--offline", "--python", python, "--constraint", REPOSITORY / "requirements.txt")
    subprocess.run([uv, "pip", "install", *options, f"{wheel}[{extra}]"], check=True)
    _call(python, "-c", f"import {EXTRAS[extra]}", folder=tmp_path, home=tmp_path)
    assert _call(python.parent / "stylize", "--version", folder=tmp_path, home=tmp_path) == [release()]


def test_version(installed: Path, tmp_path: Path) -> None:
    """The command of a wheel prints its release."""
    assert _call(installed / "stylize", "--version", folder=tmp_path, home=tmp_path) == [release()]


@pytest.mark.parametrize("place", ["project", "site-packages"])
def test_beside_a_package_of_theirs(place: str, installed: Path, tmp_path: Path) -> None:
    """With another `flows` in the folder, or installed, Python and Prefect find each package by its name."""
    project = tmp_path / "project"
    project.mkdir()
    (packages,) = installed.parent.glob("lib/python*/site-packages")
    theirs = (project if place == "project" else packages) / "flows"
    theirs.mkdir()
    for name, text in FOREIGN.items():
        (theirs / name).write_text(text)
    try:
        ours = yaml.safe_load((REPOSITORY / "deploy" / "prefect.yaml").read_text())["deployments"][0]["entrypoint"]
        entrypoints = [f"{theirs}/nightly.py:nightly", "flows.nightly.nightly", ours]
        found, *flows = _call(installed / "python", "-c", SEEN, *entrypoints, folder=project, home=tmp_path)
        assert found == f"{theirs}/__init__.py theirs {packages}/stylize_flows/cli.py"
        module = "stylize_flows.stylize_manifest"
        assert [line.split()[-1] for line in flows[1:]] == ["flows.nightly", module]
        assert [line.rpartition(" ")[0] for line in flows] == ["theirs", "theirs", "stylize manifest"]
        assert _call(installed / "stylize", "--version", folder=project, home=tmp_path) == [release()]
    finally:
        shutil.rmtree(theirs)

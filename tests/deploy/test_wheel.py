"""The package as people install it: a wheel, in an environment of its own, beside whatever else they have."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
PARTS = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "flows", "stylize_core")
"""What the wheel is made of."""

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


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `bin` of an environment that has this package from its wheel and all others from the tests' own."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in PARTS:  # a copy: a build leaves folders behind
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ("--no-deps", "--no-index")
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "-w", folder, source], check=True)
    (wheel,) = folder.glob("stylize-*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([*pip, "--python", python, "install", *offline, wheel], check=True)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def _call(*command: str | Path, folder: Path, home: Path) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PREFECT_API"))}
    environment["PREFECT_HOME"] = str(home)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_version(installed: Path, tmp_path: Path) -> None:
    """The command of a wheel tells its release."""
    assert _call(installed / "stylize", "--version", folder=tmp_path, home=tmp_path) == [version("stylize")]


@pytest.mark.parametrize("place", ["project", "site-packages"])
def test_beside_a_package_of_theirs(place: str, installed: Path, tmp_path: Path) -> None:
    """With a `flows` in the project's folder, or installed, each is found by its name, by Python and by Prefect."""
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
        assert _call(installed / "stylize", "--version", folder=project, home=tmp_path) == [version("stylize")]
    finally:
        shutil.rmtree(theirs)

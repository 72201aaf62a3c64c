"""Install lines in documents and messages name this package, and not another one with a similar name."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from stylize_core.release import DISTRIBUTION, install_extra

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

OTHERS = {"dask-jobqueue", "uv"}
"""Other packages that the documents mention, by their names on an index."""

PLACES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/*.md",
    "deploy/*",
    "manifests/*.*",
    "flows/**/*.py",
    "stylize_core/**/*.py",
)


def _texts() -> Iterator[tuple[str, str]]:
    """Yields documents, and messages in the code."""
    for path in (path for pattern in PLACES for path in ROOT.glob(pattern)):
        if path.suffix not in {".png", ".jpg"} and path.is_file():
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def _wanted(line: str) -> str:
    """Returns the first package of an install line, after options and their files."""
    words = [quoted or plain for quoted, plain in re.findall(r"'([^']*)'|(\S+)", line)]
    return next((word for word in words if not word.startswith("-") and not word.endswith((".txt", ".toml"))), "")


MESSAGES = [
    (place, install_extra(extra))
    for place, text in _texts()
    for extra in re.findall(r"\binstall_extra\(\"([^\"]*)\"\)", text)
]
LINES = [
    (place, wanted)
    for place, text in [*_texts(), *MESSAGES]
    for line in re.findall(r"pip install +([^`#\n]+)", text)
    if (wanted := _wanted(line)) and place != "stylize_core/release.py"  # that line has a placeholder for extras
]


def test_the_lines_are_found() -> None:
    """Install lines are found in documents and messages."""
    assert {place for place, _ in LINES} > {"README.md", "docs/quality.md", "deploy/README.md", "deploy/Dockerfile"}
    assert {place for place, _ in LINES} >= {place for place, _ in MESSAGES}
    assert len(MESSAGES) >= 4


@pytest.mark.parametrize(("place", "wanted"), LINES)
def test_an_install_line(place: str, wanted: str) -> None:
    """Each names the checkout or a wheel, with existing extras, or a listed other package."""
    package, _, extras = wanted.rstrip("]").partition("[")
    if package == "." or package.endswith(".whl"):
        assert {*filter(None, extras.split(","))} <= {*PROJECT["optional-dependencies"]}
    else:
        assert re.split("[=<>]", package)[0] in OTHERS


def test_every_extra_in_the_documents_exists() -> None:
    """`.[extra]` is checked everywhere, also in comments."""
    named = {extra for place, text in _texts() for extra in re.findall(r"'\.\[(\w+)\]'", text)}
    assert named <= {*PROJECT["optional-dependencies"]}


def test_the_package_has_one_name_and_one_release() -> None:
    """The program looks up its release by the name in pyproject.toml; CITATION.cff has the same release."""
    assert PROJECT["name"] == DISTRIBUTION
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]

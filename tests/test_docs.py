"""The documents match the code."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from docs import draw as drawing
from stylize_core import errors
from stylize_core.presets import PRESETS

ROOT = Path(__file__).parents[1]


def leaves(kind: type[errors.StylizeError]) -> list[type[errors.StylizeError]]:
    """Returns an error class and everything below it."""
    return [kind, *(leaf for below in kind.__subclasses__() for leaf in leaves(below))]


def test_every_error_code_is_documented() -> None:
    """docs/errors.md has one line per code, with the class's `retryable`, and no other lines."""
    documented = dict(re.findall(r"^\| `(\w+)` \|.*\| (yes|no) \|", (ROOT / "docs/errors.md").read_text(), re.M))
    classes = [kind for kind in leaves(errors.StylizeError) if kind.__module__ == errors.__name__]
    assert documented == {kind.code: "yes" if kind.retryable else "no" for kind in classes}


def test_every_preset_is_in_the_readme() -> None:
    """README's table of presets is complete and names no other."""
    table = (ROOT / "README.md").read_text().partition("| preset |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([\w-]+)`", table, re.M) == list(PRESETS)


@pytest.mark.parametrize("name", drawing.WRITTEN)
def test_what_is_drawn_is_new(name: str) -> None:
    """The picture of the parts and the columns of the store match the code; `python docs/draw.py` renews them."""
    assert drawing.renewed(name) == (ROOT / f"docs/{name}.md").read_text()


def test_python_in_the_documents_runs(
    draw: Callable[..., Path], manifests: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The examples of docs/python.md run one after the other: a pair, a list, a manifest, a store's tables."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("photo.png", "painting.png")):
        draw(tmp_path / name, seed)
    Path(manifests.write(manifests.rows(2))).rename(manifests.folder / "pairs.csv")
    programs = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(), re.S)
    assert len(programs) == 4
    names: dict[str, Any] = {}
    for program in programs:
        exec(program.replace('"pairs.csv"', repr(f"{manifests.folder}/pairs.csv")), names)
    with Image.open(tmp_path / "stylised.png") as image:
        assert max(image.size) == 64
    assert (names["outcome"].counts["done"], len(names["results"])) == (2, 2)
    assert set(names["losses"]["step"]) == {0, 1, 2}


def test_the_architecture_names_what_there_is() -> None:
    """Every file and folder in docs/architecture.md exists, and every name in its recipes is in the code."""
    document = (ROOT / "docs/architecture.md").read_text()
    roots = [ROOT, ROOT / "stylize_core", ROOT / "flows", ROOT / "flows/stylize_flows"]
    paths = set(re.findall(r"`([\w/]+(?:/|\.py|\.md))`", document)) - {"results/"}  # of a store
    code = "".join(path.read_text() for root in roots[1:3] for path in root.rglob("*.py"))
    names = set(re.findall(r"`(?:\w+\.)*(\w+)`", document.partition("## Recipes")[2]))
    assert {"settings.py", "engine/losses/", "tests/export/"} <= paths
    assert {"STYLE_LOSSES", "make_format", "content_png"} <= names
    assert [path for path in sorted(paths) if not any((root / path).exists() for root in roots)] == []
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", code)] == []


def test_links_lead_somewhere() -> None:
    """Every relative link of a document names a file of the project."""
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md"), *ROOT.glob("manifests/*.md")]
    links = [
        (document, link)
        for document in documents
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text())
        if not (document.parent / link).exists()
    ]
    assert not links

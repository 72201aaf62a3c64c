"""The documents say what the code does."""

import re
from pathlib import Path

from stylize_core import errors
from stylize_core.presets import PRESETS

ROOT = Path(__file__).parents[1]


def leaves(kind: type[errors.StylizeError]) -> list[type[errors.StylizeError]]:
    """Returns an error class and everything below it."""
    return [kind, *(leaf for below in kind.__subclasses__() for leaf in leaves(below))]


def test_every_error_code_is_documented() -> None:
    """docs/errors.md has one line a code, with the same retryable as the class, and no other lines."""
    documented = dict(re.findall(r"^\| `(\w+)` \|.*\| (yes|no) \|", (ROOT / "docs/errors.md").read_text(), re.M))
    classes = [kind for kind in leaves(errors.StylizeError) if kind.__module__ == errors.__name__]
    assert documented == {kind.code: "yes" if kind.retryable else "no" for kind in classes}


def test_every_preset_is_in_the_readme() -> None:
    """README's table of presets is complete and names no other."""
    table = (ROOT / "README.md").read_text().partition("| preset |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([\w-]+)`", table, re.M) == list(PRESETS)


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

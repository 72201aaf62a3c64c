"""A run does not need torchvision, with which tests compare the network."""

import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from importlib.abc import MetaPathFinder
from typing import Any

import pytest

from stylize_core import release

VERSION = importlib.metadata.version


class _Broken(MetaPathFinder):
    """Behaves like torchvision for another torch: its import raises an error that is not an ImportError."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name.partition(".")[0] == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")


def _version(name: str) -> str:
    if name == "torchvision":
        raise importlib.metadata.PackageNotFoundError(name)
    return VERSION(name)


@pytest.fixture
def without_torchvision(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes torchvision impossible to import, and its version unknown."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Broken(), *sys.meta_path])
    monkeypatch.setattr(importlib.metadata, "version", _version)
    release.versions.cache_clear()
    yield
    release.versions.cache_clear()


def test_a_run_needs_no_torchvision(
    without_torchvision: None, manifests: Any, run_loop: Callable[..., Any], store: Any
) -> None:
    """With a broken torchvision of unknown version, a row is computed and its report drawn."""
    with pytest.raises(RuntimeError, match="nms"):
        importlib.import_module("torchvision")
    ended = run_loop(manifests.write(manifests.rows(1)))
    assert ended.code == 0, ended.err
    assert "cannot be drawn" not in ended.err
    assert "1 done" in ended.out

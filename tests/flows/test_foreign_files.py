"""What others leave in a store: notes of macOS, copies under way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("name", ["._{}", ".{}.Ab12Cd", ".~tmp~/{}", "{}.part"])
def test_files_of_others_beside_tables(
    name: str, manifests: Any, run_loop: Callable[..., Any], stylize: Callable[..., Any], store: Any
) -> None:
    """Beside each table lies a file of somebody else's: every command goes on, and none of them is touched."""
    manifest = manifests.write(manifests.rows(2))
    assert run_loop(manifest).code == 0
    others = []
    for table in [*store.folder.rglob("*.parquet"), *store.folder.rglob("*.json")]:
        others.append(table.parent / name.format(table.name))
        others[-1].parent.mkdir(exist_ok=True)
        others[-1].write_bytes(b"Mac OS X")

    for command in (("status", "--verify"), ("status", "--watch"), ("report",)):
        ended = stylize(command[0], str(store.folder), *command[1:])
        assert ended.code == 0, ended.err
    again = run_loop(manifest)
    assert again.code == 0, again.err
    assert "2 skipped" in again.out
    assert all(path.read_bytes() == b"Mac OS X" for path in map(Path, others))

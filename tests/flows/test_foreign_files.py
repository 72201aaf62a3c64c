"""Files of others in a store: notes of macOS, copies in progress."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("name", ["._{}", ".{}.Ab12Cd", ".~tmp~/{}", "{}.part"])
def test_files_of_others_beside_tables(
    name: str, manifests: Any, run_loop: Callable[..., Any], stylize: Callable[..., Any], store: Any
) -> None:
    """With a foreign file beside each table every command works, and none of these files is touched."""
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


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["pipe", "dangling link"])
def test_what_is_no_file_ends_a_command_with_its_name(
    kind: str,
    manifests: Any,
    run_loop: Callable[..., Any],
    stylize: Callable[..., Any],
    refused: Callable[..., str],
    store: Any,
) -> None:
    """A pipe or a broken link among the results is refused without waiting; the error names it and says what to do."""
    manifest = manifests.write(manifests.rows(1))
    assert run_loop(manifest).code == 0
    odd = store.folder / "results" / "zz.parquet"
    os.mkfifo(odd) if kind == "pipe" else odd.symlink_to("nowhere")
    for command in (("status",), ("status", "--verify"), ("export", "--format", "parquet", "-o", f"{odd}-export")):
        error = refused(stylize(command[0], str(store.folder), *command[1:]))
        assert f"where: {odd}\n  to do: remove it" in error
    assert f"where: {odd}\n  to do: remove it" in refused(run_loop(manifest))

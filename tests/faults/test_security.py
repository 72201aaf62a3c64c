"""Malicious contents of a manifest, its files and a store, each through the whole command."""

import os
import pickle
import re
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest
import torch

from stylize_core.control_codes import escape_controls

SECRET = "hunter2"


def _everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_id_that_leads_out_of_the_store(
    manifests: Any, run_loop: Callable[..., Any], store: Any, tmp_path: Path
) -> None:
    """Such a row is rejected, and nothing is written beside the store."""
    names = ["fine", "../../outside", "/outside", "a/../../outside", "..", "a\\b", "a\nb", "~/outside"]
    before = _everything(tmp_path).keys()
    rows = [{**row, "id": name} for row, name in zip(manifests.rows(len(names)), names, strict=True)]
    ended = run_loop(manifests.write(rows))
    assert ended.code == 3
    assert store.statuses() == ["done", *["rejected"] * 7]
    written = _everything(tmp_path).keys() - before - {"manifests/manifest.csv"}
    assert {path.partition("/")[0] for path in written} == {"store"}
    assert not [path for path in written if "outside" in path]


@pytest.mark.parametrize("folder", ["images", "snapshots", "metrics", "results", "runs"])
def test_a_link_in_the_store(
    folder: str, manifests: Any, run_loop: Callable[..., Any], store: Any, tmp_path: Path
) -> None:
    """Nothing is written through a link that leads out of the store: the job fails, or the run ends."""
    assert run_loop(manifests.write(manifests.rows(1, snapshot_every="1"))).code == 0
    outside = tmp_path / "outside"
    (store.folder / folder).rename(outside)
    (store.folder / folder).symlink_to(outside)
    before = _everything(outside)

    ended = run_loop(manifests.write(manifests.rows(1, snapshot_every="1", steps="3"), "more.csv"))

    assert _everything(outside) == before
    assert "Traceback" not in ended.err
    if folder in ("images", "snapshots"):
        assert ended.code == 3
        assert store.rows()["error_code"][0] == "output_refused"
    else:
        assert ended.code == (2 if folder == "runs" else 1)
        assert "error: a link leads out of the store\n" in ended.err


def test_a_cell_that_is_a_formula(manifests: Any, run_loop: Callable[..., Any], store: Any) -> None:
    """A text that a spreadsheet would run is refused, and is in no table unescaped."""
    formula = '=HYPERLINK("http://evil.example","look")'
    rows = [*manifests.rows(1, x_note="fine"), *manifests.rows(1, steps="3", x_note=formula)]
    rows += [{**manifests.rows(1, steps="4")[0], "content": "@SUM(1).png", "x_note": ""}]
    ended = run_loop(manifests.write(rows))
    assert ended.code == 3
    assert store.statuses() == ["done", "rejected", "rejected"]
    for table in ("results.csv", "failed.csv"):
        text = (store.folder / "runs" / store.runs[0] / table).read_text()
        assert not re.search(r'(^|,)"?[=+@]', text, re.MULTILINE), text


def test_a_file_name_that_is_html(
    draw: Callable[..., Path], manifests: Any, run_loop: Callable[..., Any], store: Any
) -> None:
    """In the report a name is always text."""
    name = "<img src=x onerror=alert(1)><script>alert(2)<\\script>.png"
    draw(manifests.folder / name, 7)
    rows = manifests.rows(1, content=name) + manifests.rows(1, content=f"missing {name}", x_note="<b>bold</b>")
    assert run_loop(manifests.write(rows)).code == 3
    page = (store.folder / "runs" / store.runs[0] / "report.html").read_text()
    assert "<img src=x" not in page
    assert "<script>alert" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


class _Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self.mark}",))


@pytest.mark.parametrize("kind", ["torch", "pickle"])
def test_weights_with_code_in_them(kind: str, manifests: Any, stylize: Callable[..., Any], tmp_path: Path) -> None:
    """A weights file that would run a program is refused, and the program does not run."""
    mark, weights = tmp_path / "executed", tmp_path / "weights.pth"
    if kind == "torch":
        torch.save({"features.0.weight": _Evil(mark)}, weights)
    else:
        weights.write_bytes(pickle.dumps(_Evil(mark)))
    options = ("--store", f"{tmp_path}/store", "--weights", str(weights), "--runner", "loop")
    ended = stylize("run", manifests.write(manifests.rows(1)), *options)
    assert ended.code == 2
    assert "error: " in ended.err
    assert "Traceback" not in ended.err
    assert not mark.exists()


def test_images_that_unfold(
    manifests: Any, run_loop: Callable[..., Any], store: Any, png: Callable[..., bytes]
) -> None:
    """A small file that would fill the memory once unpacked is recognised by its header."""
    (manifests.folder / "bomb.png").write_bytes(png((60_000, 60_000)))
    (manifests.folder / "text.png").write_bytes(png((64, 64), rows=[bytes(192)] * 64, text=bytes(500 << 20)))
    rows = manifests.rows(1) + manifests.rows(1, content="bomb.png") + manifests.rows(1, content="text.png")
    before = _peak_memory()
    assert run_loop(manifests.write(rows)).code == 3
    assert store.statuses()[:2] == ["done", "rejected"]
    assert store.rows()["error_code"][1] == "image_too_large"
    assert _peak_memory() - before < 400 << 20


def _peak_memory() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


URLS = {
    "missing": f"memory://user:{SECRET}@bucket/picture.png?X-Amz-Signature={SECRET}",
    "password with an at": f"memory://user:a@{SECRET}@bucket/picture.png",
    "password with a slash behind digits": f"s3://KEY:123/{SECRET}@bucket/picture.png",
    "chain": f"zip://picture.png::memory://user:{SECRET}@bucket/picture.zip",
    "fragment": f"memory://bucket/picture.png#token={SECRET}",
    "unknown": f"carrier://user:{SECRET}@bucket/picture.png",
}


@pytest.fixture
def broken_pictures(pictures: Path) -> Iterator[list[str]]:
    """URLs with credentials of a file that is not a picture, and of a truncated one."""
    there = fsspec.filesystem("memory")
    place = f"/user:{SECRET}@bucket"  # their form in a file system in memory
    there.pipe(f"{place}/unknown.png", b"no picture")
    there.pipe(f"{place}/cut.png", (pictures / "content-0.png").read_bytes()[:-900])
    yield [f"memory:/{place}/{name}.png" for name in ("unknown", "cut")]
    there.rm(place, recursive=True)


@pytest.mark.parametrize("runner", ["loop", pytest.param("local", marks=pytest.mark.slow)])
def test_a_secret_in_a_url(
    runner: str,
    manifests: Any,
    stylize: Callable[..., Any],
    broken_pictures: list[str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Credentials in a URL are in no file of the store and in no output of the command."""
    if runner == "local":
        request.getfixturevalue("prefect_server")
    rows = manifests.rows(1) + manifests.rows(1, style=URLS["missing"], size="5")
    rows += [row for url in (*URLS.values(), *broken_pictures) for row in manifests.rows(1, content=url)]
    ended = stylize(
        "run",
        manifests.write(rows),
        *("--store", f"{tmp_path}/store", "--weights", "builtin", "--runner", runner),
    )
    assert ended.code == 3
    assert f"1 failed, {len(rows) - 2} rejected" in ended.out
    assert SECRET not in ended.out + ended.err
    assert "memory://bucket/picture.png" in ended.err
    store = tmp_path / "store"
    assert [path for path, data in _everything(store).items() if SECRET.encode() in data] == []
    tables = {path: pd.read_parquet(path).to_csv() for path in store.rglob("*.parquet")}  # Parquet is compressed
    assert [path for path, text in tables.items() if SECRET in text] == []


@pytest.mark.parametrize("runner", ["loop", pytest.param("local", marks=pytest.mark.slow)])
def test_names_that_steer_a_terminal(
    runner: str, manifests: Any, stylize: Callable[..., Any], draw: Callable[..., Path], tmp_path: Path, request: Any
) -> None:
    """Names with escape sequences, line feeds and bidirectional marks reach no terminal, log or table unescaped."""
    if runner == "local":
        request.getfixturevalue("prefect_server")
    name = "\x1b[2J\x1b]0;owned\x07\u202e\x9b31m\nerror: faked"
    (draw(manifests.folder / f"{name}.png", 0)).write_bytes(b"no picture")
    rows = [*manifests.rows(1), *manifests.rows(1, content=f"{name}.png"), *manifests.rows(1, style=f"gone {name}")]
    store = tmp_path / f"store {name}"
    where = ("--store", str(store), "--weights", "builtin")
    manifest = manifests.write(rows)
    for command in (("run", manifest, *where, "--runner", runner), ("plan", manifest, *where), ("status", str(store))):
        ended = stylize(*command)
        for line in (ended.out + ended.err).splitlines():
            assert escape_controls(line) == line
            assert not line.startswith("error: faked")
    run = next((store / "runs").iterdir())
    for file in ("log.txt", "failed.csv"):
        assert not re.search("[\x1b\x07\x9b\u202e]", (run / file).read_text().replace(f"{name}", ""))

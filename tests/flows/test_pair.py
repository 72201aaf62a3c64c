"""One pair of pictures without a manifest."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stylize_flows.commands.pair import values
from stylize_flows.commands.run_options import RunOptions

from stylize_core.errors import UsageError

SETTINGS = ("--set", "size=32", "steps=2", "content_layers=conv2_1", "--set", "style_layers=conv1_1=0.5 conv2_1=0.5")


@pytest.fixture
def run_pair(stylize: Callable[..., Any], pictures: Path, tmp_path: Path) -> Callable[..., Any]:
    """Stylises content-0.png with style-0.png into the store `tmp_path / "store"`."""
    pair = ("--content", f"{pictures}/content-0.png", "--style", f"{pictures}/style-0.png")
    options = ("--store", f"{tmp_path}/store", "--weights", "builtin", "--runner", "loop")
    return lambda *settings: stylize("run", *pair, *options, *settings)


def test_pair_with_settings(run_pair: Callable[..., Any], store: Any) -> None:
    """A pair is a manifest of one row: its settings hold, and it has a readable id."""
    assert run_pair(*SETTINGS).code == 0
    assert list(store.rows()["id"]) == ["content-0--style-0"]
    assert store.statuses() == ["done"]
    assert json.loads(store.lines["settings"][0])["style_layers"] == "conv1_1 conv2_1"


def test_pair_is_the_same_job_as_the_row(
    run_pair: Callable[..., Any], run_loop: Callable[..., Any], manifests: Any, store: Any
) -> None:
    """The pair and a manifest row of the same settings are one job."""
    run_pair(*SETTINGS)
    row = {**manifests.rows(1)[0], "style_layers": "conv1_1 conv2_1"}
    assert run_loop(manifests.write([row])).code == 0
    assert store.statuses() == ["skipped"]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("sise=32", "cannot set column 'sise'; did you mean 'size'?"),
        ("size=5", "column size: '5' is not allowed; use whole number from 16 to 8192"),
        ("size", "'size' sets nothing"),
        ("content=x.png", "cannot set column 'content'"),
    ],
)
def test_bad_setting(setting: str, words: str, run_pair: Callable[..., Any], store: Any) -> None:
    """A setting that is unknown or out of range is refused by name before the store is created."""
    ended = run_pair("--set", setting)
    assert ended.code == 2
    assert words in ended.err
    assert not store.folder.exists()


def test_missing_picture(stylize: Callable[..., Any], pictures: Path, tmp_path: Path) -> None:
    """A missing picture is named; the pair's internal manifest is not mentioned."""
    arguments = ("--content", f"{pictures}/content-0.png", "--style", f"{tmp_path}/nowhere.png")
    ended = stylize("run", *arguments, "--store", f"{tmp_path}/store", "--weights", "builtin", "--runner", "loop")
    assert ended.code == 2
    assert f"\nerror: there is no such file\n  where: {tmp_path}/nowhere.png\n" in ended.err
    assert "pair.csv" not in ended.err


def test_plan_of_a_pair(stylize: Callable[..., Any], pictures: Path, tmp_path: Path) -> None:
    """A pair can be planned as well."""
    pair = ("--content", f"{pictures}/content-0.png", "--style", f"{pictures}/style-0.png")
    ended = stylize("plan", *pair, "--store", f"{tmp_path}/store", "--weights", "builtin", *SETTINGS)
    assert ended.out.startswith("1 row: 1 to compute\n")


def test_a_pair_needs_no_prefect(
    stylize: Callable[..., Any], pictures: Path, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pair runs in a loop unless a runner is named or a server is set; a manifest runs as Prefect tasks."""
    with RunOptions(store="s", content="c.png", style="s.png").options(None) as options:
        assert options.runner == "loop"
    with RunOptions(store="s", content="c.png", style="s.png", runner="local").options(None) as options:
        assert options.runner == "local"
    with RunOptions(store="s").options("manifest.csv") as options:
        assert options.runner == "local"
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    with RunOptions(store="s", content="c.png", style="s.png").options(None) as options:
        assert options.runner == "local"


def test_a_pair_ends_with_its_image(run_pair: Callable[..., Any], store: Any) -> None:
    """The first line says what is planned, the last is the path of the image, whether new or done before."""
    first = run_pair(*SETTINGS)
    (image,) = store.images
    assert first.out.splitlines()[-1] == f"image: {store.folder}/{image}"
    assert run_pair(*SETTINGS).out.splitlines()[-1] == f"image: {store.folder}/{image}"
    assert re.fullmatch(
        r"planning \S+/content-0.png in the style of \S+/style-0.png for the store \S+ …", first.err.splitlines()[0]
    )


def test_values() -> None:
    """Everything after the first equals sign is the value."""
    assert values(["a=1", "b=c=2 d=3", "e="], "--set") == {"a": "1", "b": "c=2 d=3", "e": ""}
    assert values(None, "--set") == {}


def test_a_name_set_twice() -> None:
    """A repeated name is refused, so that neither value is silently ignored."""
    with pytest.raises(UsageError, match="'a' is set twice"):
        values(["a=1", "a=2"], "--set")

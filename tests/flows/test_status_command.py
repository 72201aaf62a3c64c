"""`stylize status` and `stylize report`: the contents of a store, and a run's page drawn again."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stylize_flows.cli import main


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory, manifests_in: Callable[[Path], Any]) -> Path:
    """A store with two done jobs, a failed one and a rejected row; do not change it."""
    folder = tmp_path_factory.mktemp("computed")
    manifests = manifests_in(folder / "manifests")
    (manifests.folder / "truncated.png").write_bytes((manifests.folder / "content-0.png").read_bytes()[:1000])
    rows = manifests.rows(4)
    rows[2]["content"], rows[3]["content"] = "truncated.png", "nowhere.png"
    options = ("--store", f"{folder}/store", "--weights", "builtin", "--runner", "loop")
    with pytest.raises(SystemExit, match="3"):
        main(["run", manifests.write(rows), *options])
    return folder / "store"


@pytest.fixture
def filled(computed: Path, store: Any) -> Path:
    """A copy of that store."""
    return Path(shutil.copytree(computed, store.folder))


def test_status(filled: Path, stylize: Callable[..., Any], store: Any) -> None:
    """Jobs by status, error codes, and each run with its rows; nothing is written."""
    before = sorted(path for path in filled.rglob("*"))
    ended = stylize("status", str(filled))
    assert ended.code == 0
    assert ended.out.startswith("jobs: 2 done, 1 failed\nfiles: ")
    words = " ".join(ended.out.split())
    assert "image_truncated 1" in words
    assert f"{store.runs[0]} 2 done, 1 failed, 1 rejected" in words
    assert sorted(path for path in filled.rglob("*")) == before


def test_verify_finds_a_flipped_byte(filled: Path, stylize: Callable[..., Any], store: Any) -> None:
    """--verify reads every image: a sound store has no faults; a byte flipped in one is found and named."""
    sound = stylize("status", str(filled), "--verify")
    assert (sound.code, sound.out.splitlines()[-1]) == (0, "verified: 0 faults")

    name = sorted(store.images)[0]
    data = bytearray((filled / name).read_bytes())
    data[len(data) // 2] ^= 1
    (filled / name).write_bytes(data)

    ended = stylize("status", str(filled), "--verify")
    assert ended.code == 1
    assert ended.out.splitlines()[-2:] == [f"{name}: image with another sha256", "verified: 1 fault"]


def test_verify_finds_what_is_missing_or_too_much(filled: Path, stylize: Callable[..., Any], store: Any) -> None:
    """A missing image and an uncommitted one are faults too; a foreign file is not."""
    (filled / sorted(store.images)[0]).unlink()
    stray = f"images/ff/{'f' * 24}.png"
    for name in (stray, "images/ff/favourite.png", "images/.DS_Store"):
        (filled / name).parent.mkdir(exist_ok=True)
        (filled / name).write_bytes(b"stray")
    out = stylize("status", str(filled), "--verify").out
    assert "missing image" in out
    assert f"{stray}: stray file without a mark" in out
    assert out.endswith("verified: 2 faults\n")


def test_report_is_drawn_again(filled: Path, stylize: Callable[..., Any], store: Any) -> None:
    """`report` draws the newest run's page and sheets again, or those of a named run."""
    page = filled / "runs" / store.runs[0] / "report.html"
    drawn = page.read_bytes()
    page.unlink()
    ended = stylize("report", str(filled))
    assert ended.out == f"report: {page}\n"
    assert page.read_bytes() == drawn

    page.unlink()
    assert stylize("report", str(filled), "--run", store.runs[0]).code == 0
    assert page.exists()


def test_runs_are_compared(filled: Path, stylize: Callable[..., Any], store: Any) -> None:
    """`--compare` writes a page beside the report, about the newest run unless another is named."""
    run = store.runs[0]
    page = filled / "runs" / run / f"compare-{run}.html"
    ended = stylize("report", str(filled), "--compare", run)
    assert ended.out == f"report: {page}\n"
    assert "the same job in both" in page.read_text()


def test_a_report_as_a_document(filled: Path, stylize: Callable[..., Any], store: Any, tmp_path: Path) -> None:
    """`report --json`: the run, and the paths of all written files."""
    run, board = store.runs[0], str(tmp_path / "board")
    folder = f"{filled}/runs/{run}"
    document = json.loads(stylize("report", str(filled), "--tensorboard", board, "--json").out)
    drawn = {"report": f"{folder}/report.html", "contact_sheets": f"{folder}/contact-sheets/index.html"}
    assert document == {"store": str(filled), "run": run, "places": {"tensorboard": f"{board}/{run}", **drawn}}
    assert all(Path(place).exists() for place in document["places"].values())

    document = json.loads(stylize("report", str(filled), "--compare", run, "--json").out)
    assert document["places"] == {"comparison": f"{folder}/compare-{run}.html"}

    ended = stylize("report", str(filled), "--run", "yesterday", "--json")
    assert (ended.code, json.loads(ended.out)["error"]["code"]) == (2, "bad_option")


def test_report_of_an_unknown_run(filled: Path, stylize: Callable[..., Any], refused: Callable[..., str]) -> None:
    """A missing run is refused, and the existing ones are named."""
    assert "there is no run 'yesterday'" in refused(stylize("report", str(filled), "--run", "yesterday"))
    assert "there is no run 'yesterday'" in refused(stylize("report", str(filled), "--compare", "yesterday"))


def test_a_run_is_handed_to_tensorboard(filled: Path, stylize: Callable[..., Any], store: Any, tmp_path: Path) -> None:
    """`report --tensorboard DIR` writes the run into a folder of its name, says where, and draws the report."""
    ended = stylize("report", str(filled), "--tensorboard", str(tmp_path / "board"))
    assert ended.code == 0
    own = tmp_path / "board" / store.runs[0]
    assert ended.out == f"tensorboard: {own}\nreport: {filled}/runs/{store.runs[0]}/report.html\n"
    assert [path.suffix for path in own.iterdir()] == [".stylize"]


def test_a_missing_extra_is_named(
    filled: Path, stylize: Callable[..., Any], refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`report --wandb PROJECT` without the library ends with what to install."""
    monkeypatch.setitem(sys.modules, "wandb", None)
    said = refused(stylize("report", str(filled), "--wandb", "project"))
    assert "Weights & Biases is not installed" in said
    assert "pip install '.[wandb]'" in said


def test_prune(filled: Path, stylize: Callable[..., Any], store: Any) -> None:
    """`prune` says what it deletes, or would delete; `report` draws it again. The newest run is kept."""
    old = "20200101T000000.000-aaaa"
    shutil.copytree(filled / "runs" / store.runs[0], filled / "runs" / old)
    page = filled / "runs" / old / "report.html"
    ended = stylize("prune", str(filled), "--older-than", "30d", "--dry-run")
    assert ended.out.splitlines()[-1].startswith("would be pruned: 1 run, ")
    assert page.exists()

    (pruned,) = json.loads(stylize("prune", str(filled), "--older-than", "30d", "--json").out)["runs"]
    assert pruned["run"] == old
    assert not page.exists()
    assert not list((page.parent / "contact-sheets").rglob("*.*"))
    assert (page.parent.with_name(store.runs[-1]) / "report.html").exists()
    assert stylize("report", str(filled), "--run", old).code == 0
    assert page.exists()

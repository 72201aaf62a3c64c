"""The programs from the command line to their files, at 32 px."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks import ablations, convergence, engine, sheets
from benchmarks.convergence import reached_of, with_precision_cost
from benchmarks.pairs import find_pairs, name_of


def assert_drawn(path: Path) -> None:
    """A chart that is not blank."""
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert len(image.convert("L").getcolors() or []) > 10


@pytest.mark.slow
def test_engine(tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line with consistent figures for each size, batch and precision; a CSV and a chart."""
    options = ["--device", "cpu", "--sizes", "32", "--batches", "2,4096", "--precisions", "float32", "--rounds", "3"]
    engine.main([*options, "--limit-seconds", "100", "--images", str(pictures), "--output", str(tmp_path)])
    frame = pd.read_csv(tmp_path / "engine.csv")
    assert frame[["size", "batch", "precision"]].to_numpy().tolist() == [[32, 2, "float32"]]
    for name in ("ms", "ratio", "share"):
        assert (frame[f"{name}_low"] <= frame[name]).all()
        assert (frame[name] <= frame[f"{name}_high"]).all()
    np.testing.assert_allclose(frame.gflops, 1.44e6 * 32 * 32 / frame.ms / 1e6, rtol=0.05)  # one round has both medians
    assert (frame[["reference_ms", "matrix_gflops", "peak_bytes", "forecast_bytes"]] > 0).all(axis=None)
    assert_drawn(tmp_path / "engine.png")
    assert "skipped 32 px, batch 4096, float32" in capsys.readouterr().out


@pytest.mark.slow
def test_convergence(tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Points of the reference and of each method, when each reached the reference's loss, and a chart."""
    options = ["--device", "cpu", "--size", "32", "--pairs", "2", "--evaluations", "6", "--methods", "lbfgs", "plbfgs"]
    options += ["--precisions", "float32,bfloat16"]
    convergence.main([*options, "--images", str(pictures), "--output", str(tmp_path)])
    points = pd.read_csv(tmp_path / "convergence.csv")
    assert list(points) == ["pair", "method", "precision", "step", "evaluations", "seconds", "loss"]
    reached = pd.read_csv(tmp_path / "reached.csv")
    runs = [(method, precision) for method in ("lbfgs", "plbfgs") for precision in ("float32", "bfloat16")]
    for pair in ("content-0--style-0", "content-1--style-1"):
        of_pair = points[points.pair == pair]
        assert list(of_pair.groupby(["method", "precision"], sort=False).groups) == [("reference", "float32"), *runs]
        assert (of_pair[of_pair.method == "lbfgs"].groupby("precision").step.max() == 6).all()
        assert list(reached[reached.pair == pair][["method", "precision"]].itertuples(index=False, name=None)) == runs
    assert (points[["seconds", "loss"]] > 0).all(axis=None)
    assert_drawn(tmp_path / "convergence.png")
    assert "over all pairs" in capsys.readouterr().out


def test_reached_by_hand() -> None:
    """The first image at or under the reference's loss counts; a method that never reaches it has infinity."""
    reference = ("pair", "reference", "float32", 9, 9, 10.0, 1.0)
    runs = [
        ("pair", "adam", "float32", 1, 2, 3.0, 2.0),
        ("pair", "adam", "float32", 2, 3, 4.0, 1.0),
        ("pair", "adam", "float32", 3, 4, 5.0, 0.5),
        ("pair", "adam", "bfloat16", 3, 4, 2.0, 1.1),
    ]
    names = ["pair", "method", "precision", "step", "evaluations", "seconds", "loss"]
    reached = with_precision_cost(reached_of(pd.DataFrame([reference, *runs], columns=names)))
    assert reached.seconds.tolist() == [4.0, float("inf")]
    assert reached.ratio.tolist() == [0.4, float("inf")]
    assert reached.evaluations.tolist() == [3, float("inf")]
    assert reached.final_loss_ratio.tolist() == [0.5, 1.1]
    assert reached.over_float32_percent.tolist() == pytest.approx([0, 120])


def test_pairs_of_ones_own(pictures: Path) -> None:
    """Contents in order of their names, each with the next style; the styles repeat."""
    assert [name_of(files) for files in find_pairs(pictures, 3)] == [
        "content-0--style-0",
        "content-1--style-1",
        "content-2--style-0",
    ]


def test_a_folder_without_pairs_is_refused(tmp_path: Path) -> None:
    """The error says which names are expected."""
    with pytest.raises(SystemExit, match=r"content\* and style\*"):
        find_pairs(tmp_path, 3)


@pytest.mark.slow
def test_ablations(tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A judged loss for each contender and amount of work; a contender's changes apply only to itself."""
    options = ["--device", "cpu", "--size", "32", "--pairs", "1", "--work", "2", "11"]
    ablations.main([*options, "--images", str(pictures), "--output", str(tmp_path)])
    frame = pd.read_csv(tmp_path / "ablations.csv")
    assert (frame.loss > 0).all()
    losses = frame.pivot(index="contender", columns="work", values="loss")
    assert set(losses.index) == {*ablations.CONTENDERS, "half the edge first, 40 steps"}
    assert list(losses) == [2, 11]
    own = losses.loc["plbfgs"]
    different = losses[losses[11] != own[11]].index
    assert set(ablations.CONTENDERS) - set(different) == {"plbfgs", "history of 20"}  # 11 steps have 10 pairs
    assert "plbfgs" in capsys.readouterr().out


@pytest.mark.slow
def test_sheets(tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stores with drawn sheets, and a line for each."""
    sheets.main(["--jobs", "1", "7", "--edge", "64", "--images", str(pictures), "--output", str(tmp_path)])
    frame = pd.read_csv(tmp_path / "sheets.csv")
    assert frame[["jobs", "pages", "undrawn"]].to_numpy().tolist() == [[1, 1, 0], [7, 2, 0]]
    assert (frame[["seconds", "peak_mb", "largest_mb", "longest_px"]] > 0).all(axis=None)
    assert len(list((tmp_path / "7").rglob("contact-sheets/*.jpg"))) == 2
    assert "longest_px" in capsys.readouterr().out

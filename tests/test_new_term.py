"""A new term of the objective is one file, one line and its settings; everything else follows from them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stylize_core.manifest.columns import column_dictionary

ROOT = Path(__file__).parents[1]

FILE = '''"""The palette term: the mean absolute difference of the means of channels."""

from stylize_core.engine.losses.comparison import Comparison, layered_term

PALETTE = Comparison(
    statistic=lambda features, settings: (features.float().mean((2, 3)),),
    distance=lambda features, target, settings: (features.float().mean((2, 3)) - target[0]).abs().mean(1),
    size=lambda target: target[0].abs().mean(1),
    forms=("paper", "mean", "relative"),
    feature_power=1,
)

TERM = layered_term("style", lambda settings: PALETTE)
'''
LINE = '    TermName("palette", "palette loss"),\n'
SETTINGS = """    palette_layers: Layers = setting("layers whose means are matched", neutral="conv1_1", scale="terms")
    palette_weight: float = setting("weight of the palette term", low=0, neutral=0.0, scale="totals")
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the packages with one more term."""
    package = tmp_path / "house"
    for source in (ROOT / "stylize_core", ROOT / "flows" / "stylize_flows"):
        shutil.copytree(source, package / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "stylize_core/engine/losses/palette.py").write_text(FILE)
    for file, before, added in (("terms", '    TermName("tv"', LINE), ("settings", "    form: str", SETTINGS)):
        path = package / f"stylize_core/{file}.py"
        text = path.read_text()
        assert text.count(before) == 1
        path.write_text(text.replace(before, added + before))
    return package


@pytest.fixture
def command(house: Path) -> Callable[..., str]:
    """Runs Python with the copy."""

    def run(*arguments: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(house), "PYTHONDONTWRITEBYTECODE": "1"}
        options: dict[str, Any] = {"cwd": house.parent, "capture_output": True, "text": True, "check": False}
        done = subprocess.run([sys.executable, *arguments], env=environment, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_a_term_goes_through_the_whole_house(command: Callable[..., str], manifests: Any, tmp_path: Path) -> None:
    """Manifest, engine, metrics, results, report, export and columns have it; a job without it does not change."""
    rows = manifests.rows(2, style_layers="conv1_1")
    rows[1] |= {"palette_weight": "3", "palette_layers": "conv1_1 conv2_1", "x_class": "a"}
    manifest, store = manifests.write(rows), f"{tmp_path}/store"
    cli = ("-c", "from stylize_flows.cli import main; main()")
    command(
        *cli, "run", manifest, "--store", store, "--weights", "builtin", "--runner", "loop", "--precision", "float32"
    )
    results = pd.read_parquet(f"{store}/results").set_index("job_id")
    losses = pd.read_parquet(f"{store}/metrics")
    with_it = results.index[results["final_palette"].notna()]
    assert len(with_it) == 1
    ours = losses[losses["job_id"] == with_it[0]]
    layers = (ours["palette_conv1_1"] + ours["palette_conv2_1"]) / 2
    assert ours["palette"].to_numpy() == pytest.approx(layers.to_numpy(), rel=1e-5)
    assert (ours["palette"] > 0).all()
    assert losses[losses["job_id"] != with_it[0]]["palette"].isna().all()
    settings = [json.loads(text) for text in results["settings"]]
    assert sorted("palette_weight" in one for one in settings) == [False, True]
    (report,) = Path(store).glob("runs/*/report.html")
    assert re.search(r"\bpalette\b", report.read_text())  # a curve, beside the settings `palette_…`
    command(*cli, "export", store, "--format", "parquet", "--output", f"{tmp_path}/export")
    exported = pd.concat(pd.read_parquet(path) for path in (tmp_path / "export").rglob("*.parquet"))
    assert exported["final_palette"].notna().sum() == 1
    assert "final_palette" in (tmp_path / "export/README.md").read_text()
    dictionary = command("-c", "from stylize_core.manifest.columns import *; print(column_dictionary())")
    added = set(dictionary.splitlines()) - set(column_dictionary().splitlines())
    assert sorted(re.findall(r"^\| `(\w+)`", "\n".join(sorted(added)), re.M)) == ["palette_layers", "palette_weight"]

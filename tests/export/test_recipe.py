"""The README's recipe for a stylised data set, run as printed except for a smaller size."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_recipe(draw: Callable[..., Path], tmp_path: Path) -> None:
    """It stylises a class tree of photographs, with train and val; three lines of PyTorch load the result."""
    text = (ROOT / "README.md").read_text().partition("## A stylised data set")[2].partition("\n## ")[0]
    commands = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)[0]
    assert commands.count("size=128") == 1
    commands = commands.replace("size=128", "size=32")
    program = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    assert sum(bool(line) for line in program.splitlines()) == 3
    photographs = ("1", "été 003", "一", "cat (1)")
    for seed, name in enumerate(f"{kind}/{name}.jpg" for kind in ("cats", "dogs") for name in photographs):
        draw(tmp_path / "photos" / name, seed, width=96, height=96)
    for seed in range(4):
        draw(tmp_path / f"paintings/{seed}.jpg", 50 + seed)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-euc", commands], cwd=tmp_path, env=environment, check=True)

    look = "print(len(train), len(val), train.classes == val.classes == ['cats', 'dogs'], train[0][0].shape)"
    loaded = subprocess.run(
        [sys.executable, "-c", f"{program}\n{look}"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert loaded.stdout == "6 2 True torch.Size([3, 32, 32])\n"
    columns = {split: pd.read_parquet(tmp_path / "stylised" / split / "metadata.parquet") for split in ("train", "val")}
    assert not set(columns["train"]["style"]) & set(columns["val"]["style"])
    names = sorted(path for frame in columns.values() for path in frame["file_name"])
    assert names == sorted(f"{kind}/{name}.png" for kind in ("cats", "dogs") for name in photographs)
    assert {licence for frame in columns.values() for licence in frame["x_licence"]} == {"CC0"}

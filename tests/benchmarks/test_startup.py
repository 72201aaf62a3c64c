"""The benchmark of the start, one round."""

import re

import pytest

from benchmarks import startup


@pytest.mark.slow
def test_startup(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each command and phase; the phases are parts of the pair, and its optimisation is left out."""
    startup.main(["--rounds", "1"])
    out = capsys.readouterr().out
    walls = {name: float(wall) for name, wall in re.findall(r"^ *(\w+) +([\d.]+) ", out, re.MULTILINE)}
    phases = ("imports", "engine", "plan", "optimise", "finish")
    assert walls.keys() >= {"help", "status", "pair", "line", "beside", *phases, "all"}
    assert walls["line"] < walls["pair"]
    assert sum(walls[phase] for phase in phases) <= walls["all"] + 0.05
    assert walls["beside"] >= walls["all"] - walls["optimise"] - 0.02
    assert re.search(r"^imports of a pair: .*\btorch [\d.]+", out, re.MULTILINE)

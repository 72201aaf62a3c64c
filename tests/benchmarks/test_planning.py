"""The benchmark of the plan, at 30 rows."""

import re
from pathlib import Path

import pytest

from benchmarks import planning


@pytest.mark.slow
def test_planning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each command: its seconds, its peak, and its plan; nothing is left behind."""
    planning.main(["--rows", "30", "--cases", "known", "--formats", "parquet", "--folder", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    found = [
        re.fullmatch(r"(\w+) +(\w+) +(\w+) +([\d.]+) s +(\d+) MB +\d+ MB anonymous at the end   30 rows: (.*)", line)
        for line in lines
    ]
    planned, prepared = (match for match in found if match)
    assert planned.group(1, 2, 3, 6) == ("known", "parquet", "plan", "30 to compute")
    assert prepared.group(1, 2, 3) == ("known", "parquet", "prepare")
    assert re.fullmatch(r"30 jobs in ([3-9]|[12]\d) chunks", prepared[6])  # three sizes, so three groups at least
    assert all(match and float(match[4]) > 0.5 and int(match[5]) > 100 for match in found)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("case", planning.CASES)
def test_cases(case: str, tmp_path: Path) -> None:
    """Every row has a different pair of existing files; `shared` has few files."""
    manifests, known = planning.make_case(case, tmp_path / case, 30)
    rows = [line.split(",") for line in manifests["csv"].read_text().splitlines()[1:]]
    pairs = [(content, style) for _, content, style, *_ in rows]
    inputs = {path for pair in pairs for path in pair}
    assert len(set(pairs)) == len(rows) == 30
    assert len(inputs) == (5 + 6 if case == "shared" else 60)
    assert all(Path(path).is_file() for path in inputs)
    assert set(known) == (inputs if case == "known" else set())

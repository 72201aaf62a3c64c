"""The benchmark of the plan, at 30 rows."""

import re
from pathlib import Path

import pytest

from benchmarks import planning


@pytest.mark.slow
def test_planning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each case, format and command: its seconds, its peak, and what it planned; nothing is left behind."""
    planning.main(["--rows", "30", "--cold-rows", "4", "--folder", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    found = [re.fullmatch(r"(\w+) +(\w+) +(\w+) +([\d.]+) s +(\d+) MB   (\d+) rows: (.*)", line) for line in lines]
    cases = [match.group(1, 2, 3, 6) for match in found if match]
    assert cases == [
        (case, form, command, rows)
        for case, rows in (("cold", "4"), ("known", "30"), ("shared", "30"))
        for form in ("csv", "parquet")
        for command in ("plan", "prepare")
    ]
    assert all(match and float(match[4]) > 0.5 and int(match[5]) > 100 for match in found)
    assert {match[7] for match in found if match and match[1] != "cold"} == {"30 to compute", "30 jobs in 1 chunks"}
    assert not any(tmp_path.iterdir())

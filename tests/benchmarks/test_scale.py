"""The benchmark of the orchestration, on a few rows."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from benchmarks import scale
from stylize_core.store.ledger import live_results
from stylize_core.store.store import open_store


@pytest.mark.slow
@pytest.mark.parametrize(("runner", "task_runs"), [("loop", 0), ("local", 4)])
def test_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str], runner: str, task_runs: int) -> None:
    """The command computes every row and leaves a sound store; consistent figures, a CSV and a chart."""
    options = ["--rows", "70", "--size", "24", "--runner", runner, "--store", str(tmp_path / "stores")]
    scale.main([*options, "--output", str(tmp_path)])
    frame = pd.read_csv(tmp_path / "scale.csv")
    assert frame[["rows", "runner"]].to_numpy().tolist() == [[70, runner]]
    line = frame.iloc[0]
    assert line.task_runs == task_runs  # two chunks, the plan and the end
    assert line.row_ms * 70 / 1e3 == pytest.approx(line.plan_seconds + line.run_seconds + line.finish_seconds)
    parts = line.orchestration_ms + line.encode_ms + line.write_ms
    assert parts * 70 / 1e3 == pytest.approx(line.run_seconds)
    assert 0 < line.write_ms < line.row_ms
    assert 1e8 < line.start_bytes <= line.run_peak_bytes
    assert line.half_bytes <= line.run_peak_bytes
    assert 1e7 < line.half_anonymous_bytes < line.half_bytes
    store = open_store(str(tmp_path / "stores" / f"70-{runner}"), create=False)
    lines = live_results(store)
    assert lines["status"].to_pylist() == ["done"] * 70
    assert set(lines["width"].to_pylist()) == {24}
    assert (line.store_objects, line.store_bytes) == (
        len(store.list("")),
        sum(entry.size for entry in store.list("")),
    )
    with Image.open(tmp_path / "scale.png") as chart:
        assert len(chart.convert("L").getcolors() or []) > 10
    assert runner in capsys.readouterr().out

"""The benchmark of the report, on a few rows."""

from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pytest

from benchmarks import report
from benchmarks.report_store import RUN, write_store
from stylize_core.record.rows import read_rows
from stylize_core.store.status import summary


def test_the_store_is_one(tmp_path: Path, pictures: Path) -> None:
    """A synthetic store can be read like any other: statuses by their shares, images in their places."""
    files = write_store(tmp_path / "store", 220, pictures)
    rows = next(read_rows(files, RUN))
    counts = {one["values"]: one["counts"] for one in pc.value_counts(rows["status"]).to_pylist()}
    assert counts == {"done": 216, "skipped": 1, "failed": 2, "rejected": 1}
    assert sum(files.exists(image) for image in rows["image"].drop_null().to_pylist()) == 219
    assert summary(files).jobs == {"done": 217, "failed": 2}


@pytest.mark.slow
def test_figures(tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each number of rows, whose figures are plausible; a CSV."""
    options = ["--rows", "1", "30", "--images", str(pictures), "--store", str(tmp_path / "stores")]
    report.main([*options, "--output", str(tmp_path)])
    frame = pd.read_csv(tmp_path / "report.csv")
    assert frame["rows"].tolist() == [1, 30]
    assert (frame[["read_seconds", "page_seconds", "peak_bytes"]] > 0).all(axis=None)
    assert (frame["paint_ms"] <= frame["charts_ms"]).all()
    page = tmp_path / "stores" / "30" / "runs" / RUN / "report.html"
    assert frame["page_bytes"][1] == page.stat().st_size
    assert "page MB" in capsys.readouterr().out

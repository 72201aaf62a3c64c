"""The benchmark of exports, on a few images."""

import pytest

from benchmarks import export


@pytest.mark.slow
def test_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """Each format is exported completely, twice, and has its line of figures."""
    export.main(["--images", "30", "--edge", "16", "--shard-size", "10"])
    lines = [line for line in capsys.readouterr().out.splitlines() if " 30 " in line]
    assert [next(name for name in ("imagefolder", "webdataset", "parquet") if name in line) for line in lines] == [
        "imagefolder",
        "webdataset",
        "parquet",
    ]

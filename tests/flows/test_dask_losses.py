"""What becomes of a chunk whose worker is gone, and what a worker on this machine gets; without any worker."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prefect_dask")

from stylize_flows.dask_runner.cluster import _specifications
from stylize_flows.dask_runner.lost_workers import ChunkPart, committed
from stylize_flows.stylize_manifest import _fan_out

from stylize_core.errors import UsageError
from stylize_core.files.files import Files
from stylize_core.options import Options


@pytest.fixture
def piece(plan: Callable[..., Any], manifests: Any) -> ChunkPart:
    """A piece of four jobs."""
    (chunk,) = plan(manifests.rows(4)).chunks
    return ChunkPart(chunk=chunk)


def _ids(pieces: list[ChunkPart]) -> list[list[str]]:
    return [[job.job_id for job in piece.chunk.jobs] for piece in pieces]


def test_halves(piece: ChunkPart) -> None:
    """A piece that was begun comes back in halves, without what is committed."""
    ((a, b, c, d),) = _ids([piece])
    assert _ids(piece.after_loss(set(), is_begun=True)) == [[a, b], [c, d]]
    assert _ids(piece.after_loss({a}, is_begun=True)) == [[b], [c, d]]
    assert _ids(piece.after_loss({a, b, d}, is_begun=True)) == [[c]]
    assert piece.after_loss({a, b, c, d}, is_begun=True) == []


def test_innocents(piece: ChunkPart) -> None:
    """A piece that only waited on a dead worker comes back whole, as often as it takes, and is not to blame."""
    for _ in range(5):
        (back,) = piece.after_loss(set(), is_begun=False)
        assert back == piece
    assert piece.error is None


def test_the_one_to_blame(piece: ChunkPart) -> None:
    """A job that lost its worker twice while it was alone on it is given up; the deaths of others do not count."""
    half, _ = piece.after_loss(set(), is_begun=True)
    alone, _ = half.after_loss(set(), is_begun=True)
    assert (alone.deaths, alone.error) == (0, None)
    (once,) = alone.after_loss(set(), is_begun=True)
    assert once.error is None
    (twice,) = once.after_loss(set(), is_begun=True)
    assert twice.error is not None
    assert (twice.error.code, twice.error.retryable) == ("worker_lost", True)


def test_a_gpu_each() -> None:
    """Every worker sees one GPU, its own; without GPUs they see what there is."""
    made = _specifications(2, ["0", "GPU-5"])
    assert [spec["options"]["env"] for spec in made.values()] == [  # type: ignore[index]
        {"CUDA_VISIBLE_DEVICES": "0"},
        {"CUDA_VISIBLE_DEVICES": "GPU-5"},
    ]
    assert [spec["options"]["env"] for spec in _specifications(2, []).values()] == [{}, {}]  # type: ignore[index]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"runner": "abacus"}, "unknown choice 'abacus'"),
        ({"workers": 2}, "runner local has no workers"),
        ({"runner": "loop", "dask_address": "tcp://a:1"}, "runner loop has no workers"),
        ({"runner": "dask", "workers": 0}, "0 workers do no work"),
        ({"runner": "dask", "workers": 2, "dask_address": "tcp://a:1"}, "has the workers that it has"),
        ({"runner": "dask", "device": "cuda:1"}, "cannot all be cuda:1"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], what: str) -> None:
    """Options of workers are refused where there are none, or where they contradict each other."""
    with pytest.raises(UsageError, match=what):
        Options(manifest="m", store="s", **options)


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is not installed, runner dask says what to install."""
    for module in [name for name in sys.modules if name.startswith("stylize_flows.dask_runner")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"not installed: distributed .* pip install 'stylize\[dask\]'"):
        _fan_out(Options(manifest="m", store="s", runner="dask"))


def test_what_is_still_written_is_not_committed(tmp_path: Path) -> None:
    """Another worker may be writing its mark at this moment; its file has a name of its own, and may go any time."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "run-1.parquet.tmp-abc").write_bytes(b"half")
    assert committed(Files(str(tmp_path)), "run") == set()

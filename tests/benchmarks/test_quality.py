"""The table of quality metrics, of a real store."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmarks.quality import judged
from stylize_core.engine.quality import QualityMetrics
from stylize_core.engine.weights import load_weights
from stylize_core.store.store import open_store


def test_a_line_a_job(run_loop: Callable[..., Any], manifests: Any, store: Any) -> None:
    """The store's figures beside those of the unchanged contents, whose structure is 1; the cost of judging."""
    rows = [{**row, "id": f"row-{place}"} for place, row in enumerate(manifests.rows(2))]
    assert run_loop(manifests.write(rows)).code == 0
    table = judged(
        open_store(str(store.folder), create=False), QualityMetrics(load_weights("builtin"), torch.device("cpu"))
    )
    assert table["id"].tolist() == ["row-0", "row-1"]
    assert table["content's ssim"].tolist() == pytest.approx([1, 1])
    assert sorted(table["gram"]) == pytest.approx(sorted(store.lines["quality_gram"]))
    assert (table["content's gram"] > 0).all()
    assert (table["ms"] > 0).all()

"""Prints the quality metrics of every job of a store, those of its unchanged content, and the cost of judging.

    python -m benchmarks.quality STORE --weights builtin

The unchanged content shows which values are far from the style: its structure is 1, its palette and texture are its
own. The last two columns are the milliseconds of a judgement, with the style's part cached, and its share of the job's
time.
"""

import argparse
import json
import time

import pandas as pd
import pyarrow as pa
import torch

from stylize_core.engine.quality import QualityMetrics
from stylize_core.engine.weights import load_weights
from stylize_core.files.files import Files
from stylize_core.files.inputs import read_input
from stylize_core.images.decode import decode
from stylize_core.images.encode import to_8bit
from stylize_core.images.resize import content_tensor, style_tensor
from stylize_core.record.rows import RunRows
from stylize_core.record.run_files import latest_run
from stylize_core.settings import Settings
from stylize_core.store.ledger import live_results
from stylize_core.store.records import QUALITY
from stylize_core.store.store import open_store


def judged(files: Files, judge: QualityMetrics) -> pd.DataFrame:
    """Returns a line per job of the newest run, in the manifest's order."""
    plan = pa.concat_tables(RunRows(files, latest_run(files)).tables("id", "job_id", "content", "style")).to_pandas()
    lines = live_results(files).to_pandas().set_index("job_id")
    found = []
    for row in plan.dropna(subset=["job_id"]).drop_duplicates("job_id").itertuples():
        line = lines.loc[row.job_id]
        settings, shape = Settings.from_dict(json.loads(line["settings"])), (int(line["height"]), int(line["width"]))
        content, style = (decode(read_input(uri), uri) for uri in (row.content, row.style))
        image = content_tensor(content, *shape, settings.fit)
        seen = style_tensor(style, settings.style_edge(*shape), settings.style_fit, *shape)
        judge.judge(to_8bit(image), image, seen, row.job_id)  # caches the style's part
        began = time.perf_counter()
        before = judge.judge(to_8bit(image), image, seen, row.job_id)
        seconds = time.perf_counter() - began
        found.append(
            {
                "id": row.id,
                **{figure: line[f"quality_{figure}"] for figure in QUALITY},
                **{f"content's {figure}": getattr(before, figure) for figure in QUALITY},
                "ms": 1e3 * seconds,
                "% of the job": 100 * seconds / line["seconds"],
            }
        )
    return pd.DataFrame(found)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--weights", default="builtin")
    arguments = parser.parse_args()
    judge = QualityMetrics(load_weights(arguments.weights), torch.device("cpu"))
    print(judged(open_store(arguments.store, create=False), judge).to_string(index=False, float_format="{:.3f}".format))


if __name__ == "__main__":
    main()

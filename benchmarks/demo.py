"""Prints for every job of a store how far its style loss fell and how close its content stayed, against noise.

    python -m benchmarks.demo STORE --weights builtin

Style: the final style term (of the 8-bit image) divided by the term at step 0. Content: the final content term divided
by that of uniform noise of the same size. The network runs in float32, whatever the run used.
"""

import argparse
import json

import pandas as pd
import pyarrow as pa
import torch

from stylize_core.engine.engine import Engine
from stylize_core.engine.pair import Pair
from stylize_core.engine.weights import load_weights
from stylize_core.files.files import Files
from stylize_core.files.inputs import read_input
from stylize_core.images.decode import decode
from stylize_core.images.resize import content_tensor
from stylize_core.record.rows import RunRows
from stylize_core.record.run_files import latest_run
from stylize_core.settings import Settings
from stylize_core.store.ledger import live_results, read_metrics
from stylize_core.store.store import open_store


def judge(files: Files, engine: Engine) -> pd.DataFrame:
    """Returns a line per job of the newest run: both ratios and the seconds."""
    tables = RunRows(files, latest_run(files)).tables("id", "job_id", "content")
    plan = pa.concat_tables(tables).to_pandas().dropna(subset=["job_id"]).drop_duplicates("job_id").set_index("job_id")
    live = live_results(files)
    first = read_metrics(files, live).to_pandas().query("step == 0").set_index("job_id")
    lines = []
    for line in live.to_pylist():
        settings = Settings.from_dict(json.loads(line["settings"]))
        content = decode(read_input(plan.content[line["job_id"]]), "content")
        image = content_tensor(content, line["height"], line["width"], settings.fit)
        objective = engine.objective([Pair(settings=settings, content=image, style=image, style_key=line["job_id"])])
        with torch.no_grad():
            noise = objective(torch.rand(image.shape, generator=torch.Generator().manual_seed(0))[None]).stacked()[0]
        lines.append(
            {
                "id": plan.id[line["job_id"]],
                "style / start": line["final_style"] / first["style"][line["job_id"]],
                "content / noise": line["final_content"] / float(noise[objective.columns.index("content")]),
                "seconds": line["seconds"],
            }
        )
    return pd.DataFrame(lines)


def main() -> None:
    """Prints the table and its worst values."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--weights", default="builtin")
    arguments = parser.parse_args()
    engine = Engine(load_weights(arguments.weights), device=torch.device("cpu"), precision="float32")
    table = judge(open_store(arguments.store, create=False), engine)
    print(table.to_string(index=False, float_format="{:.4f}".format))
    worst = table[["style / start", "content / noise"]].max()
    print(f"worst: style {worst.iloc[0]:.4f} of its start, content {worst.iloc[1]:.4f} of a noise image's")


if __name__ == "__main__":
    main()

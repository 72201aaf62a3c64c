"""Draws the rows of a manifest side by side, with seconds and quality metrics, for docs/pictures.md.

python -m benchmarks.pictures manifests/style-losses.csv --size 192 --output docs/pictures/style-losses.jpg
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image, ImageDraw, ImageFont

from stylize_core.engine.engine import Engine
from stylize_core.engine.optimise import Optimised
from stylize_core.engine.pair import Pair
from stylize_core.engine.weights import load_weights
from stylize_core.images.decode import decode
from stylize_core.images.resize import content_tensor, style_tensor
from stylize_core.manifest.manifest import Manifest
from stylize_core.manifest.row import Row
from stylize_core.settings import Settings
from stylize_core.shapes import output_shape

CELL, LINE, GAP = 224, 16, 4  # pixels


class Asked(NamedTuple):
    """A row of a manifest."""

    name: str
    content: str
    style: str
    settings: Settings


def rows_of(path: str, size: int | None, chosen: slice) -> list[Asked]:
    """Returns rows of a manifest, with another long edge if one is given."""
    with open(path, "rb") as file:
        rows = [row for row in Manifest(file, path) if isinstance(row, Row)][chosen]
    edges = {} if size is None else {"size": size, "style_size": size}
    return [Asked(row.id or "", row.content, row.style, replace(row.settings, **edges)) for row in rows]


def pair_of(row: Asked) -> Pair:
    """Returns the tensors of a row."""
    content, style = (decode(Path(path).read_bytes(), path) for path in (row.content, row.style))
    shape = output_shape(*content.rgb.size, row.settings.size, row.settings.fit)
    return Pair(
        settings=row.settings,
        content=content_tensor(content, *shape, row.settings.fit),
        style=style_tensor(style, row.settings.style_edge(*shape), row.settings.style_fit, *shape),
        style_key=f"{row.style} {row.content}",
    )


def made(rows: Sequence[Asked], weights: str) -> Iterator[tuple[str, Optimised, float]]:
    """Yields each row's name, result and processor seconds; computes in float32, one row after the other."""
    engine = Engine(load_weights(weights), device=torch.device("cpu"), precision="float32")
    for row in rows:
        start = time.process_time()
        (found,) = engine.optimise([pair_of(row)])
        engine.forget_styles()
        yield row.name, found, time.process_time() - start


def cell(name: str, found: Optimised, seconds: float) -> Image.Image:
    """Returns an image with its name and figures below it."""
    image = Image.fromarray(found.image.permute(1, 2, 0).numpy())
    image.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
    drawn = Image.new("RGB", (CELL, image.height + 2 * LINE), "white")
    drawn.paste(image)
    quality, font = found.quality, ImageFont.load_default(11)
    figures = f"ssim {quality.ssim:.2f}  gram {quality.gram:.3f}  colour {quality.colour:.2f}  {seconds:.0f} s"
    for line, text in enumerate((name.rpartition("--")[2], figures)):
        ImageDraw.Draw(drawn).text((0, image.height + line * LINE), text, "black", font)
    return drawn


def sheet_of(cells: Sequence[Image.Image], columns: int) -> Image.Image:
    """Returns cells side by side, each row as high as its highest."""
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    heights = [max(one.height for one in row) + GAP for row in rows]
    sheet = Image.new("RGB", (columns * (CELL + GAP), sum(heights)), "white")
    for number, row in enumerate(rows):
        for place, one in enumerate(row):
            sheet.paste(one, (place * (CELL + GAP), sum(heights[:number])))
    return sheet


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a line per row, and writes the picture after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest")
    parser.add_argument("--size", type=int, help="long edge in pixels, instead of the manifest's")
    parser.add_argument("--rows", default=":", help="slice of rows, such as 9:18")
    parser.add_argument("--columns", type=int, default=5)
    parser.add_argument("--weights", default="builtin")
    parser.add_argument("--output", required=True)
    given = parser.parse_args(arguments)
    chosen = slice(*(int(edge) if edge else None for edge in given.rows.split(":")))
    rows, cells = rows_of(given.manifest, given.size, chosen), []
    os.makedirs(os.path.dirname(given.output) or ".", exist_ok=True)
    for name, found, seconds in made(rows, given.weights):
        quality = found.quality
        print(f"{name:44} {seconds:6.1f} s  {quality.ssim:.3f}  {quality.gram:.3f}  {quality.colour:.3f}", flush=True)
        cells.append(cell(name, found, seconds))
        sheet_of(cells, min(given.columns, len(rows))).save(given.output, quality=88)


if __name__ == "__main__":
    main()

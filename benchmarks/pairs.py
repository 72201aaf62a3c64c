"""The pictures that the programs use, and the objective that they share with the reference."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from benchmarks.reference import CONTENT_LAYER, CONTENT_WEIGHT, STYLE_LAYERS, STYLE_WEIGHT
from stylize_core.engine.pair import Pair
from stylize_core.images.decode import decode
from stylize_core.images.resize import content_tensor, style_tensor
from stylize_core.settings import Settings
from stylize_core.shapes import output_shape

IMAGES = Path(__file__).parents[1] / "manifests" / "images"

Files = tuple[Path, Path]
"""Content and style."""

NAMES = (
    ("astronaut", "waves"),
    ("cat", "mosaic"),
    ("coffee", "ihc"),
    ("motorcycle", "grass"),
    ("rocket", "colorwheel"),
    ("retina", "brick"),
)
"""Content and style of the default pairs; `python manifests/make_images.py` writes them."""

OBJECTIVE: Mapping[str, object] = MappingProxyType(
    {
        "fit": "crop",
        "style_size": None,
        "style_fit": "keep",
        "content_layers": CONTENT_LAYER,
        "style_layers": " ".join(STYLE_LAYERS),
        "content_weight": CONTENT_WEIGHT,
        "style_weight": STYLE_WEIGHT,
        "tv_weight": 0.0,
        "form": "mean",
        "feature_scale": 1.0,
        "pooling": "max",
        "keep": "last",
    }
)
"""The settings that give the engine the reference's problem, on size x size pixels, without a choice of method."""


def find_pairs(folder: Path | None, count: int) -> list[Files]:
    """Returns up to `count` pairs of files.

    Args:
        folder: with your own pictures, `content*` and `style*`: the k-th content by name is paired with the k-th
            style; if there are fewer styles, they repeat. None takes the default pairs.
        count: most pairs.

    Raises:
        SystemExit: there are no pictures.
    """
    if folder is None:
        found = [(IMAGES / f"{content}.png", IMAGES / f"{style}.png") for content, style in NAMES]
        missing = [path for pair in found for path in pair if not path.is_file()]
        if missing:
            raise SystemExit(f"{missing[0]} is missing: run python manifests/make_images.py, or give --images FOLDER")
    else:
        contents, styles = sorted(folder.glob("content*")), sorted(folder.glob("style*"))
        if not (contents and styles):
            raise SystemExit(f"{folder} needs pictures named content* and style*")
        found = [(content, styles[k % len(styles)]) for k, content in enumerate(contents)]
    return found[:count]


def name_of(files: Files) -> str:
    """Returns `content--style`."""
    return "--".join(path.stem for path in files)


def load_pair(files: Files, settings: Settings) -> Pair:
    """Returns the tensors of one content and style as a job with these settings would get them."""
    content, style = (decode(path.read_bytes(), str(path)) for path in files)
    height, width = output_shape(*content.rgb.size, settings.size, settings.fit)
    return Pair(
        settings=settings,
        content=content_tensor(content, height, width, settings.fit),
        style=style_tensor(style, settings.style_edge(height, width), settings.style_fit, height, width),
        style_key=str(files[1]),
    )


def load_batch(files: Sequence[Files], settings: Settings, batch: int) -> list[Pair]:
    """Returns a batch of pairs; if there are fewer files, they repeat."""
    loaded = [load_pair(pair, settings) for pair in files[:batch]]
    return [loaded[k % len(loaded)] for k in range(batch)]

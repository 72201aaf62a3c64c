"""Commands that make things for a run: manifests, weights, a look at the presets."""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from stylize_core.errors import UsageError

app = App(name="weights", help="Look at networks, and make the normalised one of the paper.", help_format="plaintext")


@contextmanager
def manifest_or_pair(
    manifest: str | None, content: str | None, style: str | None, settings: Mapping[str, str] | None
) -> Iterator[str]:
    """Gives the path of the manifest, or of one made for a single pair.

    Raises:
        UsageError: both or neither were given.
    """
    from stylize_core.manifest import write_manifest

    if manifest is not None:
        if content or style or settings:
            raise UsageError("a manifest and a single pair were given", where="--content", todo="give one of the two")
        yield manifest
        return
    if not (content and style):
        raise UsageError("there is nothing to stylise", todo="name a manifest, or --content FILE and --style FILE")
    with tempfile.TemporaryDirectory(prefix="stylize-") as folder:
        path = Path(folder, "pair.csv")
        absolute = {"content": _absolute(content), "style": _absolute(style)}
        try:
            path.write_bytes(write_manifest([{**(settings or {}), **absolute}], None))
        except ValueError as error:
            raise UsageError(str(error), where="--set", todo="see `stylize presets` for the settings") from error
        yield str(path)


def _absolute(path: str) -> str:
    return path if "://" in path else str(Path(path).absolute())


def cross(
    *,
    content: Annotated[list[str] | None, Parameter(help="Images, folders or patterns.", consume_multiple=True)] = None,
    style: Annotated[list[str] | None, Parameter(help="Images, folders or patterns.", consume_multiple=True)] = None,
    styles_per_content: Annotated[
        int | None, Parameter(help="So many random styles for each content; every style unless given.")
    ] = None,
    seed: Annotated[int, Parameter(help="Of the random styles.")] = 0,
    sweep: Annotated[
        dict[str, str] | None,
        Parameter(help="Values to try, such as --sweep.style_weight 1e5,1e6; several make a grid."),
    ] = None,
    set: Annotated[dict[str, str] | None, Parameter(help="A column for every row, such as --set.size 256.")] = None,
    from_image: Annotated[
        Path | None, Parameter(help="Write the row that makes this result image again, in place of a cross.")
    ] = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="Manifest; printed unless given.")] = None,
) -> int:
    """Write a manifest: every pair of contents and styles, random pairs, or sweeps over settings."""
    from stylize_core.manifest import cross as make_cross
    from stylize_core.manifest import folder_of, images_in, write_manifest

    if from_image:
        rows = [_row_of(from_image)]
    elif content and style:
        contents, styles = ([path for name in names for path in images_in(name)] for names in (content, style))
        rows = make_cross(
            contents,
            styles,
            styles_per_content=styles_per_content,
            seed=seed,
            sweeps={name: values.split(",") for name, values in (sweep or {}).items()},
            columns=set or {},
        )
    else:
        raise UsageError("a cross needs contents and styles", todo="give --content and --style, or --from-image FILE")
    if output is None:
        sys.stdout.write(write_manifest(rows, None).decode())
        return 0
    try:
        output.write_bytes(write_manifest(rows, folder_of(str(output))))
    except OSError as error:
        raise UsageError(f"the manifest cannot be written: {error.strerror}", where=str(output)) from error
    print(f"{len(rows):,} rows: {output}")  # noqa: T201
    return 0


def _row_of(image: Path) -> dict[str, str]:
    from stylize_core.engine.encode import read_metadata
    from stylize_core.manifest import row_from_settings
    from stylize_core.settings import Settings
    from stylize_core.store.inputs import read_input

    record = read_metadata(read_input(str(image))).get("stylize")
    if record is None:
        raise UsageError("the image holds no settings", where=str(image), todo="name an image of a store, unchanged")
    made = json.loads(record)
    return row_from_settings(made["content"], made["style"], made["init"], Settings.from_dict(made["settings"]))


def presets(name: Annotated[str | None, Parameter(help="Show one preset whole.")] = None, /) -> int:
    """List the presets, or every value of one with where it comes from."""
    from flows.console import out, table
    from stylize_core.presets import PRESETS, resolve
    from stylize_core.settings import SPECS

    if name is None:
        out.print(table(("preset", "what it is"), [(preset.name, preset.summary) for preset in PRESETS.values()]))
        return 0
    values = resolve(name, {}).to_dict()
    preset = PRESETS[name]
    rows = [(spec.name, values[spec.name], preset.origin(spec.name), spec.allowed) for spec in SPECS]
    out.print(f"{preset.name}: {preset.summary}")
    out.print(table(("setting", "value", "from", "allowed"), rows))
    return 0


@app.command
def show(name: Annotated[str, Parameter(help="imagenet, builtin, or a file.")] = "imagenet", /) -> int:
    """Load weights and tell what they are."""
    from flows.console import out
    from stylize_core.engine.weights import load_weights

    weights = load_weights(name, progress=True)
    out.print(f"{weights.name}: sha256 {weights.sha256}, layers conv1_1 to {weights.reach[-1]}", soft_wrap=True)
    return 0


@app.command
def normalise(
    *,
    images: Annotated[str, Parameter(help="Folder or pattern of photographs to measure activations on.")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The .safetensors file to write.")],
    weights: Annotated[str, Parameter(help="imagenet, builtin, or a file.")] = "imagenet",
    pooling: Annotated[str, Parameter(help="max or average.")] = "average",
    size: Annotated[int, Parameter(help="Long edge at which the images are seen.")] = 256,
) -> int:
    """Make the normalised network of Gatys et al.: every filter's mean activation over the images becomes 1."""
    from flows.console import out
    from stylize_core.engine.decode import decode
    from stylize_core.engine.normalise import normalise as make_normalised
    from stylize_core.engine.normalise import save_weights
    from stylize_core.engine.resize import style_tensor
    from stylize_core.engine.weights import load_weights
    from stylize_core.manifest import images_in
    from stylize_core.store.inputs import read_input

    if pooling not in ("max", "average"):
        raise UsageError(f"unknown pooling {pooling!r}", where="--pooling", todo="use max or average")
    network, paths = load_weights(weights, progress=True), images_in(images)
    pictures = (style_tensor(decode(read_input(path), path), size, "keep", size, size) for path in paths)
    save_weights(output, make_normalised(network, pictures, pooling))
    out.print(f"normalised on {len(paths)} images: {output}", soft_wrap=True)
    return 0

"""Commands that make things for a run: manifests, weights, a look at the presets."""

import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from flows.console import counted, out, show_table
from flows.pair import SetOption, values
from stylize_core.errors import InputError, UsageError
from stylize_core.job import public_uri

app = App(name="weights", help="Look at networks, and make the normalised one of the paper.", help_format="plaintext")


Images = Annotated[
    list[str] | None,
    Parameter(help="Images, folders or quoted patterns.", consume_multiple=True, negative="", show_default=False),
]


def cross(
    *,
    content: Images = None,
    style: Images = None,
    styles_per_content: Annotated[
        int | None,
        Parameter(help="So many random styles for each content; every style unless given.", show_default=False),
    ] = None,
    seed: Annotated[int, Parameter(help="Of the random styles.")] = 0,
    sweep: Annotated[
        list[str] | None,
        Parameter(
            help="Values to try, such as: --sweep style_weight=1e5,1e6 steps=100,300; several settings make a grid.",
            consume_multiple=True,
            negative="",
            show_default=False,
        ),
    ] = None,
    set: SetOption = None,
    from_image: Annotated[
        str | None,
        Parameter(help="Write the row that makes this result image again, in place of a cross.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        Parameter(name=["--output", "-o"], help="The manifest to write; printed unless given.", show_default=False),
    ] = None,
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
            sweeps={name: tried.split(",") for name, tried in values(sweep, "--sweep").items()},
            columns=values(set, "--set"),
        )
    else:
        what = "a cross needs contents and styles"
        raise UsageError(what, where="stylize cross", todo="give --content and --style, or --from-image FILE")
    if output is None:
        sys.stdout.write(write_manifest(rows, None).decode())
        return 0
    try:
        output.write_bytes(write_manifest(rows, folder_of(str(output))))
    except OSError as error:
        what = f"the manifest cannot be written: {error.strerror}"
        raise UsageError(what, where=str(output), todo="name a file in a folder that you may write") from error
    out.print(f"{counted(len(rows), 'row')}: {output}", markup=False, soft_wrap=True)
    return 0


def _row_of(image: str) -> dict[str, str]:
    from stylize_core.engine.encode import read_metadata
    from stylize_core.manifest import row_from_settings
    from stylize_core.settings import Settings
    from stylize_core.store.inputs import read_input

    advice = "name a result of a store, as it was written there"
    try:
        record = read_metadata(read_input(image)).get("stylize")
    except InputError as error:
        raise UsageError(error.what, where=public_uri(image), todo=advice) from error
    if record is None:
        raise UsageError("the image holds no settings", where=public_uri(image), todo=advice)
    made = json.loads(record)
    return row_from_settings(made["content"], made["style"], made["init"], Settings.from_dict(made["settings"]))


def presets(name: Annotated[str | None, Parameter(help="Show one preset whole.")] = None, /) -> int:
    """List the presets, or every value of one with where it comes from."""
    from stylize_core.presets import PRESETS, resolve
    from stylize_core.settings import SPECS

    if name is None:
        show_table(("preset", "what it is"), [(preset.name, preset.summary) for preset in PRESETS.values()])
        return 0
    resolved = resolve(name, {}).to_dict()
    preset = PRESETS[name]
    rows = [(spec.name, resolved[spec.name], preset.origin(spec.name), spec.allowed) for spec in SPECS]
    out.print(f"{preset.name}: {preset.summary}", soft_wrap=True)
    show_table(("setting", "value", "from", "allowed"), rows)
    return 0


@app.command
def show(name: Annotated[str, Parameter(help="imagenet, builtin, or a file.")] = "imagenet", /) -> int:
    """Load weights and tell what they are."""
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
    out.print(f"normalised on {counted(len(paths), 'image')}: {output}", soft_wrap=True)
    return 0

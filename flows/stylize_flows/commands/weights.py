"""`stylize weights`: shows networks, and makes the normalised one of the paper."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from stylize_core.errors import UsageError
from stylize_core.wording import plural
from stylize_flows.console import out, show_note

app = App(name="weights", help="Show networks, and make the normalised one of the paper.", help_format="plaintext")


@app.command
def show(name: Annotated[str, Parameter(help="imagenet, builtin, or a file.")] = "imagenet", /) -> int:
    """Load weights and show what they are."""
    from stylize_core.engine.weights import load_weights

    weights = load_weights(name, progress=True)
    out.print(f"{weights.name}: sha256 {weights.sha256}, layers conv1_1 to {weights.reach[-1]}", soft_wrap=True)
    return 0


@app.command
def normalise(
    *,
    images: Annotated[str, Parameter(help="Folder or pattern of photographs on which to measure activations.")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The .safetensors file to write.")],
    weights: Annotated[str, Parameter(help="imagenet, builtin, or a file.")] = "imagenet",
    pooling: Annotated[str, Parameter(help="max or average.")] = "average",
    size: Annotated[int, Parameter(help="Long edge to which the images are resized, in pixels.")] = 256,
) -> int:
    """Make the normalised network of Gatys et al.: every filter's mean activation over the images becomes 1."""
    from stylize_core.engine.normalise import normalise as make_normalised
    from stylize_core.engine.normalise import save_weights
    from stylize_core.engine.weights import load_weights
    from stylize_core.files.inputs import read_input
    from stylize_core.images.decode import decode
    from stylize_core.images.resize import style_tensor
    from stylize_core.manifest.find_images import images_in

    if pooling not in ("max", "average"):
        raise UsageError(f"unknown pooling {pooling!r}", where="--pooling", todo="use max or average")
    network, paths = load_weights(weights, progress=True), images_in(images, show_note)
    pictures = (style_tensor(decode(read_input(path), path), size, "keep", size, size) for path in paths)
    save_weights(output, make_normalised(network, pictures, pooling))
    out.print(f"normalised on {plural(len(paths), 'image')}: {output}", soft_wrap=True)
    return 0

"""`stylize cross`: manifests from folders, class trees and sweeps, or from a result."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from stylize_core.control_codes import escape_controls
from stylize_core.errors import InputError, UsageError
from stylize_core.job import LOST_QUERY, public_uri
from stylize_core.wording import plural
from stylize_flows.commands.pair import SetOption, values
from stylize_flows.console import out, show_note
from stylize_flows.output import write_out


def _images(help: str) -> Parameter:
    return Parameter(help=help, consume_multiple=True, negative="", show_default=False)


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Options for random styles and splits; the help explains each."""

    styles_per_content: Annotated[
        int | None,
        Parameter(help="Number of random styles for each content; all styles unless given.", show_default=False),
    ] = None
    seed: Annotated[int, Parameter(help="Seed of all random choices: styles and splits.")] = 0
    val_style: Annotated[
        list[str] | None, _images("Styles for validation and test contents only, never for training.")
    ] = None
    disjoint_styles: Annotated[
        float | None,
        Parameter(help="Instead of --val-style: reserve this share of --style, such as 0.1.", show_default=False),
    ] = None
    split: Annotated[
        float | None,
        Parameter(help="Share of each class that becomes the validation split, such as 0.1.", show_default=False),
    ] = None


ALL = Draw()
"""Every style for each content, and no splits except those from folders."""


def cross(
    *,
    content: Annotated[
        list[str] | None,
        _images("Images, folders, quoted patterns, or class trees: CLASS/FILE or SPLIT/CLASS/FILE."),
    ] = None,
    style: Annotated[list[str] | None, _images("Images, folders or quoted patterns.")] = None,
    draw: Draw = ALL,
    sweep: Annotated[
        list[str] | None,
        Parameter(
            help="Values to try, such as: --sweep style_weight=20,100 steps=100,300; several settings make a grid.",
            consume_multiple=True,
            negative="",
            show_default=False,
        ),
    ] = None,
    set: SetOption = None,
    from_image: Annotated[
        str | None,
        Parameter(help="Instead of a cross, write the row that made this result image.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        Parameter(name=["--output", "-o"], help="The manifest to write; printed unless given.", show_default=False),
    ] = None,
) -> int:
    """Write a manifest: every pair of contents and styles, random pairs, or sweeps over settings."""
    if from_image:
        rows = [_row_of(from_image)]
    elif content and style:
        rows = _crossed(
            content,
            style,
            draw,
            {name: tried.split(",") for name, tried in values(sweep, "--sweep").items()},
            values(set, "--set"),
        )
    else:
        what = "a cross needs contents and styles"
        raise UsageError(what, where="stylize cross", todo="give --content and --style, or --from-image FILE")
    _write(rows, output)
    return 0


def _write(rows: list[dict[str, str]], output: Path | None) -> None:
    """Writes a manifest to a file, or prints it."""
    from stylize_core.manifest.paths import folder_of
    from stylize_core.manifest.write import write_manifest

    if output is None:
        data = write_manifest(rows, None)
        write_out(escape_controls(data.decode(), keep="\r\n").encode() if sys.stdout.isatty() else data)
        return
    try:
        output.write_bytes(write_manifest(rows, folder_of(str(output))))
    except OSError as error:
        what = f"the manifest cannot be written: {error.strerror}"
        raise UsageError(what, where=str(output), todo="name a file in a folder that you can write to") from error
    out.print(f"{plural(len(rows), 'row')}: {output}", soft_wrap=True)


def _crossed(
    content: list[str], style: list[str], draw: Draw, sweeps: dict[str, list[str]], columns: dict[str, str]
) -> list[dict[str, str]]:
    from stylize_core.manifest.cross import cross as make_cross
    from stylize_core.manifest.find_images import contents_in, images_in
    from stylize_core.manifest.splits import part_styles, split_off

    contents = [one for name in content for one in contents_in(name, show_note)]
    styles, val_styles = (
        [path for name in names for path in images_in(name, show_note)] for names in (style, draw.val_style or [])
    )
    if draw.split is not None:
        contents = split_off(contents, draw.split, draw.seed)
    if draw.disjoint_styles is not None and val_styles:
        what = "validation styles are both given and drawn at random"
        raise UsageError(what, where="--val-style, --disjoint-styles", todo="give one of the two")
    if draw.disjoint_styles is not None:
        styles, val_styles = part_styles(styles, draw.disjoint_styles, draw.seed)
    return make_cross(
        contents,
        styles,
        val_styles=val_styles,
        styles_per_content=draw.styles_per_content,
        seed=draw.seed,
        sweeps=sweeps,
        columns=columns,
    )


def _row_of(image: str) -> dict[str, str]:
    from stylize_core.files.inputs import read_input
    from stylize_core.images.encode import read_metadata
    from stylize_core.manifest.write import row_from_settings
    from stylize_core.settings import Settings

    advice = "name a result of a store, as it was written there"
    try:
        record = read_metadata(read_input(image)).get("stylize")
    except InputError as error:
        raise UsageError(error.what, where=public_uri(image), todo=advice) from error
    if record is None:
        raise UsageError("the image contains no settings", where=public_uri(image), todo=advice)
    made = json.loads(record)
    for column in ("content", "style", "init"):
        if (made[column] or "").endswith(LOST_QUERY):
            show_note(
                f"before you run the row, write the query of {column} again: images do not keep it, it may be a secret"
            )
    return row_from_settings(made["content"], made["style"], made["init"], Settings.from_dict(made["settings"]))

"""Descriptions of an export's columns, for its card and its Croissant file."""

from stylize_core.settings import SETTING_FIELDS
from stylize_core.terms import LOSSES

MEANINGS = {
    "path": "path of the image in a class tree; unique",
    "content_path": "path of the content's image in a class tree",
    "class": "name of the class",
    "label": "number of the class, from 0 in the order of the classes' folders",
    "split": "train, val, test, or a custom name",
    "id": "id of the manifest's row; empty if it has none",
    "row": "number of the manifest's row, from 1",
    "job_id": "hash of everything that determines the pixels",
    "content": "the content image, as the manifest names it",
    "content_sha256": "sha256 of the content's file",
    "style": "the style image, as the manifest names it",
    "style_sha256": "sha256 of the style's file",
    "init": "the start image, as the manifest names it; empty if there is none",
    "preset": "source of the settings that the manifest does not give",
    **{spec.name: f"setting: {spec.help}" for spec in SETTING_FIELDS},
    "weights_sha256": "sha256 of the network's weights",
    "width": "width of the image in pixels",
    "height": "height of the image in pixels",
    "precision": "precision of the computation",
    **{f"final_{loss}": f"loss at the end: {loss}" for loss in LOSSES},
    "image_sha256": "sha256 of the image's file",
    "bytes": "size of the image's file in bytes",
}
"""Description by column, without the manifest's own `x_` columns."""


def meaning(column: str) -> str:
    """Returns the description of a column."""
    if column.startswith("x_"):
        return "the manifest's own column"
    return MEANINGS.get(column) or column.replace("_", " ")

"""What the columns of an export mean, in words; for its card and its Croissant description."""

from stylize_core.settings import SETTING_FIELDS
from stylize_core.terms import LOSSES

MEANINGS = {
    "path": "of the image in a class tree; names it",
    "content_path": "of the content's image in a class tree",
    "class": "name of the class",
    "label": "number of the class, from 0 in the order of the classes' folders",
    "split": "train, val, test, or a name of one's own",
    "id": "of the manifest's row; empty where it has none",
    "row": "of the manifest, from 1",
    "job_id": "hash of all that decides the pixels",
    "content": "the content image, as the manifest names it",
    "content_sha256": "of its file",
    "style": "the style image, as the manifest names it",
    "style_sha256": "of its file",
    "init": "the start image, as the manifest names it; empty where there is none",
    "preset": "where settings come from that the manifest does not give",
    **{spec.name: f"setting: {spec.help}" for spec in SETTING_FIELDS},
    "weights_sha256": "of the network's weights",
    "width": "pixels",
    "height": "pixels",
    "precision": "of the computation",
    **{f"final_{loss}": f"loss at the end: {loss}" for loss in LOSSES},
    "image_sha256": "of the image's file",
    "bytes": "of the image's file",
}
"""By column; those that start with `x_` are the manifest's own."""


def meaning(column: str) -> str:
    """Returns what a column means."""
    if column.startswith("x_"):
        return "the manifest's own column"
    return MEANINGS.get(column) or column.replace("_", " ")

"""Manifests: CSV or Parquet in, validated rows and problems out; new manifests from folders, sweeps and settings."""

from stylize_core.manifest.columns import column_dictionary
from stylize_core.manifest.cross import cross
from stylize_core.manifest.listing import Content, contents_in, images_in
from stylize_core.manifest.manifest import Manifest, RejectedRow
from stylize_core.manifest.paths import folder_of
from stylize_core.manifest.problems import Problem, format_problems
from stylize_core.manifest.row import Row
from stylize_core.manifest.splits import part_styles, split_off
from stylize_core.manifest.write import row_from_settings, write_manifest

__all__ = [
    "Content",
    "Manifest",
    "Problem",
    "RejectedRow",
    "Row",
    "column_dictionary",
    "contents_in",
    "cross",
    "folder_of",
    "format_problems",
    "images_in",
    "part_styles",
    "row_from_settings",
    "split_off",
    "write_manifest",
]

"""Data sets out of a store: class trees, WebDataset shards, Parquet; each image with all that made it."""

from stylize_core.export.export import Exported, Watch, export
from stylize_core.export.formats import FormatName
from stylize_core.export.shards import ShardSize

__all__ = ["Exported", "FormatName", "ShardSize", "Watch", "export"]

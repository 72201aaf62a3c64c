"""Writes the columns of samples to a separate Parquet file, for formats with images in other files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa

from stylize_core.export.sample import CONTENT_IMAGE, Sample
from stylize_core.files.files import Files
from stylize_core.store.tables import publish_batches

_GROUP = 1000
"""Lines of a row group, all in memory: a few kilobytes each."""

_FILE_NAMES = {"file_name": "path", f"{CONTENT_IMAGE}_file_name": "content_path"}
"""Columns that `datasets` loads as images, the result first, and the columns that they take their paths from."""


def publish_columns(output: Files, path: str, samples: Iterable[Sample], schema: pa.Schema, *, below: str = "") -> None:
    """Writes the columns of samples.

    Args:
        output: the export's folder.
        path: of the new file in it.
        samples: in order.
        schema: of their columns.
        below: a folder; if given, the first columns have the paths of the files relative to it, by which the library
            `datasets` finds images.
    """
    names = [name for name, path in _FILE_NAMES.items() if below and path in schema.names]
    whole = pa.schema([*((name, pa.string()) for name in names), *schema])
    publish_batches(output, path, whole, _batches(samples, whole, names, below))


def _batches(
    samples: Iterable[Sample], schema: pa.Schema, names: Sequence[str], below: str
) -> Iterator[pa.RecordBatch]:
    lines = (_file_names(sample.columns, names, below) | sample.columns for sample in samples)
    while group := list(islice(lines, _GROUP)):
        yield pa.RecordBatch.from_pylist(group, schema=schema)


def _file_names(columns: Mapping[str, Any], names: Sequence[str], below: str) -> dict[str, Any]:
    return {name: columns[_FILE_NAMES[name]].removeprefix(f"{below}/") for name in names}

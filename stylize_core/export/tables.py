"""The columns of samples as a Parquet file of their own, for formats that keep images elsewhere."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa

from stylize_core.export.sample import CONTENT_IMAGE, Sample
from stylize_core.files.files import Files
from stylize_core.store.tables import publish_batches

_GROUP = 1000
"""Lines of a row group, which are in memory as a whole: some kilobytes each."""

_FILE_NAMES = {"file_name": "path", f"{CONTENT_IMAGE}_file_name": "content_path"}
"""What `datasets` makes images of, the result first, and the columns whose paths they say."""


def publish_columns(output: Files, path: str, samples: Iterable[Sample], schema: pa.Schema, *, below: str = "") -> None:
    """Writes the columns of samples.

    Args:
        output: the export's folder.
        path: of the file in it.
        samples: in their order.
        schema: of their columns.
        below: a folder; where given, the first columns have the paths of the files seen from there, as the
            library `datasets` finds images by them.
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

"""The columns of samples as a Parquet file of their own, for formats that keep images elsewhere."""

from collections.abc import Iterable, Iterator
from itertools import islice

import pyarrow as pa

from stylize_core.export.catalogue import Sample
from stylize_core.files.files import Files
from stylize_core.store.tables import publish_batches

_GROUP = 1000
"""Lines of a row group, which are in memory as a whole: some kilobytes each."""


def publish_columns(output: Files, path: str, samples: Iterable[Sample], schema: pa.Schema, *, below: str = "") -> None:
    """Writes the columns of samples.

    Args:
        output: the export's folder.
        path: of the file in it.
        samples: in their order.
        schema: of their columns.
        below: a folder; where given, the first column `file_name` has the images' paths seen from there.
    """
    if below:
        schema = pa.schema([("file_name", pa.string()), *schema])
    publish_batches(output, path, schema, _batches(samples, schema, below))


def _batches(samples: Iterable[Sample], schema: pa.Schema, below: str) -> Iterator[pa.RecordBatch]:
    lines = ({"file_name": sample.path.removeprefix(f"{below}/"), **sample.columns} for sample in samples)
    while group := list(islice(lines, _GROUP)):
        yield pa.RecordBatch.from_pylist(group, schema=schema)

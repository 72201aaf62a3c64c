"""Parquet: a line a sample, its image's bytes among the columns, marked for the library `datasets`."""

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stylize_core.export.catalogue import Sample
from stylize_core.export.one_file import OneFile

_GROUP = 100
"""Lines of a row group: readers take whole groups into memory, and images are large."""

_IMAGE = pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))

_KINDS = {pa.string(): "string", pa.int64(): "int64", pa.int32(): "int32", pa.float64(): "float64"}


class Parquet(OneFile):
    """Parquet files, which hold everything."""

    suffix = ".parquet"

    def build(self, pictures: Iterable[tuple[Sample, bytes]]) -> bytes:
        """Returns a Parquet file."""
        columns = self.catalogue.schema
        features = _features(columns, list(self.catalogue.folders))
        schema = pa.schema([_IMAGE, *columns], metadata={"huggingface": json.dumps(features)})
        lines = ({"image": {"bytes": data, "path": sample.path}, **sample.columns} for sample, data in pictures)
        with TemporaryFile() as file:
            with pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=columns.names) as writer:
                while group := list(islice(lines, _GROUP)):
                    writer.write_table(pa.Table.from_pylist(group, schema=schema))
            file.seek(0)
            return file.read()

    def finish(self) -> None:
        """Nothing stands beside the shards."""


def _features(schema: pa.Schema, classes: Sequence[str]) -> dict[str, Any]:
    """Returns what `datasets` keeps in a file about its columns: which is an image, and what labels are called."""
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    features |= {column.name: {"dtype": _KINDS.get(column.type, "float32"), "_type": "Value"} for column in schema}
    features["label"] = {"names": list(classes), "_type": "ClassLabel"}
    return {"info": {"features": features}}

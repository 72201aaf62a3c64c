"""Parquet: one line per sample, with the image's bytes in a column, and with metadata for the library `datasets`."""

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stylize_core.export.one_file import OneFile
from stylize_core.export.sample import CONTENT_IMAGE, FullSample

_GROUP = 100
"""Lines of a row group: few, because readers load whole groups into memory and images are large."""

_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

_KINDS = {pa.string(): "string", pa.int64(): "int64", pa.int32(): "int32", pa.float64(): "float64"}


class Parquet(OneFile):
    """Writes Parquet files, which contain images and columns."""

    suffix = ".parquet"

    def build(self, pictures: Iterable[FullSample]) -> bytes:
        """Returns a Parquet file."""
        columns = self.catalogue.schema
        images = ["image", *([CONTENT_IMAGE] if self.catalogue.is_paired else [])]
        features = _features(images, columns, list(self.catalogue.folders))
        fields = [pa.field(name, _IMAGE) for name in images]
        schema = pa.schema([*fields, *columns], metadata={"huggingface": json.dumps(features)})
        lines = (_line(images, full) for full in pictures)
        with TemporaryFile() as file:
            with pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=columns.names) as writer:
                while group := list(islice(lines, _GROUP)):
                    writer.write_table(pa.Table.from_pylist(group, schema=schema))
            file.seek(0)
            return file.read()

    def finish(self) -> None:
        """Does nothing: there are no files beside the shards."""


def _line(images: Sequence[str], full: FullSample) -> dict[str, Any]:
    files = ({"bytes": data, "path": path} for path, data in full.files.items())
    return {**dict(zip(images, files, strict=True)), **full.sample.columns}


def _features(images: Sequence[str], schema: pa.Schema, classes: Sequence[str]) -> dict[str, Any]:
    """Returns the metadata of `datasets` about columns: which ones are images, and the names of the classes."""
    features: dict[str, Any] = {name: {"_type": "Image"} for name in images}
    features |= {column.name: {"dtype": _KINDS.get(column.type, "float32"), "_type": "Value"} for column in schema}
    features["label"] = {"names": list(classes), "_type": "ClassLabel"}
    return {"info": {"features": features}}

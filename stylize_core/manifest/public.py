"""A manifest as a run keeps it: as it was read, but without the credentials in the URLs of its images."""

import csv
import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stylize_core.job import public_uri
from stylize_core.manifest.header import is_spreadsheet_hint
from stylize_core.manifest.row import INPUT_COLUMNS


def public_copy(data: bytes, format: str) -> bytes:
    """Returns a manifest without credentials; byte by byte the same if it has none.

    Args:
        data: of a manifest that could be read.
        format: `csv` or `parquet`.
    """
    return _public_parquet(data) if format == "parquet" else _public_csv(data)


def _public_csv(data: bytes) -> bytes:
    if b"://" not in data or all(_public(record, places) == record for record, places in _records(data)):
        return data
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(_public(record, places) for record, places in _records(data))
    return text.getvalue().encode("utf-8")


def _records(data: bytes) -> Iterator[tuple[list[str], set[int]]]:
    """Yields every record that is not blank, with the positions of its image cells."""
    places: set[int] | None = None
    for record in csv.reader(io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline=""), skipinitialspace=True):
        if any(cell.strip() for cell in record):
            if places is None and not is_spreadsheet_hint(record):
                places = {place for place, cell in enumerate(record) if cell.strip() in INPUT_COLUMNS}
            yield record, places or set()


def _public(record: list[str], places: set[int]) -> list[str]:
    return [public_uri(cell) if place in places else cell for place, cell in enumerate(record)]


def _public_parquet(data: bytes) -> bytes:
    table, is_public = pq.read_table(pa.BufferReader(data)), True
    for place, name in enumerate(table.column_names):
        texts = table.column(place).cast(pa.string())
        if name.strip() in INPUT_COLUMNS and pc.any(pc.match_substring(texts, "://")).as_py():
            public = pa.chunked_array([[uri and public_uri(uri) for uri in texts.to_pylist()]], pa.string())
            is_public &= public.equals(texts)
            table = table.set_column(place, name, public)
    if is_public:
        return data
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue().to_pybytes())

"""Every row of a run in columns: what the page's table, its bands and its ranks are made from."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from stylize_core.files.files import Files
from stylize_core.job import public_uri
from stylize_core.record.rows import read_plan, read_rows
from stylize_core.record.variation import NAMES
from stylize_core.settings import SETTING_FIELDS
from stylize_core.store.live import live_lines
from stylize_core.store.records import RESULTS, ROWS, TERMS

LISTED = 100_000
"""Rows listed at most; of a larger run they lie evenly among all."""

QUALITY = tuple(name for name in ROWS.names if name.startswith("quality_"))
"""Figures of quality that this store's rows have."""

FINALS = tuple(f"final_{term}" for term in TERMS)

_PLANNED = ("row", "id", "job_id", "preset", "content", "style", "init", "settings", "digests", "cells")
_ENDED = ("status", "image", "seconds", *FINALS, *QUALITY, "error_code", "error")
_LINE = ("commit", "bytes", "width", "height", "steps", "best_step")
_NAMED = {"steps": "updates"}  # beside the setting of that name
_ARROW = {int: pa.int64(), float: pa.float64()}
_WHOLE = {pa.int64(): pd.Int64Dtype()}  # large seeds stay exact beside empty cells
_SETTINGS = pa.schema([(spec.name, _ARROW.get(spec.type, pa.string())) for spec in SETTING_FIELDS])
_DIGESTS = pa.schema([("content", pa.string()), ("weights", pa.string())])


@dataclass(frozen=True, slots=True)
class RunTable:
    """The rows of a run.

    Attributes:
        rows: a line per listed row in the manifest's order: columns of `records.ROWS`, of the plan (`preset`,
            `content`, `style` and `init` as URIs, every setting) and of the live line (`commit`, `bytes`, `width`,
            `height`, `updates`, `best_step`), `network` and `content_sha256`; texts as categories.
        total: rows of the run; more than are listed beyond `LISTED`.
    """

    rows: pd.DataFrame
    total: int

    def jobs(self) -> pd.DataFrame:
        """Returns the first row of each finished job, numbered from 0."""
        finished = self.rows[self.rows["commit"].notna()]
        return finished.drop_duplicates("job_id").reset_index(drop=True)


def read_run_table(files: Files, run: str) -> RunTable:
    """Returns the rows of a run.

    Raises:
        UsageError: there is no such run.
        StoreError: a file of the store is damaged.
    """
    ended = pa.concat_tables([table.select(_ENDED) for table in read_rows(files, run)])
    places = _places(len(ended))
    parts = list(_planned(files, run, places))
    planned = pa.concat_tables(parts).unify_dictionaries()
    lines = _lines(files, planned["job_id"])
    columns = {name: planned[name] for name in planned.column_names}
    columns |= {name: _encoded(column) for name, column in _items(ended.take(places))}
    columns |= {_NAMED.get(name, name): _encoded(column) for name, column in _items(lines)}
    return RunTable(pa.table(columns).to_pandas(types_mapper=_WHOLE.get), len(ended))


def _places(count: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, LISTED)).round().astype(np.int64))


def _planned(files: Files, run: str, places: npt.NDArray[np.int64]) -> Iterator[pa.Table]:
    """Yields the listed rows as planned, a part of the plan at a time."""
    start = 0
    for planned in read_plan(files, run, _PLANNED):
        first, last = np.searchsorted(places, (start, start + len(planned)))
        yield _columns(planned.take(places[first:last] - start))
        start += len(planned)


def _columns(planned: pa.Table) -> pa.Table:
    columns = {name: planned[name] for name in ("row", "job_id")}
    columns |= {name: _encoded(planned[name]) for name in ("id", "preset", "init")}
    columns |= {name: _encoded(_named(planned, name)) for name in ("content", "style")}
    columns |= {name: _encoded(column) for name, column in _items(_parsed(planned["settings"], _SETTINGS))}
    digests = _parsed(planned["digests"], _DIGESTS)
    return pa.table(
        {**columns, "network": _encoded(digests["weights"]), "content_sha256": _encoded(digests["content"])}
    )


def _named(planned: pa.Table, name: str) -> pa.ChunkedArray:
    """Returns an input's URI, of a rejected row what its cell says."""
    uris = planned[name].combine_chunks()
    cells = planned["cells"].filter(pc.is_null(uris)).to_pylist()
    said = [public_uri(json.loads(cell or "{}").get(name) or "") or None for cell in cells]
    return pa.chunked_array([pc.replace_with_mask(uris, pc.is_null(uris), pa.array(said, pa.string()))])


def _parsed(texts: pa.ChunkedArray, schema: pa.Schema) -> pa.Table:
    """Returns JSON objects as columns; what is not in the schema is left out."""
    if not len(texts):
        return schema.empty_table()
    lines = "\n".join(text or "{}" for text in texts.to_pylist()).encode()
    how = pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    block = pa.json.ReadOptions(use_threads=False, block_size=len(lines) + 1)
    return pa.json.read_json(io.BytesIO(lines), read_options=block, parse_options=how).select(schema.names)


def _lines(files: Files, jobs: pa.ChunkedArray) -> pa.Table:
    """Returns for each row columns of its job's live line, null where there is none."""
    schema = pa.schema([RESULTS.field(name) for name in ("job_id", *_LINE)])
    wanted = jobs.combine_chunks()
    found = [table.filter(pc.is_in(table["job_id"], value_set=wanted)) for table in live_lines(files, schema.names)]
    lines = pa.concat_tables([schema.empty_table(), *found])
    places = pc.index_in(wanted, value_set=lines["job_id"].combine_chunks())
    return lines.drop_columns(["job_id"]).take(places)


def _items(table: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray]]:
    yield from zip(table.column_names, table.columns, strict=True)


def _encoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns texts as categories; other columns as they are."""
    return column.dictionary_encode() if pa.types.is_string(column.type) else column


assert set(_SETTINGS.names) | {"preset"} == set(NAMES), "every setting is a column"

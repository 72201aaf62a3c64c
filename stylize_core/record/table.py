"""Every row of a run in columns: the data for the page's table, bands and ranks."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from stylize_core.job import public_uri
from stylize_core.manifest.header import EXTRA_PREFIX
from stylize_core.record.rows import FINISHED, RunRows
from stylize_core.record.variation import NAMES
from stylize_core.settings import NEUTRAL, SETTING_FIELDS
from stylize_core.store.records import FIGURES

LISTED = 100_000
"""Most rows to list; for a larger run they are evenly spread."""

LINE = ("commit", "bytes", "width", "height", "steps", "best_step", "device", "precision", "versions")
"""Columns of the live lines that a table needs, see `RunRows`."""

_PLANNED = ("row", "id", "job_id", "preset", "content", "style", "init", "settings", "digests", "cells")
_ENDED = ("status", "image", "seconds", *FIGURES, "error_code", "error")
_NAMED = {"steps": "updates"}  # because there is a setting of that name
_ARROW = {int: pa.int64(), float: pa.float64()}
WHOLE = {pa.int64(): pd.Int64Dtype()}  # large seeds stay exact in a column with empty cells
_SETTINGS = pa.schema([(spec.name, _ARROW.get(spec.type, pa.string())) for spec in SETTING_FIELDS])
_DIGESTS = pa.schema([("content", pa.string()), ("weights", pa.string())])
_STYLE = r'"styles": ?\[\[ ?"(?P<sha256>[0-9a-f]+)"'


@dataclass(frozen=True, slots=True)
class RunTable:
    """The rows of a run.

    Attributes:
        rows: a line per listed row in the manifest's order: columns of `records.ROWS`, of the plan (`preset`,
            `content`, `style` and `init` as URIs, every setting) and of the live line (`LINE`, `steps` as `updates`),
            `network`, `content_sha256` and `style_sha256`, the manifest's own columns `x_…`; texts as categories.
        total: rows of the run; above `LISTED`, more than are listed.
    """

    rows: pd.DataFrame
    total: int

    def asked(self) -> pd.DataFrame:
        """Returns the first listed row of each job, finished or not, numbered from 0."""
        return self.rows.dropna(subset=["job_id"]).drop_duplicates("job_id").reset_index(drop=True)

    def jobs(self) -> pd.DataFrame:
        """Returns the first listed row of each finished job, numbered from 0."""
        asked = self.asked()
        return asked[asked["status"].isin(FINISHED)].reset_index(drop=True)


def run_table(rows: RunRows) -> RunTable:
    """Returns the rows of a run as a table.

    Args:
        rows: with columns `LINE`.

    Raises:
        StoreError: a file of the store is damaged.
    """
    listed = pa.concat_tables(list(_listed(rows)), promote_options="default").unify_dictionaries()
    return RunTable(listed.to_pandas(types_mapper=WHOLE.get), len(rows))


def _listed(rows: RunRows) -> Iterator[pa.Table]:
    """Yields the listed rows, a part at a time."""
    places = np.unique(np.linspace(0, max(len(rows) - 1, 0), min(len(rows), LISTED)).round().astype(np.int64))
    start = 0
    for table in rows.tables(*_PLANNED, *_ENDED, *LINE):
        first, last = np.searchsorted(places, (start, start + len(table)))
        yield _parsed(table.take(places[first:last] - start))
        start += len(table)


def _parsed(rows: pa.Table) -> pa.Table:
    digests, settings = _read_json(rows["digests"], _DIGESTS), setting_columns(rows["settings"])
    columns = {name: rows[name] for name in ("row", "id", "job_id", "preset", "init")}
    columns |= {name: input_column(rows, name) for name in ("content", "style")}
    columns |= {name: settings[name] for name in settings.column_names}
    columns |= {"network": digests["weights"], "content_sha256": digests["content"]}
    columns |= {"style_sha256": pc.struct_field(pc.extract_regex(rows["digests"], _STYLE), "sha256")}
    columns |= {name: rows[name] for name in _ENDED}
    columns |= {_NAMED.get(name, name): rows[name] for name in LINE}
    columns |= extra_columns(rows["cells"])
    return pa.table({name: _encoded(column) if name != "job_id" else column for name, column in columns.items()})


def input_column(rows: pa.Table, name: str) -> pa.ChunkedArray:
    """Returns an input's URIs; for rejected rows the text of the cell.

    Args:
        rows: with that column and `cells`.
        name: content or style.
    """
    uris = rows[name].combine_chunks()
    cells = rows["cells"].filter(pc.is_null(uris)).to_pylist()
    said = [public_uri(json.loads(cell or "{}").get(name) or "") or None for cell in cells]
    return pa.chunked_array([pc.replace_with_mask(uris, pc.is_null(uris), pa.array(said, pa.string()))])


def extra_columns(cells: pa.ChunkedArray) -> dict[str, pa.ChunkedArray]:
    """Returns the columns that a manifest carries through, by name; a short row lacks the last ones.

    Args:
        cells: of the rows, as in `records.PLAN`.
    """
    parsed = [json.loads(text or "{}") for text in cells.to_pylist()]
    names = dict.fromkeys(name for row in parsed for name in row if name.startswith(EXTRA_PREFIX))
    return {name: pa.chunked_array([[row.get(name) for row in parsed]], pa.string()) for name in names}


def setting_columns(texts: pa.ChunkedArray) -> pa.Table:
    """Returns settings as columns; a setting that a row leaves out gets its neutral value.

    Args:
        texts: `Settings.to_json()`, null if rejected.
    """
    settings = _read_json(texts, _SETTINGS)
    for name, neutral in NEUTRAL.items():
        place = settings.column_names.index(name)
        is_left_out = pc.and_(pc.is_valid(texts), pc.is_null(settings[name]))
        filled = pc.if_else(is_left_out, pa.scalar(neutral, _SETTINGS.field(name).type), settings[name])
        settings = settings.set_column(place, name, filled)
    return settings


def _read_json(texts: pa.ChunkedArray, schema: pa.Schema) -> pa.Table:
    """Returns JSON objects as columns; keys that are not in the schema are left out."""
    if not len(texts):
        return schema.empty_table()
    lines = "\n".join(text or "{}" for text in texts.to_pylist()).encode()
    how = pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    block = pa.json.ReadOptions(use_threads=False, block_size=len(lines) + 1)
    return pa.json.read_json(io.BytesIO(lines), read_options=block, parse_options=how).select(schema.names)


def _encoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns texts as categories; other columns as they are."""
    return column.dictionary_encode() if pa.types.is_string(column.type) else column


assert set(_SETTINGS.names) | {"preset"} == set(NAMES), "every setting is a column"

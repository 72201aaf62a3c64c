"""The columns of an exported image, with the same order and types in every format."""

import functools
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from stylize_core.setting_field import SettingField
from stylize_core.settings import SETTING_FIELDS, with_neutral
from stylize_core.store.records import FIGURES, RESULTS

_TEXT = pa.string()

RECORDED = ("width", "height", "precision", *FIGURES, "image_sha256", "bytes")
"""Columns of a result that are exported unchanged."""

_BEFORE = pa.schema(
    [
        ("path", _TEXT),  # of the image's file in a class tree
        ("class", _TEXT),
        ("label", pa.int64()),  # number of the class
        ("split", _TEXT),
        ("id", _TEXT),  # of the row; empty if it has none
        ("row", pa.int32()),  # number in the manifest, from 1
        ("job_id", _TEXT),
        ("content", _TEXT),  # as in the manifest
        ("content_sha256", _TEXT),
        ("style", _TEXT),
        ("style_sha256", _TEXT),
        ("init", _TEXT),  # empty if there is none
        ("preset", _TEXT),
    ]
)

_CONTENT_PATH = pa.field("content_path", _TEXT)  # of the content's file in a class tree


def columns_schema(extra: Iterable[str], *, is_paired: bool = False) -> pa.Schema:
    """Returns the columns of an export.

    Args:
        extra: the `x_` columns.
        is_paired: whether the contents are exported too.
    """
    settings = [pa.field(spec.name, _type(spec)) for spec in SETTING_FIELDS]
    made = [pa.field("weights_sha256", _TEXT), *(RESULTS.field(name) for name in RECORDED)]
    paths = [_BEFORE.field("path"), *([_CONTENT_PATH] if is_paired else [])]
    return pa.schema([*paths, *list(_BEFORE)[1:], *settings, *made, *(pa.field(name, _TEXT) for name in sorted(extra))])


def columns_of(line: Mapping[str, Any], label: int, schema: pa.Schema) -> dict[str, Any]:
    """Returns the columns of a sample as plain values, in the order of the schema.

    Args:
        line: with schema `gathering.GATHERED`, and the paths of its image and its content in a class tree.
        label: number of its class.
        schema: from `columns_schema`.
    """
    known = {**own_columns(line), "path": line["path"], "content_path": line["content_path"], "label": label}
    return {name: known.get(name, "" if name.startswith("x_") else None) for name in schema.names}


def own_columns(line: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the columns of a line with schema `gathering.GATHERED`, without `path` and `label`."""
    digests, extra = _parse(line["digests"]), _parse(line["extra"])
    known = {**extra, **_settings(line["settings"]), **{name: _finite(line[name]) for name in RECORDED}}
    known |= {name: line[name] for name in ("class", "split", "row", "job_id", "content", "style", "preset")}
    known |= {"id": line["id"] or "", "init": line["init"] or ""}
    known["style_size"] = known["style_size"] or max(line["width"], line["height"])  # its default
    known["content_sha256"], known["style_sha256"] = digests["content"], digests["styles"][0][0]
    known["weights_sha256"] = digests["weights"]
    return known


def _type(spec: SettingField) -> pa.DataType:
    return {int: pa.int64(), float: pa.float64()}.get(spec.type, _TEXT)


@functools.lru_cache(256)
def _settings(text: str) -> dict[str, Any]:
    return with_neutral(json.loads(text))


def _parse(text: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(text)
    return values


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value

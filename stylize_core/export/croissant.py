"""croissant.json: a machine-readable description of the data set in Croissant 1.0 (mlcommons.org/croissant)."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from stylize_core.export.card import TITLE
from stylize_core.export.catalogue import Catalogue
from stylize_core.export.column_meanings import meaning
from stylize_core.export.formats import FormatName
from stylize_core.export.imagefolder import METADATA
from stylize_core.export.index import ShardLine
from stylize_core.export.sample import CONTENT_IMAGE, CONTENT_SUFFIX
from stylize_core.export.webdataset import COLUMNS

Node = dict[str, Any]

_CONTEXT: Node = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

_MIME = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}
_PARQUET = "application/x-parquet"

_KINDS = {pa.string(): "sc:Text", pa.int64(): "sc:Integer", pa.int32(): "sc:Integer"}


def croissant(catalogue: Catalogue, format: FormatName, lines: Sequence[ShardLine]) -> str:
    """Returns the description of an export as JSON-LD.

    Args:
        catalogue: its samples.
        format: of its files.
        lines: one line of its index for each shard.
    """
    tally = catalogue.tally
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": TITLE,
        "description": "Pictures in the styles of other pictures, each with its inputs and settings.",
        "citeAs": "Gatys, Ecker, Bethge: Image Style Transfer Using Convolutional Neural Networks. CVPR 2016",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        **({"license": next(iter(tally.licences))} if len(tally.licences) == 1 and "" not in tally.licences else {}),
        "version": "1.0.0",
        "distribution": list(_distribution(format, catalogue, lines)),
        "recordSet": list(_records(format, catalogue)),
    }
    return json.dumps(document, indent=1) + "\n"


def _records(format: FormatName, catalogue: Catalogue) -> Iterator[Node]:
    """Yields the images with their columns, and contents that are files, because mlcroissant joins only two sources.

    It reads only one set of files from tar files, so their contents have only the column `content_path`.
    """
    columns = [_column(column) for column in catalogue.schema if column.name != "path"]
    fields = [_image("image", format), _path("path", format), *columns]
    if catalogue.is_paired and format == "parquet":
        fields = [_image(CONTENT_IMAGE, format), *fields]
    yield _record_set("images", fields)
    if catalogue.is_paired and format == "imagefolder":
        path = _field("path", "sc:Text", meaning("path"), _from_columns("path"))
        yield _record_set("contents", [_image(CONTENT_IMAGE, format), _path("content_path", format), path])


def _record_set(name: str, fields: Sequence[Node]) -> Node:
    named = [{"@type": field["@type"], "@id": f"{name}/{field['name']}"} | field for field in fields]
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": named}


def _distribution(format: FormatName, catalogue: Catalogue, lines: Sequence[ShardLine]) -> Iterator[Node]:
    """Yields the files of images, contents and columns; in Parquet these are the same files."""
    tally = catalogue.tally
    if format == "parquet":
        yield _files("columns", [f"{split}-*.parquet" for split in tally.by_split], [_PARQUET])
        return
    shards = [line for line in lines if format == "webdataset"]
    for line in shards:
        yield {
            "@type": "cr:FileObject",
            "@id": line["shard"],
            "name": line["path"],
            "contentUrl": line["path"],
            "contentSize": f"{line['bytes']} B",
            "encodingFormat": "application/x-tar",
            "sha256": line["sha256"],
        }
    contained = {"containedIn": [{"@id": line["shard"]} for line in shards]} if shards else {}
    suffixes = sorted(tally.suffixes)
    ends = [end for suffix in suffixes for end in (_but_contents(suffix) if catalogue.is_paired else [f"*{suffix}"])]
    includes = [f"{split}/{end}" for split in tally.by_split for end in ends]
    yield _files("files", includes, [_MIME[suffix] for suffix in suffixes]) | contained
    if catalogue.is_paired and not shards:
        yield _files("content_files", [f"{split}/*{CONTENT_SUFFIX}" for split in tally.by_split], [_MIME[".png"]])
    yield _files("columns", [COLUMNS] if shards else [f"*/{METADATA}"], [_PARQUET])


def _but_contents(suffix: str) -> list[str]:
    """Returns patterns of the files with a suffix that are not contents, because mlcroissant ignores `excludes`."""
    mark = CONTENT_SUFFIX.removesuffix(suffix)
    if mark == CONTENT_SUFFIX:
        return [f"*{suffix}"]
    return [f"*[!{mark[place]}]{mark[place + 1 :]}{suffix}" for place in range(len(mark))]


def _files(name: str, includes: Sequence[str], kinds: Sequence[str]) -> Node:
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "encodingFormat": list(kinds),
        "includes": list(includes),
    }


def _image(name: str, format: FormatName) -> Node:
    if format == "parquet":
        source = _from_columns(name) | {"transform": {"jsonPath": "bytes"}}
    else:
        files = "content_files" if name == CONTENT_IMAGE else "files"
        source = {"fileSet": {"@id": files}, "extract": {"fileProperty": "content"}}
    return _field(name, "sc:ImageObject", "the content" if name == CONTENT_IMAGE else "the image", source)


def _path(name: str, format: FormatName) -> Node:
    """Returns a path field, which joins files and columns unless the columns contain the images."""
    field = _field(name, "sc:Text", meaning(name), _from_columns(name))
    if format == "parquet":
        return field
    files = "content_files" if name == "content_path" else "files"
    joined: Node = {"fileSet": {"@id": files}, "extract": {"fileProperty": "fullpath"}}
    if format == "imagefolder":
        joined["transform"] = {"regex": "(.*)"}  # only with this does mlcroissant compare paths of local files as texts
    return field | {"source": joined, "references": _from_columns(name)}


def _column(column: pa.Field) -> Node:
    kind = _KINDS.get(column.type, "sc:Float")
    return _field(column.name, kind, meaning(column.name), _from_columns(column.name))


def _field(name: str, kind: str, description: str, source: Node) -> Node:
    return {
        "@type": "cr:Field",
        "name": name,
        "description": description,
        "dataType": kind,
        "source": source,
    }


def _from_columns(name: str) -> Node:
    return {"fileSet": {"@id": "columns"}, "extract": {"column": name}}

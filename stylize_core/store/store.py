"""Opens a store: checks its header and schema version, and whether a folder may become a store."""

import json

from stylize_core.errors import StoreSchema, StoreUnusable
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.json_files import parse_json

_PRODUCT = "stylize"


def open_store(uri: str, *, create: bool) -> Files:
    """Returns the files of a store that this release can read.

    Args:
        uri: a folder or an fsspec URL.
        create: create the store, with its parent folders, if there is nothing yet.

    Raises:
        StoreUnusable: the URI names a file or is not writable, or there is no store and `create` is False.
        StoreSchema: the folder contains other files, or a store of another version.
    """
    files = Files(uri)
    header = _read_header(files)
    if not header and create:
        header = _write_header(files)
    if header is None:
        raise StoreUnusable("there is no store here", where=files.public_uri, todo="check --store, or run a manifest")
    _check_header(files, header)
    return files


def _read_header(files: Files) -> bytes | None:
    try:
        return files.read(layout.STORE)
    except FileNotFoundError:
        return None


def _write_header(files: Files) -> bytes | None:
    if not files.is_empty() and _read_header(files) is None:  # check again: another run may just have created the store
        raise StoreSchema(
            "the folder is not empty and is not a store",
            where=files.public_uri,
            todo="name an empty or a new folder with --store",
        )
    header = (json.dumps({"schema_version": layout.SCHEMA_VERSION, "product": _PRODUCT}) + "\n").encode()
    if not files.create(layout.STORE, header) and _is_unfinished(files):
        files.publish(layout.STORE, header)
    return _read_header(files)


def _is_unfinished(files: Files) -> bool:
    """Returns whether a kill left only an empty header, see `Disk.create`."""
    return [(entry.path, entry.size) for entry in files.list("")] == [(layout.STORE, 0)]


def _check_header(files: Files, data: bytes) -> None:
    where = f"{files.public_uri}/{layout.STORE}"
    try:
        header = parse_json(data)
        product, version = header["product"], header["schema_version"]
    except (ValueError, KeyError) as error:
        raise StoreSchema(
            "the store's header cannot be read", where=where, todo="restore store.json, or name another store"
        ) from error
    if product != _PRODUCT:
        raise StoreSchema(f"this is a store of {product!r}", where=where, todo="name another folder with --store")
    if type(version) is not int or version != layout.SCHEMA_VERSION:  # neither "1" nor true is 1
        raise StoreSchema(
            f"the store has schema version {version!r}; this release reads version {layout.SCHEMA_VERSION}",
            where=where,
            todo="use the release that made the store, or name a new store with --store",
        )

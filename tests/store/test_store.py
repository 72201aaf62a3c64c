"""Opening a store."""

import json
from pathlib import Path

import pytest

from stylize_core.errors import StoreSchema, StoreUnusable
from stylize_core.files.files import Files
from stylize_core.store.store import open_store


def test_a_new_store_has_a_header(files: Files) -> None:
    """A new store has a header; opening it again, in either way, changes nothing."""
    header = files.read("store.json")
    assert json.loads(header) == {"schema_version": 1, "product": "stylize"}
    for create in (True, False):
        assert open_store(files.uri, create=create).read("store.json") == header


def test_parents_are_created(tmp_path: Path) -> None:
    """The folders above a new store are created."""
    open_store(str(tmp_path / "a" / "b" / "c"), create=True)
    assert (tmp_path / "a" / "b" / "c" / "store.json").is_file()


@pytest.mark.parametrize("uri", ["{tmp}/none", "memory://nothing-here"])
def test_no_store(tmp_path: Path, uri: str) -> None:
    """Unless it may be created, a missing store is an error and nothing is created."""
    with pytest.raises(StoreUnusable, match="there is no store here"):
        open_store(uri.format(tmp=tmp_path), create=False)
    assert list(tmp_path.iterdir()) == []


def test_another_version(files: Files) -> None:
    """Another schema version is refused, and both versions are named."""
    files.publish("store.json", b'{"schema_version": 7, "product": "stylize"}')
    with pytest.raises(StoreSchema, match=r"version 7; this release reads version 1 .* use the release"):
        open_store(files.uri, create=True)


def test_a_store_whose_maker_was_killed(files: Files) -> None:
    """A folder with only an empty header, which a kill leaves on a disk without hard links, becomes a store."""
    files.publish("store.json", b"")
    assert json.loads(open_store(files.uri, create=True).read("store.json"))["schema_version"] == 1
    files.publish("store.json", b"")
    files.publish("photo.jpg", b"")
    with pytest.raises(StoreSchema, match="header cannot be read"):
        open_store(files.uri, create=True)


@pytest.mark.parametrize("header", [b"{", b"[]", b"7", b"{}", b'{"schema_version": 1}', b"\xff", b"[" * 100_000])
def test_a_damaged_header(files: Files, header: bytes) -> None:
    """A header that cannot be read is refused, and named."""
    files.publish("store.json", header)
    with pytest.raises(StoreSchema, match=r"header cannot be read .*store\.json"):
        open_store(files.uri, create=True)


@pytest.mark.parametrize(("version", "said"), [('"1"', "'1'"), ("true", "True"), ("1.0", "1.0"), ("null", "None")])
def test_a_version_is_a_number(files: Files, version: str, said: str) -> None:
    """A version of another type is refused, and shown as it is."""
    files.publish("store.json", f'{{"schema_version": {version}, "product": "stylize"}}'.encode())
    with pytest.raises(StoreSchema, match=rf"schema version {said}; this release reads version 1 "):
        open_store(files.uri, create=True)


def test_another_product(files: Files) -> None:
    """A store of another program is refused."""
    files.publish("store.json", b'{"schema_version": 1, "product": "other"}')
    with pytest.raises(StoreSchema, match="store of 'other'"):
        open_store(files.uri, create=True)


def test_a_folder_with_other_things(tmp_path: Path) -> None:
    """A folder with other contents does not become a store."""
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(StoreSchema, match="not empty and is not a store"):
        open_store(str(tmp_path), create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_file_is_no_store(tmp_path: Path) -> None:
    """A store that names a file is refused."""
    (tmp_path / "file").write_bytes(b"")
    for create in (True, False):
        with pytest.raises(StoreUnusable, match="Not a directory"):
            open_store(str(tmp_path / "file"), create=create)


def test_a_place_without_permission(unprivileged: Path) -> None:
    """A store cannot be created without write permission."""
    with pytest.raises(StoreUnusable, match="Permission denied"):
        open_store(str(unprivileged / "store"), create=True)

"""What a store remembers of inputs."""

import pytest

from stylize_core.store.files import Files
from stylize_core.store.fingerprints import Fingerprint, Fingerprints

PRINT = Fingerprint("0" * 64, 640, 480)


def test_fingerprints_are_remembered(files: Files) -> None:
    """What was added is known at once, and in the store once it is saved."""
    fingerprints = Fingerprints.load(files)
    assert fingerprints.get("/a.png", 7, "1") is None
    fingerprints.add("/a.png", 7, "1", PRINT)
    assert fingerprints.get("/a.png", 7, "1") == PRINT
    assert Fingerprints.load(files).get("/a.png", 7, "1") is None
    fingerprints.save(files)
    assert Fingerprints.load(files).get("/a.png", 7, "1") == PRINT


@pytest.mark.parametrize("other", [("/b.png", 7, "1"), ("/a.png", 8, "1"), ("/a.png", 7, "2")])
def test_a_changed_file_is_not_known(other: tuple[str, int, str]) -> None:
    """Another path, size or stamp is another file."""
    fingerprints = Fingerprints()
    fingerprints.add("/a.png", 7, "1", PRINT)
    assert fingerprints.get(*other) is None


def test_only_what_is_new_is_saved(files: Files) -> None:
    """Each save writes one file with the new lines alone, and none where nothing is new."""
    fingerprints = Fingerprints.load(files)
    fingerprints.save(files)
    assert files.list("inputs") == []
    for name in ("/a.png", "/b.png"):
        fingerprints.add(name, 7, "1", PRINT)
        fingerprints.save(files)
        fingerprints.save(files)
    assert len(files.list("inputs")) == 2
    again = Fingerprints.load(files)
    again.save(files)
    assert len(files.list("inputs")) == 2
    assert again.get("/a.png", 7, "1") == again.get("/b.png", 7, "1") == PRINT


def test_without_a_stamp_nothing_is_remembered() -> None:
    """A file whose changes could go unnoticed is never taken for known."""
    fingerprints = Fingerprints()
    fingerprints.add("https://host/a.png", 7, "", PRINT)
    assert fingerprints.get("https://host/a.png", 7, "") is None


def test_credentials_are_not_stored(local: Files) -> None:
    """The store keeps URIs without credentials, and knows a file whoever asks for it."""
    fingerprints = Fingerprints.load(local)
    fingerprints.add("ftp://user:password@host/a.png?sig=password", 7, "1", PRINT)
    fingerprints.save(local)
    assert all(b"password" not in local.read(entry.path) for entry in local.list("inputs"))
    assert Fingerprints.load(local).get("ftp://other:word@host/a.png", 7, "1") == PRINT


def test_pictures_of_inputs_are_no_fingerprints(files: Files) -> None:
    """The small pictures beside the fingerprints are passed over."""
    files.publish("inputs/ab/abcd.jpg", b"picture")
    assert Fingerprints.load(files).get("/a.png", 7, "1") is None

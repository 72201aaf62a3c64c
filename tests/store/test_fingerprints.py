"""The fingerprints of inputs in a store."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.files.files import Files
from stylize_core.store.fingerprint_index import Fingerprint
from stylize_core.store.fingerprints import Fingerprints, Stat, forget
from stylize_core.store.tables import to_parquet

PRINT = Fingerprint("0" * 64, 640, 480)
OTHER = Fingerprint("f0" * 32, 3, 4)


def get(fingerprints: Fingerprints, *stat: str | int) -> Fingerprint | None:
    """The fingerprint of one file."""
    return fingerprints.find([stat])[0]  # type: ignore[list-item]


def test_fingerprints_are_remembered(files: Files) -> None:
    """A new fingerprint is known at once, and is in the store once saved."""
    fingerprints = Fingerprints.load(files)
    assert get(fingerprints, "/a.png", 7, "1") is None
    fingerprints.add(("/a.png", 7, "1"), PRINT)
    assert get(fingerprints, "/a.png", 7, "1") == PRINT
    assert get(Fingerprints.load(files), "/a.png", 7, "1") is None
    fingerprints.save(files)
    assert get(fingerprints, "/a.png", 7, "1") == PRINT
    assert get(Fingerprints.load(files), "/a.png", 7, "1") == PRINT


@pytest.mark.parametrize("other", [("/b.png", 7, "1"), ("/a.png", 8, "1"), ("/a.png", 7, "2"), ("/a.png", 71, "")])
@pytest.mark.parametrize("is_settled", [False, True])
def test_a_changed_file_is_not_known(other: tuple[str, int, str], is_settled: bool) -> None:
    """Another path, size or stamp is another file, before and after saving."""
    fingerprints = Fingerprints()
    fingerprints.add(("/a.png", 7, "1"), PRINT)
    if is_settled:
        fingerprints.settle()
    assert get(fingerprints, *other) is None
    assert get(fingerprints, "/a.png", 7, "1") == PRINT


def test_only_what_is_new_is_saved(files: Files) -> None:
    """Each save writes one file with only the new lines, and none if nothing is new."""
    fingerprints = Fingerprints.load(files)
    fingerprints.save(files)
    assert files.list("inputs") == []
    for name in ("/a.png", "/b.png"):
        fingerprints.add((name, 7, "1"), PRINT)
        assert fingerprints.unsaved == 1
        fingerprints.save(files)
        fingerprints.save(files)
        assert fingerprints.unsaved == 0
    assert len(files.list("inputs")) == 2
    again = Fingerprints.load(files)
    again.save(files)
    assert len(files.list("inputs")) == 2
    assert get(again, "/a.png", 7, "1") == get(again, "/b.png", 7, "1") == PRINT


def test_what_is_settled_is_never_saved(files: Files) -> None:
    """It is known as long as the object exists."""
    fingerprints = Fingerprints.load(files)
    fingerprints.add(("/a.png", 7, "1"), PRINT)
    fingerprints.settle()
    fingerprints.save(files)
    assert get(fingerprints, "/a.png", 7, "1") == PRINT
    assert files.list("inputs") == []


def test_without_a_stamp_nothing_is_remembered() -> None:
    """A file whose changes could go unnoticed is never taken for known."""
    fingerprints = Fingerprints()
    fingerprints.add(("https://host/a.png", 7, ""), PRINT)
    fingerprints.settle()
    assert get(fingerprints, "https://host/a.png", 7, "") is None


SECRET = "ftp://user:password@host/a.png?sig=password"


def test_credentials_are_not_stored(local: Files) -> None:
    """The store keeps URIs without credentials, and still identifies a file by its whole URI."""
    fingerprints = Fingerprints.load(local)
    fingerprints.add((SECRET, 7, "1"), PRINT)
    fingerprints.save(local)
    assert all(b"password" not in local.read(entry.path) for entry in local.list("inputs"))
    assert get(Fingerprints.load(local), SECRET, 7, "1") == PRINT


def test_a_damaged_file_is_forgotten(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged file of fingerprints does not end a run: it is left out and logged; the others count."""
    for name in ("/a.png", "/b.png"):
        fingerprints = Fingerprints()
        fingerprints.add((name, 7, "1"), PRINT)
        fingerprints.save(files)
    damaged = files.list("inputs")[0].path
    files.publish(damaged, b"damaged")
    known = Fingerprints.load(files)
    assert sorted(bool(get(known, name, 7, "1")) for name in ("/a.png", "/b.png")) == [False, True]
    assert damaged in caplog.text


@pytest.mark.parametrize("other", ["https://host/img?id=2", "https://host/img", "https://me@host/img?id=1"])
def test_urls_that_differ_in_their_query_alone(local: Files, other: str) -> None:
    """A query names another file, and another user may be shown another one."""
    fingerprints = Fingerprints.load(local)
    fingerprints.add(("https://host/img?id=1", 0, "1"), PRINT)
    assert get(fingerprints, other, 0, "1") is None
    fingerprints.save(local)
    assert get(Fingerprints.load(local), other, 0, "1") is None
    assert get(Fingerprints.load(local), "https://host/img?id=1", 0, "1") == PRINT


def test_what_was_found_wrong_is_forgotten(files: Files) -> None:
    """A file whose bytes differ from its fingerprint is read again, whatever its size and stamp; others are not."""
    stat, neighbour = ("/a.png", 7, "1"), ("/b.png", 7, "1")
    fingerprints = Fingerprints.load(files)
    fingerprints.add(stat, PRINT)
    fingerprints.add(neighbour, PRINT)
    fingerprints.save(files)
    forget(files, stat, PRINT.sha256)
    later = Fingerprints.load(files)
    assert later.find([stat, neighbour]) == [None, PRINT]
    later.add(stat, OTHER)
    later.save(files)
    assert get(Fingerprints.load(files), *stat) == OTHER


def test_fingerprints_of_earlier_releases_are_passed_over(local: Files) -> None:
    """Old fingerprints do not have the query, so such a file is read once more."""
    columns = {"uri": ["/a.png"], "size": [7], "stamp": ["1"], "sha256": [PRINT.sha256], "width": [1], "height": [1]}
    local.publish("inputs/old.parquet", to_parquet(pa.table(columns)))
    fingerprints = Fingerprints.load(local)
    assert get(fingerprints, "/a.png", 7, "1") is None
    fingerprints.add(("/a.png", 7, "1"), PRINT)
    fingerprints.save(local)
    assert get(Fingerprints.load(local), "/a.png", 7, "1") == PRINT


def test_pictures_of_inputs_are_no_fingerprints(files: Files) -> None:
    """The thumbnails beside the fingerprints are ignored."""
    files.publish("inputs/ab/abcd.jpg", b"picture")
    assert get(Fingerprints.load(files), "/a.png", 7, "1") is None


def test_the_later_of_two_counts(local: Files) -> None:
    """A file that was read again has its last fingerprint, saved or not."""
    fingerprints = Fingerprints()
    for entry in (PRINT, OTHER):
        fingerprints.add(("/a.png", 7, "1"), entry)
        assert get(fingerprints, "/a.png", 7, "1") == entry
        fingerprints.settle()
        assert get(fingerprints, "/a.png", 7, "1") == entry


ENTRIES = st.dictionaries(
    st.tuples(st.text(max_size=3), st.integers(0, 9), st.sampled_from(["1", "2"])),
    st.builds(Fingerprint, st.binary(min_size=32, max_size=32).map(bytes.hex), st.integers(1, 9), st.integers(1, 9)),
)


@given(ENTRIES, ENTRIES, st.lists(st.booleans(), min_size=2, max_size=2))
def test_it_knows_what_a_dictionary_would(
    first: dict[Stat, Fingerprint], second: dict[Stat, Fingerprint], settle: list[bool]
) -> None:
    """For any files in any order, each has its last fingerprint, and no other file has one."""
    fingerprints = Fingerprints()
    for entries, is_settled in zip((first, second), settle, strict=True):
        for stat, entry in entries.items():
            fingerprints.add(stat, entry)
        if is_settled:
            fingerprints.settle()
    asked = [*first, *second, ("not there", 0, "1")]
    assert fingerprints.find(asked) == [(first | second).get(stat) for stat in asked]

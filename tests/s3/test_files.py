"""Objects of a real server: one request each, never cached, whole despite faults, with clear errors."""

import os
import pickle
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from stylize_core.errors import InputIsFolder, InputMissing, InputUnreadable, StoreDenied, StoreError, StoreUnusable
from stylize_core.files import remote
from stylize_core.files.files import Files
from stylize_core.files.inputs import read_input, stat_input

pytestmark = pytest.mark.slow


@pytest.fixture
def files(bucket: str) -> Files:
    """A store of this test."""
    return Files(f"{bucket}/store")


def test_one_put_per_object(proxy: Any, files: Files, fetch: Callable[[str], Any]) -> None:
    """An object is put with one request, even if s3fs would send parts; a killed writer leaves no part."""
    data = os.urandom(106_000_000)
    files.publish("large", data)
    assert [(method, path.partition("?")[0]) for method, path, _ in proxy.seen] == [
        ("PUT", f"/{files.uri.removeprefix('s3://')}/large")
    ]
    assert (fetch(files.uri) / "large").read_bytes() == data
    assert files.read("large") == data


def test_what_others_do_is_seen_at_once(files: Files, put: Callable[[str, bytes], None]) -> None:
    """A client always sees what another client has written, whatever it read before."""
    assert files.list("") == []
    assert not files.exists("a/b")
    assert files.is_empty()
    put(f"{files.uri}/a/b", b"first")
    assert [(entry.path, entry.size) for entry in files.list("")] == [("a/b", 5)]
    assert [entry.path for entry in files.list("a", recursive=False)] == ["a/b"]
    assert files.exists("a/b")
    assert not files.is_empty()
    before = stat_input(f"{files.uri}/a/b")
    put(f"{files.uri}/a/b", b"other")
    assert files.read("a/b") == read_input(f"{files.uri}/a/b") == b"other"
    assert stat_input(f"{files.uri}/a/b")[0] == before[0] == 5
    assert stat_input(f"{files.uri}/a/b")[1] != before[1]


def test_a_name_that_begins_alike_is_another(files: Files) -> None:
    """Listing a folder gives nothing from another one whose name begins with its name."""
    for path in ("a/x", "ab/x", "a.txt"):
        files.publish(path, b"")
    assert [entry.path for entry in files.list("a")] == ["a/x"]
    assert [entry.path for entry in files.list("a", recursive=False)] == ["a/x"]
    assert files.list("a.txt") == files.list("a.txt", recursive=False) == []


def test_create_never_replaces(files: Files) -> None:
    """An existing object is not created again; of several simultaneous creations one succeeds, with whole bytes."""

    def create(racer: int) -> bool:
        return files.create("raced", str(racer).encode() * 10_000)

    with ThreadPoolExecutor(8) as pool:
        assert any(pool.map(create, range(8)))
    kept = files.read("raced")
    assert kept in [str(racer).encode() * 10_000 for racer in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(create, range(10, 18)))
    assert files.read("raced") == kept


@pytest.mark.parametrize("fault", ["fail", "busy", "refuse", "lose", "cut"])
def test_a_create_whose_answer_is_lost_is_ours(fault: str, proxy: Any, once: Any, files: Files) -> None:
    """Repeated after a fault, a create recognises its own object; another's is never mistaken for ours."""
    proxy.choose = once(fault, "PUT")
    assert files.create("mine", b"mine") is True
    assert files.read("mine") == b"mine"
    proxy.choose = once(fault, "PUT")
    assert files.create("mine", b"another's") is False
    assert files.read("mine") == b"mine"
    assert fault in {seen for _, _, seen in proxy.seen}


@pytest.mark.parametrize("fault", ["fail", "busy", "refuse", "lose", "cut", "delay"])
def test_every_request_survives_a_fault(fault: str, proxy: Any, once: Any, files: Files) -> None:
    """Writing, reading, listing, checking and deleting succeed although each meets a fault."""
    data = os.urandom(100_000)
    for method, act in (
        ("PUT", lambda: files.publish("a/b", data)),
        ("GET", lambda: files.read("a/b") == data),
        ("GET", lambda: [entry.path for entry in files.list("")] == ["a/b"]),
        ("GET", lambda: [entry.path for entry in files.list("a", recursive=False)] == ["a/b"]),
        ("GET", lambda: not files.is_empty()),
        ("HEAD", lambda: files.exists("a/b")),
        ("GET", lambda: read_input(f"{files.uri}/a/b") == data),
        ("HEAD", lambda: stat_input(f"{files.uri}/a/b")[0] == len(data)),
        ("DELETE", lambda: files.delete(["a/b"])),
    ):
        proxy.choose = once(fault, method)
        assert act() is not False
    assert [seen for _, _, seen in proxy.seen].count(fault) == 9
    assert files.list("") == []


def test_a_server_that_stays_away(proxy: Any, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that keeps failing is a retryable error, and not an empty listing."""
    monkeypatch.setattr(remote, "PAUSES_S", ())
    proxy.choose = lambda method, path: "busy"
    for act in (
        lambda: files.publish("a", b""),
        lambda: files.list(""),
        lambda: files.list("a", recursive=False),
        lambda: files.exists("a"),
    ):
        with pytest.raises(StoreUnusable, match=r"the server answers 503") as caught:
            act()
        assert caught.value.retryable
    with pytest.raises(InputUnreadable, match=r"the server answers 503"):
        stat_input(f"{files.uri}/a")


def test_a_server_that_is_not_there(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address without a server is a retryable error."""
    monkeypatch.setattr(remote, "PAUSES_S", ())
    with socket.create_server(("127.0.0.1", 0)) as unused:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
    with pytest.raises(StoreUnusable) as caught:
        Files(bucket).read("a")
    assert caught.value.retryable


def test_a_server_that_hangs(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts requests and never answers, or stops reading, is given up."""
    for limit, seconds in (("SILENCE_S", 0.3), ("LONGEST_S", 2.0), ("PATIENCE_S", 0.0)):
        monkeypatch.setattr(remote, limit, seconds)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        files, start = Files(bucket), time.monotonic()
        for act in (lambda: files.read("a"), lambda: files.publish("a", bytes(30_000_000))):
            with pytest.raises(StoreUnusable, match="does not answer in time"):
                act()
        assert time.monotonic() - start < 30


def test_refusals_are_for_good(swift: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong key, a wrong secret, no credentials and a missing bucket each say so, at once, without a secret."""
    missing = Files("s3://no-such-bucket/store")
    for act in (lambda: missing.publish("a", b""), lambda: missing.read("a"), lambda: missing.exists("a")):
        with pytest.raises(StoreDenied, match="there is no such bucket"):
            act()
    for number, (name, value, words) in enumerate(
        (
            ("AWS_SECRET_ACCESS_KEY", "hush-wrong", "the access key or its secret is wrong"),
            ("AWS_ACCESS_KEY_ID", "nobody", "the access key or its secret is wrong"),
            ("AWS_ACCESS_KEY_ID", "", "no credentials were found"),
        )
    ):
        monkeypatch.setenv(name, value)
        if not value:
            monkeypatch.delenv(name)
            monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        remote._connect.cache_clear()
        start = time.monotonic()
        files = Files(bucket)
        for act in (files.read, files.list, files.exists):  # the last answer has no body with the reason
            with pytest.raises(StoreDenied, match=words if act != files.exists else f"{words}|access denied") as caught:
                act("a")
            assert not caught.value.retryable
            assert "hush" not in str(caught.value)
            assert swift.secret not in str(caught.value)
        assert time.monotonic() - start < 15, number  # with retries it would take a minute


def test_missing_inputs(bucket: str) -> None:
    """A missing object, a missing bucket and a folder each raise their own error."""
    Files(bucket).publish("a/b", b"x")
    for look in (stat_input, read_input):
        with pytest.raises(InputMissing):
            look(f"{bucket}/none")
        with pytest.raises(InputUnreadable, match="no such bucket"):
            look("s3://no-such-bucket/none")
        with pytest.raises(InputIsFolder):
            look(f"{bucket}/a")


def test_files_travel_without_credentials(swift: Any, files: Files) -> None:
    """A pickled store contains neither key nor secret, because each machine has its own."""
    files.publish("a", b"x")
    data = pickle.dumps(files)
    assert swift.secret.encode() not in data
    assert swift.key.encode() not in data
    assert pickle.loads(data).read("a") == b"x"


def test_errors_are_ours(files: Files) -> None:
    """Any exception of a library becomes an error of the store."""
    with pytest.raises(StoreError):
        Files("s3://Not_A_Bucket!/x").read("a")

"""Inputs on web servers: faults, stamps, and no way from a public server into a private network."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from stylize_core.errors import InputMissing, InputUnreadable
from stylize_core.files import http_guard, remote
from stylize_core.files.inputs import read_input, stat_input
from stylize_core.plan.input_scan import InputScan
from stylize_core.store.fingerprints import Fingerprints


class Server(ThreadingHTTPServer):
    """Serves what `answer` gives for a path: a status, headers and a body; counts the requests."""

    daemon_threads = True

    def __init__(self, host: str) -> None:
        super().__init__((host, 0), _Handler)
        self.answer: Callable[[str], tuple[int, dict[str, str], bytes]] = lambda path: (200, {}, b"picture")
        self.asked: list[str] = []
        self.address = f"http://{host}:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, headers, body = self.server.answer(self.path)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing."""


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    """Starts web servers."""
    monkeypatch.setattr(remote, "PAUSES_S", (0.01, 0.01))
    started: list[Server] = []

    def start(host: str = "127.0.0.1") -> Server:
        started.append(Server(host))
        threading.Thread(target=started[-1].serve_forever, daemon=True).start()
        return started[-1]

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes 127.0.0.1 a public address, and leaves the rest of 127.0.0.0/8 local."""
    is_local = http_guard._is_local
    monkeypatch.setattr(http_guard, "_is_local", lambda host: host != "127.0.0.1" and is_local(host))


def test_bytes_size_and_stamp(servers: Callable[..., Server]) -> None:
    """A file on a web server has bytes, a size and a stamp that follows its ETag."""
    server = servers()
    server.answer = lambda path: (200, {"ETag": '"1"'}, b"picture")
    assert read_input(f"{server.address}/a.png?sig=secret") == b"picture"
    assert stat_input(f"{server.address}/a.png") == (7, '"1"')
    server.answer = lambda path: (200, {"Last-Modified": "Sat, 21 Nov 2026 14:00:00 GMT"}, b"other")
    assert stat_input(f"{server.address}/a.png") == (5, "Sat, 21 Nov 2026 14:00:00 GMT")


@pytest.mark.parametrize("look", [stat_input, read_input])
def test_faults_of_a_server(servers: Callable[..., Server], look: Callable[[str], object]) -> None:
    """404 is a missing input; 503 is asked again and may pass; 403 is told."""
    server = servers()
    for status, error, words in (
        (404, InputMissing, "no such file"),
        (503, InputUnreadable, "the server answers 503"),
        (403, InputUnreadable, "access denied"),
    ):
        server.answer = lambda path, status=status: (status, {}, b"")  # type: ignore[misc]
        with pytest.raises(error, match=words) as caught:
            look(f"{server.address}/a.png?sig=secret")
        assert "secret" not in str(caught.value)
    answers = [(503, {}, b""), (503, {}, b"")]
    server.answer = lambda path: answers.pop() if answers else (200, {}, b"picture")  # type: ignore[return-value]
    look(f"{server.address}/a.png")
    assert not answers


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize(
    "target", ["http://127.0.0.2:{port}/", "http://[::ffff:127.0.0.2]:{port}/", "http://localhost:{port}/"]
)
@pytest.mark.parametrize("look", [stat_input, read_input])
def test_no_redirect_into_the_private_network(
    servers: Callable[..., Server], look: Callable[[str], object], target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A public server's redirect to a local address, by number or by name, is not followed, and the reason told."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: resolve("127.0.0.2" if host == "localhost" else host, *rest, **more),
    )
    inside, outside = servers("127.0.0.2"), servers()
    url = target.format(port=inside.server_port)
    outside.answer = lambda path: (302, {"Location": url}, b"")
    with pytest.raises(InputUnreadable, match="redirects to this machine or its private network"):
        look(f"{outside.address}/a.png")
    assert not inside.asked
    assert outside.asked


def test_a_local_server_may_redirect(servers: Callable[..., Server]) -> None:
    """Whoever names a server of his own network may be led on within it."""
    first, second = servers(), servers()
    first.answer = lambda path: (302, {"Location": f"{second.address}/b.png"}, b"")
    assert read_input(f"{first.address}/a.png") == b"picture"


@pytest.mark.usefixtures("public")
def test_a_public_server_may_redirect_to_another(servers: Callable[..., Server]) -> None:
    """Redirects between public servers are followed."""
    first, second = servers(), servers()
    first.answer = lambda path: (302, {"Location": f"{second.address}/b.png"}, b"")
    assert read_input(f"{first.address}/a.png") == b"picture"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "0.0.0.0",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
    ],
)
def test_local_addresses(host: str) -> None:
    """This machine, private and link-local networks, in both versions of IP and in one within the other."""
    assert http_guard._is_local(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "2606:4700::1111"])
def test_public_addresses(host: str) -> None:
    """What everybody can reach is not local."""
    assert not http_guard._is_local(host)


@pytest.fixture
def silent() -> Iterator[tuple[str, list[float]]]:
    """A server that closes every connection without an answer: its address, and when it was asked."""
    asked: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def close_all() -> None:
            with suppress(OSError):
                while True:
                    server.accept()[0].close()
                    asked.append(time.monotonic())

        threading.Thread(target=close_all, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked


def test_a_dead_server_is_given_up(silent: tuple[str, list[float]], monkeypatch: pytest.MonkeyPatch) -> None:
    """After some failures in a row the other inputs of a server fail at once; after a while it is asked again."""
    monkeypatch.setattr(remote, "PAUSES_S", (0.001, 0.001))
    address, asked = silent
    uris = [f"{address}/{number}.png" for number in range(200)]
    with InputScan(Fingerprints()) as scan:
        found = scan.find(uris)
    assert {type(error) for error in found.values()} == {InputUnreadable}
    reasons = Counter(str(error).split(" · ")[0] for error in found.values())
    assert reasons["its server has not answered 5 times in a row, and is not asked for a while"] > 180
    before = len(asked)
    monkeypatch.setattr(remote, "GIVEN_UP_S", 0.0)
    with pytest.raises(InputUnreadable):
        stat_input(uris[0])
    assert len(asked) > before


def test_an_answer_counts_as_life(servers: Callable[..., Server]) -> None:
    """A server that answers, be it with an error, is not given up."""
    server = servers()
    server.answer = lambda path: (503, {}, b"")
    for number in range(2 * remote.SILENCES):
        with pytest.raises(InputUnreadable, match="the server answers 503"):
            read_input(f"{server.address}/{number}.png")
    server.answer = lambda path: (200, {}, b"picture")
    assert read_input(f"{server.address}/a.png") == b"picture"

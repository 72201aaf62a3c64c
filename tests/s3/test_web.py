"""Inputs on web servers: faults, stamps, and no redirect from a public server into a private network."""

import gzip
import io
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pandas as pd
import pytest
from fsspec.config import conf, set_conf_env
from PIL import Image

from stylize_core.errors import InputMissing, InputTooLarge, InputUnreadable
from stylize_core.files import bounded, http_guard, remote
from stylize_core.files.inputs import read_input, stat_input
from stylize_core.plan.input_scan import InputScan
from stylize_core.release import release
from stylize_core.store.fingerprints import Fingerprints


class Server(ThreadingHTTPServer):
    """Serves the result of `answer` for a path: a status, headers and a body; counts the requests."""

    daemon_threads = True

    def __init__(self, host: str) -> None:
        super().__init__((host, 0), _Handler)
        self.answer: Callable[[str], tuple[int, dict[str, str], bytes]] = lambda path: (200, {}, b"picture")
        self.asked: list[str] = []
        self.agents: set[str] = set()
        self.sent = 0  # bytes of an endless answer
        self.address = f"http://{host}:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.agents.add(self.headers["User-Agent"])
        if self.path.startswith("/endless") and self.command == "GET":
            return self._send_for_ever()
        status, headers, body = self.server.answer(self.path)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def _send_for_ever(self) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(ConnectionError):
            while True:
                self.wfile.write(bytes(1 << 16))
                self.server.sent += 1 << 16

    def log_message(self, format: str, *arguments: Any) -> None:
        """Logs nothing."""


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
    """Makes 127.0.0.1 a public address; the rest of 127.0.0.0/8 stays local."""
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


def test_a_body_that_never_ends(servers: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless file is read up to the limit, once, and the connection is closed."""
    monkeypatch.setattr(bounded, "MAX_BYTES", 10 << 20)
    server = servers()
    with pytest.raises(InputTooLarge):
        read_input(f"{server.address}/endless.png")
    assert server.asked == ["/endless.png"]
    time.sleep(0.2)
    sent = server.sent
    assert sent < 100 << 20
    time.sleep(0.2)
    assert server.sent == sent


def test_a_body_whose_length_is_above_the_limit(
    servers: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size that a server announces is enough to refuse a file."""
    monkeypatch.setattr(bounded, "MAX_BYTES", 6)
    server = servers()
    for look in (stat_input, read_input):
        with pytest.raises(InputTooLarge):
            look(f"{server.address}/a.png")


def test_a_body_that_comes_compressed(servers: Callable[..., Server]) -> None:
    """A compressed answer gives the whole picture, not only as many bytes as were sent."""
    server = servers()
    server.answer = lambda path: (200, {"Content-Encoding": "gzip"}, gzip.compress(b"picture" * 100))
    assert read_input(f"{server.address}/a.png") == b"picture" * 100


def test_a_body_that_breaks_off_is_asked_for_again(servers: Callable[..., Server]) -> None:
    """Fewer bytes than announced are an error."""
    server = servers()
    bodies = [(200, {"Content-Length": "100"}, b"pic"), (200, {}, b"picture")]
    server.answer = lambda path: bodies.pop(0)  # type: ignore[return-value]
    assert read_input(f"{server.address}/a.png") == b"picture"


@pytest.mark.parametrize("look", [stat_input, read_input])
def test_the_user_agent_is_ours(
    servers: Callable[..., Server], look: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests have our User-Agent; fsspec's configuration, or its environment variable, sets another one."""
    server = servers()
    look(f"{server.address}/a.png")
    assert server.agents == {f"Mozilla/5.0 (compatible; stylize/{release()})"}
    configured: dict[str, Any] = {}
    set_conf_env(configured, {"FSSPEC_HTTP_CLIENT_KWARGS": '{"headers": {"User-Agent": "ours 1.0 (me@host)"}}'})
    monkeypatch.setitem(conf, "http", configured["http"])
    other = servers()
    look(f"{other.address}/a.png")
    assert other.agents == {"ours 1.0 (me@host)"}


@pytest.mark.parametrize("look", [stat_input, read_input])
def test_a_server_that_refuses_programs(servers: Callable[..., Server], look: Callable[[str], object]) -> None:
    """The error says what to do."""
    server = servers()
    server.answer = lambda path: (403, {}, b"set a user agent")
    with pytest.raises(InputUnreadable) as caught:
        look(f"{server.address}/a.png")
    assert "FSSPEC_HTTP_CLIENT_KWARGS" in caught.value.todo


def test_a_sign_that_ends_an_address(servers: Callable[..., Server]) -> None:
    """The part after # is never sent: if the file is missing, the error says how to write the sign."""
    server = servers()
    server.answer = lambda path: (200 if "%23" in path else 404, {}, b"picture")
    with pytest.raises(InputMissing) as caught:
        read_input(f"{server.address}/a#1.png")
    assert "write %23 for #" in caught.value.todo
    assert read_input(f"{server.address}/a%231.png") == b"picture"


def png(seed: int) -> bytes:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (40, 40), (seed, 100, 200)).save(file, "PNG")
    return file.getvalue()


def test_urls_that_differ_in_their_query_alone(
    servers: Callable[..., Server],
    manifests: Any,
    run_loop: Callable[..., Any],
    stylize: Callable[..., Any],
    store: Any,
) -> None:
    """Each query is its own picture, in the first run and the next; a note tells of a query that is left out."""
    server = servers()
    times = {"Last-Modified": "Mon, 02 Nov 2026 08:00:00 GMT"}
    server.answer = lambda path: (200, times, png(int(path[-1])))
    rows = [manifests.rows(1, content=f"{server.address}/img?id={number}")[0] for number in (1, 2)]
    for statuses in (["done", "done"], ["skipped", "skipped"]):
        assert run_loop(manifests.write(rows)).code == 0
        assert store.statuses() == statuses
    assert store.rows()["job_id"].nunique() == 2

    again = stylize("cross", "--from-image", str(store.folder / store.rows()["image"][0]))
    assert "before you run the row, write the query of content again" in again.err
    assert f"{server.address}/img?…" in again.out

    server.answer = lambda path: (404, {}, b"")
    assert run_loop(manifests.write(rows)).code == 2
    server.answer = lambda path: (200, {}, png(3)) if path[-1] == "1" else (404, {}, b"")
    assert run_loop(manifests.write(rows)).code == 3
    (failed,) = pd.read_csv(store.folder / "runs" / store.runs[-1] / "failed.csv").to_dict("records")
    assert failed["content"] == f"{server.address}/img?…"
    assert "write the query of content again" in failed["x_error"]


@pytest.mark.parametrize("look", [stat_input, read_input])
def test_faults_of_a_server(servers: Callable[..., Server], look: Callable[[str], object]) -> None:
    """404 is a missing input; 503 is retried and retryable; 403 is reported."""
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
    """A public server's redirect to a local address, by number or name, is not followed; the error gives the reason."""
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
    """Redirects from a local server within its network are followed."""
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
    """Local are this machine, private and link-local networks, in IPv4, IPv6 and IPv4 embedded in IPv6."""
    assert http_guard._is_local(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "2606:4700::1111"])
def test_public_addresses(host: str) -> None:
    """Public addresses are not local."""
    assert not http_guard._is_local(host)


@pytest.fixture
def silent() -> Iterator[tuple[str, list[float]]]:
    """A server that closes every connection without an answer: its address, and the times of requests."""
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
    """After some failures in a row a server's other inputs fail at once; after a while it is tried again."""
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
    """A server that answers, even with an error, is not given up."""
    server = servers()
    server.answer = lambda path: (503, {}, b"")
    for number in range(2 * remote.SILENCES):
        with pytest.raises(InputUnreadable, match="the server answers 503"):
            read_input(f"{server.address}/{number}.png")
    server.answer = lambda path: (200, {}, b"picture")
    assert read_input(f"{server.address}/a.png") == b"picture"

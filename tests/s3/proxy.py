"""A web proxy between a client and a server that fails, truncates and delays chosen requests."""

import http.client
import random
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULTS = ("fail", "busy", "refuse", "lose", "cut", "delay")
"""500; 503; closed before the request reached the server; after it did; during the answer; a second late.

Also, `slow:S` sends the head of a request at once and its body S seconds later."""

DELAY_S = 1.0
_ANSWERS = {"fail": (500, "InternalError"), "busy": (503, "SlowDown")}
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect"}


def at_random(share: float, seed: int) -> Callable[[str, str], str | None]:
    """Chooses a fault for a share of the requests."""
    generator, lock = random.Random(seed), threading.Lock()

    def choose(method: str, path: str) -> str | None:
        with lock:
            return generator.choice(FAULTS) if generator.random() < share else None

    return choose


def once(fault: str, wanted: str, times: int = 1) -> Callable[[str, str], str | None]:
    """Chooses a fault for a number of first requests of a method."""
    left = [fault] * times

    def choose(method: str, path: str) -> str | None:
        return left.pop() if left and method == wanted else None

    return choose


class Proxy:
    """Listens on a port of its own until it is stopped.

    Attributes:
        address: its URL.
        choose: the fault of a request, by its method and path; None for none.
        seen: method, path and fault of each request.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream.removeprefix("http://")
        self.choose: Callable[[str, str], str | None] = lambda method, path: None
        self.seen: list[tuple[str, str, str | None]] = []
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: Proxy

    def handle_any(self) -> None:
        """Forwards a request, or applies its fault."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.owner.choose(self.command, self.path)
        self.owner.seen.append((self.command, self.path, fault))
        if fault in _ANSWERS:
            status, code = _ANSWERS[fault]
            self._answer(status, {}, f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode())
        elif fault == "refuse":
            self.close_connection = True
        else:
            if fault == "delay":
                time.sleep(DELAY_S)
            wait = float(fault.partition(":")[2]) if fault and fault.startswith("slow:") else 0.0
            status, headers, data = self._ask(body, wait)
            if fault == "lose":
                self.close_connection = True
            else:
                self._answer(status, headers, data, is_cut=fault == "cut")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def _ask(self, body: bytes, wait: float) -> tuple[int, dict[str, str], bytes]:
        server = http.client.HTTPConnection(self.owner.upstream, timeout=120)
        try:
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    server.putheader(name, value)
            server.endheaders()
            time.sleep(wait)
            if body:
                server.send(body)
            answer = server.getresponse()
            headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
            return answer.status, headers, answer.read()
        finally:
            server.close()

    def _answer(self, status: int, headers: dict[str, str], data: bytes, *, is_cut: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        length = headers.get("Content-Length", headers.get("content-length", "0"))
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(data)))
        if is_cut and not data:  # without a body the answer is cut in its headers
            self.wfile.write(b"HTTP/1.1 2")
            self.close_connection = True
            return
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if is_cut else data)
        self.close_connection = self.close_connection or is_cut

    def log_message(self, format: str, *arguments: Any) -> None:
        """Logs nothing."""

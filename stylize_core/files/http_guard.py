"""Web servers: our user agent, and a guard against redirects from public servers into the private network.

The author of a manifest may name any address, but a server may not redirect to any address: a redirect to
`http://169.254.169.254/` would fetch a cloud machine's credentials.
"""

import socket
from ipaddress import ip_address
from typing import Any

from stylize_core.files.error_kinds import LocalAddress
from stylize_core.release import release

USER_AGENT = f"Mozilla/5.0 (compatible; stylize/{release()})"
"""Our user agent. Many servers refuse the default of libraries, and some all that do not begin with Mozilla."""

CONNECT_S = 10.0
SILENCE_S = 15.0
"""Seconds without a byte after which a connection counts as broken."""


async def guarded_client(**options: Any) -> Any:
    """Returns a session for URLs of one server, for fsspec's HTTP file system.

    Args:
        options: of aiohttp's session, from fsspec's configuration; for example `headers`.
    """
    import aiohttp  # optional: installed with fsspec's extra for HTTP and with s3fs

    times = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S)
    connector = aiohttp.TCPConnector(socket_factory=HttpGuard())
    headers = {"User-Agent": USER_AGENT} | dict(options.pop("headers", {}))
    return aiohttp.ClientSession(connector=connector, timeout=times, headers=headers, **options)


class HttpGuard:
    """Makes the sockets of one session: none to a local address, unless the first one leads there.

    The first connection is always to the server that the URL names. The address is checked when the socket is made,
    after name resolution, so that a second look-up cannot give another one.
    """

    def __init__(self) -> None:
        self._is_local_server: bool | None = None

    def __call__(self, info: Any) -> socket.socket:
        """Returns a socket.

        Args:
            info: a line of `socket.getaddrinfo`.

        Raises:
            LocalAddress: the address is local and the server is not.
        """
        family, kind, protocol, _, address = info
        is_local = _is_local(address[0])
        if self._is_local_server is None:
            self._is_local_server = is_local
        if is_local and not self._is_local_server:
            raise LocalAddress("a redirect to a local address")
        return socket.socket(family, kind, protocol)


def _is_local(host: str) -> bool:
    return not ip_address(host.partition("%")[0]).is_global

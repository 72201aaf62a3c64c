"""One node of OpenStack Swift with its S3 interface, as a program: no root, no /etc, no memcached.

`python swift.py FOLDER ACCESS_KEY SECRET` prints the address once the server answers, and ends when its standard input
is closed, so that nothing is left however its parent ends. FOLDER has to be on a file system with user xattrs.
"""

import ctypes
import getpass
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

PARTS = ("account", "container", "object", "proxy")

COMMON = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {folder}/etc
devices = {folder}/devices
mount_check = false
workers = 0
fallocate_reserve = 0
log_address = /nonexistent
log_level = WARNING
"""

# Listings show an object as soon as its PUT is answered, as in S3, only while containers are updated in time.
BACKEND = """
[pipeline:main]
pipeline = {part}-server
[app:{part}-server]
use = egg:swift#{part}
container_update_timeout = 30
"""

MIDDLEWARE = "catch_errors gatekeeper healthcheck listing_formats bulk s3api tempauth copy slo dlo symlink"

PROXY = f"""
[pipeline:main]
pipeline = {MIDDLEWARE} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
node_timeout = 60
"""

FILTER = """
[filter:{name}]
use = egg:swift#{name}
"""

OPTIONS = {"s3api": "location = us-east-1\n", "tempauth": "user_{user} = {secret} .admin\n"}

HASH = """
[swift-hash]
swift_hash_path_suffix = tests
[storage-policy:0]
name = Policy-0
default = yes
"""

RINGS = """
import sys
from swift.common.ring.builder import RingBuilder
folder, *ports = sys.argv[1:]
for part, port in zip(("account", "container", "object"), map(int, ports)):
    builder = RingBuilder(4, 1, 0)
    place = {"region": 1, "zone": 1, "ip": "127.0.0.1", "replication_ip": "127.0.0.1", "device": "d1", "weight": 1.0}
    builder.add_dev({"id": 0, "port": port, "replication_port": port, "meta": "", **place})
    builder.rebalance()
    builder.get_ring().save(f"{folder}/etc/{part}.ring.gz")
"""


def free_ports(count: int) -> list[int]:
    """Returns unused ports of this machine."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def configure(folder: Path, ports: list[int], key: str, secret: str) -> None:
    """Writes the configuration of the four servers."""
    (folder / "etc").mkdir(parents=True)
    (folder / "devices" / "d1").mkdir(parents=True)
    (folder / "etc" / "swift.conf").write_text(HASH)
    values = {"user": key.replace(":", "_"), "secret": secret}
    filters = [FILTER.format(name=name) + OPTIONS.get(name, "").format(**values) for name in MIDDLEWARE.split()]
    for part, port in zip(PARTS, ports, strict=True):
        own = PROXY + "".join(filters) if part == "proxy" else BACKEND.format(part=part)
        text = COMMON.format(port=port, user=getpass.getuser(), folder=folder) + own
        (folder / "etc" / f"{part}.conf").write_text(text)
    subprocess.run([sys.executable, "-W", "ignore", "-c", RINGS, str(folder), *map(str, ports[:3])], check=True)


def start(folder: Path, part: str) -> subprocess.Popen[bytes]:
    """Starts a server, which ends with this process."""
    command = [str(Path(sys.executable).with_name(f"swift-{part}-server")), str(folder / "etc" / f"{part}.conf")]
    library = ctypes.CDLL(None)

    def end_with_parent() -> None:
        library.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

    log = (folder / f"{part}.log").open("wb")
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, preexec_fn=end_with_parent
    )


def wait_for(address: str, servers: list[subprocess.Popen[bytes]], seconds: float = 90) -> None:
    """Waits until the proxy answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and all(server.poll() is None for server in servers):
        with suppress(OSError), urllib.request.urlopen(f"{address}/healthcheck", timeout=2) as answer:
            if answer.read() == b"OK":
                return
        time.sleep(0.1)
    sys.exit("swift did not come up; see the logs in its folder")


def main() -> None:
    """Runs the node until standard input is closed."""
    folder, key, secret = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    ports = free_ports(len(PARTS))
    configure(folder, ports, key, secret)
    servers = [start(folder, part) for part in PARTS]
    address = f"http://127.0.0.1:{ports[-1]}"
    try:
        wait_for(address, servers)
        print(address, flush=True)  # noqa: T201
        sys.stdin.read()
    finally:
        for server in servers:
            server.kill()


if __name__ == "__main__":
    main()

"""Object stores with faults, and their contents, read by another client than the product's."""

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session

PROXY = runpy.run_path(str(Path(__file__).with_name("proxy.py")))


@pytest.fixture
def proxy(swift: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A proxy between this test's clients and Swift, without faults until told otherwise."""
    proxy = PROXY["Proxy"](swift.address)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
    yield proxy
    proxy.stop()


@pytest.fixture
def once() -> Callable[..., Any]:
    """Chooses a fault for a number of first requests of a method."""
    return PROXY["once"]


@pytest.fixture
def at_random() -> Callable[..., Any]:
    """Chooses a fault for a share of the requests."""
    return PROXY["at_random"]


@pytest.fixture
def fetch(swift: Any, tmp_path: Path) -> Callable[[str], Path]:
    """Copies everything below a URL into a new folder, directly from the server."""

    def copy(uri: str) -> Path:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        client = get_session().create_client("s3", endpoint_url=swift.address)
        folder = tmp_path / f"fetched-{len(list(tmp_path.glob('fetched-*')))}"
        folder.mkdir()
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                path = folder / found["Key"][len(prefix) :].lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(client.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
        return folder

    return copy


@pytest.fixture
def put(swift: Any) -> Callable[[str, bytes], None]:
    """Puts an object onto the server."""

    def put(uri: str, data: bytes) -> None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        get_session().create_client("s3", endpoint_url=swift.address).put_object(Bucket=bucket, Key=key, Body=data)

    return put

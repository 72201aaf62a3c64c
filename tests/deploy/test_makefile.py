"""`make install` with a private package index, behind a private certificate authority."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

PIP = """#!/bin/sh
case "$*" in
"config get global.index-url") echo https://index.example/simple;;
"config get global.cert") echo /etc/authority.pem;;
*) exit 1;;
esac
"""

UV = """#!/bin/sh
echo "$UV_DEFAULT_INDEX $SSL_CERT_FILE $UV_SYSTEM_CERTS" >> told
"""


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "https://index.example/simple /etc/authority.pem true"),
        ({"PIP_INDEX_URL": "https://of.pip/", "PIP_CERT": "/pip.pem"}, "https://of.pip/ /pip.pem true"),
        (
            {"UV_DEFAULT_INDEX": "https://of.uv/", "SSL_CERT_FILE": "/uv.pem", "UV_SYSTEM_CERTS": "false"},
            "https://of.uv/ /uv.pem false",
        ),
    ],
)
def test_uv_is_told_what_pip_knows(variables: dict[str, str], told: str, tmp_path: Path) -> None:
    """Index and certificates: uv's own variables first, then pip's, then pip's configuration."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml", "setup.py"):
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name, text in {"python": "", "pip": PIP, "uv": UV}.items():
        program = tmp_path / ".venv" / "bin" / name
        program.write_text(text)
        program.chmod(0o755)
    known = ("UV_", "PIP_", "SSL_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(known)} | variables
    certificates = "CERTIFICATES=/etc/ssl/cert.pem"  # as on a machine with certificates
    subprocess.run(["make", certificates, "install"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert (tmp_path / "told").read_text().splitlines() == [told] * 3

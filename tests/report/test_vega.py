"""The script that draws the report's charts: made when the package is built."""

import base64
import gzip

import pytest

from stylize_core.errors import UsageError
from stylize_core.report import template


def test_the_package_brings_the_script():
    """It unpacks to a script that defines `vegaEmbed` and signals it to the page."""
    script = gzip.decompress(base64.b64decode(template.vega())).decode()
    assert "window.vegaEmbed" in script
    assert 'window.dispatchEvent(new Event("vega"))' in script


def test_a_checkout_that_was_never_installed(monkeypatch):
    """If the script is missing, the error says how to make it."""
    monkeypatch.setattr(template, "VEGA", "missing.js.gz")
    with pytest.raises(UsageError, match=r"missing\.js\.gz · install the checkout: make install"):
        template.vega()

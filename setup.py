"""Builds the package; everything else about it is in pyproject.toml.

A report draws its charts with Vega, offline. The script is made here, once, so that nobody needs a JavaScript engine to
draw a report.
"""

import gzip
from pathlib import Path

import vl_convert
from setuptools import setup
from setuptools.command.build_py import build_py

SCRIPT = Path(__file__).parent / "stylize_core" / "report" / "vega.js.gz"

READY = 'window.vegaEmbed = vegaEmbed; window.dispatchEvent(new Event("vega"));'


class BuildWithVega(build_py):
    """Copies modules and data; first makes Vega, Vega-Lite and Vega-Embed as one script, the same bytes each time."""

    def run(self) -> None:
        """See `build_py.run`."""
        script = vl_convert.javascript_bundle(READY)
        SCRIPT.write_bytes(gzip.compress(script.encode(), compresslevel=9, mtime=0))
        super().run()


setup(cmdclass={"build_py": BuildWithVega})

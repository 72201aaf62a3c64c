"""The release of this program and of the packages that decide its numbers. A leaf: imports nothing of the project."""

import platform
from functools import cache

DISTRIBUTION = "stylize-batch"
"""The package's name when installed; on the package index, `stylize` is another program."""


@cache
def release() -> str:
    """Returns this program's release."""
    from importlib.metadata import version  # imported here: the command line starts without it

    return version(DISTRIBUTION)


@cache
def versions() -> dict[str, str]:
    """Returns the versions of the packages that decide the numbers."""
    from importlib.metadata import version

    names = ("torch", "pillow", "numpy")
    return {"python": platform.python_version(), "stylize": release(), **{name: version(name) for name in names}}


def install_extra(name: str) -> str:
    """Returns the advice for missing packages of an extra; no index has this package."""
    return f"install the extra: pip install '.[{name}]' in the checkout, or with a wheel's path instead of the dot"

"""The release of this program and of what decides its numbers. A leaf: nothing of the project is imported here."""

import platform
from functools import cache

DISTRIBUTION = "stylize-batch"
"""What the package is installed as; on the index, `stylize` is another program."""


@cache
def release() -> str:
    """Returns this program's release."""
    from importlib.metadata import version  # here: the command line starts without it

    return version(DISTRIBUTION)


@cache
def versions() -> dict[str, str]:
    """Returns the versions of what decides the numbers."""
    from importlib.metadata import version

    names = ("torch", "pillow", "numpy")
    return {"python": platform.python_version(), "stylize": release(), **{name: version(name) for name in names}}


def install_extra(name: str) -> str:
    """Returns what to do where the packages of an extra are missing; no index knows this package."""
    return f"install the extra: pip install '.[{name}]' in the checkout, or with a wheel's path in place of the dot"

"""The release of this program and of what decides its numbers. A leaf: nothing of the project is imported here."""

import platform
from functools import cache


@cache
def release() -> str:
    """Returns this program's release."""
    from importlib.metadata import version  # here: the command line starts without it

    return version("stylize")


@cache
def versions() -> dict[str, str]:
    """Returns the versions of what decides the numbers."""
    from importlib.metadata import version

    names = ("torch", "pillow", "numpy")
    return {"python": platform.python_version(), "stylize": release(), **{name: version(name) for name in names}}

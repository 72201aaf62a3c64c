"""The release of this program and of what decides its numbers. A leaf: nothing of the project is imported here."""

import platform
from functools import cache
from importlib.metadata import version


@cache
def versions() -> dict[str, str]:
    """Returns the versions of what decides the numbers."""
    names = ("stylize", "torch", "torchvision", "pillow", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}

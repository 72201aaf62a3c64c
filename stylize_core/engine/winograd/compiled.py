"""C that belongs to the engine, compiled when it is first needed by the compiler of the system.

It makes things faster and nothing else: whoever asks has another way where there is no compiler.
"""

import ctypes
import logging
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

log = logging.getLogger(__name__)

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O3", "-march=native", "-fPIC", "-fopenmp")
SECONDS = 60
"""Longest that the compiler may take; it takes less than one."""


@cache
def compiled(name: str, constants: tuple[tuple[str, str], ...] = ()) -> ctypes.CDLL | None:
    """Returns a library made of a C file of this folder, None where it cannot be made here.

    It is made for this very processor, anew in each process, and never read from a cache that another could write.

    Args:
        name: of the file.
        constants: names and values that the file takes as defined.
    """
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        log.info("%s: no C compiler, slower without", name)
        return None
    try:
        with TemporaryDirectory() as folder, resources.as_file(resources.files(__package__) / name) as source:
            return ctypes.CDLL(str(_build(compiler, source, dict(constants), Path(folder))))
    except (OSError, subprocess.SubprocessError) as error:
        log.info("%s: cannot be compiled, slower without: %s", name, error)
        return None


def _build(compiler: str, source: Path, constants: Mapping[str, str], folder: Path) -> Path:
    defines = [f"-D{name}={value}" for name, value in constants.items()]
    made, library = folder / "made.o", folder / "made.so"
    _call(compiler, *FLAGS, *defines, "-c", str(source), "-o", str(made))
    # Not linked with OpenMP: its functions are those of the library that torch has loaded, whose threads it so shares.
    _call(compiler, "-shared", str(made), "-o", str(library))
    return library


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)

"""C code of the engine, compiled on first use by the system's compiler.

It only improves speed: callers have an alternative if there is no compiler.
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
"""Time limit for the compiler, which usually takes less than one second."""


@cache
def compiled(name: str, constants: tuple[tuple[str, str], ...] = ()) -> ctypes.CDLL | None:
    """Returns a library compiled from a C file of this folder, None if that fails on this machine.

    Each process compiles it for its own processor; it is never read from a cache that others could write.

    Args:
        name: of the file.
        constants: names and values of macros to define.
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
    # Not linked with OpenMP: it uses the OpenMP library that torch has loaded, and so shares its threads.
    _call(compiler, "-shared", str(made), "-o", str(library))
    return library


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)

"""The architecture: imports go one way, rooms of a floor are independent, and each uses only its listed packages."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from docs.draw import OURS, imports, module_of, part_of, used_parts

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    [
        *ROOT.glob("stylize_core/*/**/*.py"),
        *ROOT.glob("stylize_core/[!_]*.py"),
        *ROOT.glob("flows/stylize_flows/**/*.py"),
    ]
)

FLOORS = (
    {"control_codes"},
    {"errors", "release", "shapes"},
    {"layers", "options", "images", "spool"},
    {"terms", "setting_field"},
    {"settings"},
    {"presets", "job", "engine"},
    {"files", "wording"},
    {"manifest", "store", "pictures"},
    {"plan", "chunk", "record"},
    {"sheets", "export", "trackers"},
    {"report"},
    {"run"},
    {"api"},
    {"flows"},
)
"""Parts of the code by floor, lowest first; a part uses only those on floors below."""

LEAVES = {"control_codes", "errors", "shapes", "layers", "terms", "setting_field", "settings", "presets", "job"}


def floor_of(part: str) -> int:
    """The number of a part's floor; a new part has to get one."""
    return next(floor for floor, parts in enumerate(FLOORS) if part in parts)


def packages(path: Path) -> set[str]:
    """Third-party packages that a file imports."""
    tops = {name.partition(".")[0] for name in imports(path)}
    return tops - set(sys.stdlib_module_names) - set(OURS)


def test_every_part_has_its_floor() -> None:
    """The floors name exactly the existing parts."""
    assert {part_of(module_of(path)) for path in SOURCES} == set().union(*FLOORS)


def test_imports_run_one_way() -> None:
    """A file uses only its own part and those on floors below, so there are no cycles."""
    upward = [
        f"{module_of(path)} -> {part}"
        for path in SOURCES
        for part in used_parts(path)
        if floor_of(part) >= floor_of(part_of(module_of(path)))
    ]
    assert upward == []


def test_prefect_lives_in_flows() -> None:
    """Nothing outside flows/ imports Prefect or its dependencies."""
    with_prefect = {path for path in SOURCES if packages(path) & {"prefect", "prefect_dask", "dask", "distributed"}}
    assert {part_of(module_of(path)) for path in with_prefect} == {"flows"}


@pytest.mark.parametrize("part", ["record", "sheets", "export", "trackers", "report"])
def test_what_people_look_at_is_made_of_the_store_alone(part: str) -> None:
    """Tables, sheets and pages need only a store: they import no engine, plan or run."""
    used = set().union(*(used_parts(path) for path in SOURCES if part_of(module_of(path)) == part))
    assert used.isdisjoint({"engine", "images", "plan", "chunk", "run", "flows"})


@pytest.mark.parametrize(
    ("part", "allowed"),
    [
        ("images", {"torch", "numpy", "PIL"}),
        ("engine", {"torch", "safetensors"}),
        ("files", {"fsspec", "aiohttp"}),
        ("store", {"pandas", "pyarrow", "numpy"}),
        ("manifest", {"fsspec", "pydantic", "pyarrow", "numpy"}),
        *((leaf, set()) for leaf in sorted(LEAVES)),
    ],
)
def test_each_part_needs_no_more_than_it_says(part: str, allowed: set[str]) -> None:
    """Rooms and leaves import only these packages."""
    used = set().union(*(packages(path) for path in SOURCES if part_of(module_of(path)) == part))
    assert used <= allowed


NOT_FOR_THE_ENGINE = """
    torchvision pydantic pandas pyarrow fsspec safetensors prefect rich jinja2 cyclopts fastapi sqlalchemy
"""

WITHOUT = """
import importlib, sys
sys.modules.update(dict.fromkeys({missing}))  # as if they were not installed
for module in {modules}:
    importlib.import_module(module)
"""


@pytest.mark.parametrize(("part", "missing"), [("engine", NOT_FOR_THE_ENGINE), ("stylize_flows.cli", "prefect torch")])
def test_imports_without(part: str, missing: str) -> None:
    """The engine needs only torch, numpy and Pillow; the help of the command line does not need Prefect."""
    modules = [module_of(path) for path in SOURCES if part_of(module_of(path)) == part] or [part]
    program = WITHOUT.format(missing=missing.split(), modules=modules)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_core_neither_prints_nor_exits_nor_reads_the_environment() -> None:
    """stylize_core depends only on its arguments, and returns or raises instead of printing."""
    forbidden = {"os.environ", "os.getenv", "sys.exit", "sys.stdout", "sys.stderr", "os._exit", "print", "input"}
    used = [
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for path in ROOT.glob("stylize_core/**/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Attribute, ast.Name)) and ast.unparse(node) in forbidden
    ]
    assert used == []

"""Renews what documents generate from the code, between two markers: the picture of the parts and the store's columns.

python docs/draw.py
"""

import ast
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from stylize_core.store import records

ROOT = Path(__file__).parents[1]
OURS = ("stylize_core", "stylize_flows")
BEGIN, END = "<!-- {}: begin (written by docs/draw.py) -->", "<!-- {}: end -->"


def part_of(module: str) -> str:
    """Returns the part of the code that a module belongs to: `engine`, or for everything in stylize_flows `flows`."""
    top, _, rest = module.partition(".")
    return rest.partition(".")[0] if top == "stylize_core" else "flows"


def module_of(path: Path) -> str:
    """Returns the module name of a file."""
    top = ROOT / "flows" if "stylize_flows" in path.parts else ROOT
    return ".".join(path.relative_to(top).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    """Yields every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            whole = node.module in OURS  # of these the names are modules
            yield from (f"{node.module}.{alias.name}" for alias in node.names) if whole else (str(node.module),)


def used_parts(path: Path) -> set[str]:
    """Returns the other parts of the code that a file uses."""
    own = {name for name in imports(path) if name.partition(".")[0] in OURS}
    return {part_of(name) for name in own} - {part_of(module_of(path))}


def parts() -> str:
    """Returns the rooms and their dependencies as mermaid, without the leaves that all may use."""
    rooms = sorted({path.parent.name for path in ROOT.glob("stylize_core/*/*.py")} | {"flows"})
    files = [*ROOT.glob("stylize_core/**/*.py"), *ROOT.glob("flows/stylize_flows/**/*.py")]
    arrows = {(part_of(module_of(path)), used) for path in files for used in used_parts(path)}
    drawn = sorted((one, other) for one, other in arrows if {one, other} <= set(rooms))
    direct = [
        (one, other) for one, other in drawn if not any((one, way) in drawn and (way, other) in drawn for way in rooms)
    ]
    return "\n".join(["```mermaid", "flowchart TD", *(f"    {one} --> {other}" for one, other in direct), "```"])


def columns(name: str, schema: pa.Schema) -> str:
    """Returns a table of a schema's columns with the code's comment on each."""
    said = comments()
    rows = [f"| `{field.name}` | {field.type} | {said.get((name, field.name), '')} |" for field in schema]
    return "\n".join(["| column | type | |", "| --- | --- | --- |", *rows])


def comments() -> dict[tuple[str, str], str]:
    """Returns the comment after each column in `records.py`, by schema and column."""
    found, schema = {}, ""
    for line in inspect.getsource(records).splitlines():
        code, _, comment = line.partition("  # ")
        if code.startswith("class Result"):
            schema = "RESULTS"
        elif " = pa.schema(" in code:
            schema = code.partition(" = ")[0]
        name = code.strip().removeprefix("(").strip('"').partition('"')[0].partition(":")[0]
        if comment:
            found[schema, name] = comment.replace("|", r"\|")
    return found


def store() -> str:
    """Returns the columns of every table that a store publishes."""
    tables = {
        "results/*.parquet": "RESULTS",
        "metrics/*.parquet": "METRICS",
        "runs/<run>/plan.parquet": "PLAN",
        "runs/<run>/results.parquet": "ROWS",
    }
    return "\n\n".join(f"### `{path}`\n\n{columns(name, getattr(records, name))}" for path, name in tables.items())


WRITTEN: dict[str, Callable[[], str]] = {"architecture": parts, "store": store}
"""The generated part of each document."""


def renewed(name: str) -> str:
    """Returns a document with its renewed part."""
    text, begin, end = (ROOT / f"docs/{name}.md").read_text(encoding="utf-8"), BEGIN.format(name), END.format(name)
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{WRITTEN[name]()}\n{end}{rest.partition(end)[2]}"


if __name__ == "__main__":
    for document in WRITTEN:
        (ROOT / f"docs/{document}.md").write_text(renewed(document), encoding="utf-8")

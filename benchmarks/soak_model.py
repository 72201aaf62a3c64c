"""Checks a store, its report and its exports for `soak`: their contents must not depend on what was killed.

It reads the store with pandas only, and does not rely on the product's own code. The row's seed identifies a job.
"""

import base64
import gzip
import hashlib
import io
import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from benchmarks.soak_inputs import Row

OF_THE_RUN = ["commit", "run", "seconds"]
"""Columns in which a job differs from run to run."""

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class State:
    """The contents of a store.

    Attributes:
        folder: of the store.
        lines: every committed line, by seed, without duplicates, which exist while commits are joined.
        runs: names of the planned runs.
    """

    folder: Path
    lines: pd.DataFrame
    runs: frozenset[str]

    @classmethod
    def read(cls, folder: Path) -> "State":
        """Reads a store."""
        lines = _tables(folder / "results").drop_duplicates()
        seeds = [str(json.loads(text)["seed"]) for text in lines["settings"]] if len(lines) else []
        runs = frozenset(path.parent.name for path in folder.glob("runs/*/plan.parquet"))
        return cls(folder, lines.set_axis(pd.Index(seeds, name="seed")), runs)

    @property
    def status(self) -> dict[str, str]:
        """The status of each committed job."""
        return dict(zip(self.lines.index, self.lines["status"], strict=True)) if len(self.lines) else {}

    def rows(self, run: str) -> list[str] | None:
        """Returns the published status of each row of a run; None if it is not published."""
        path = self.folder / "runs" / run / "results.csv"
        return list(pd.read_csv(path, dtype=str, keep_default_na=False)["status"]) if path.exists() else None

    def files(self, folder: str) -> dict[str, bytes]:
        """Returns the bytes of each file below a folder."""
        paths = (path for path in (self.folder / folder).rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}


def check_step(before: State, after: State, computed: Sequence[int]) -> Iterator[str]:
    """Yields what is wrong with a store after a command, however it ended."""
    if twice := before.status.keys() & set(map(str, computed)):
        yield f"committed and computed again, by seed: {sorted(twice)}"
    if several := [seed for seed, count in Counter(after.lines.index).items() if count > 1]:
        yield f"several results, by seed: {several}"
    kept = after.lines[after.lines.index.isin(before.lines.index)]
    if len(before.lines) and not _plain(before.lines).equals(_plain(kept)):
        yield "committed lines are lost or changed"


def _plain(lines: pd.DataFrame) -> pd.DataFrame:
    """Returns lines as texts, because the type of a column depends on the files that are read with it."""
    return lines.astype("object").where(lines.notna(), None).astype("str").sort_index()


def check_rows(
    before: State, after: State, rows: Sequence[Row], expected: Sequence[str], *, whole: bool
) -> Iterator[str]:
    """Yields what is wrong with the rows of a run that ended by itself or was asked to stop.

    Args:
        before: the store before the run.
        after: the store after it.
        rows: of the manifest.
        expected: the status of each row in the store of an undisturbed run.
        whole: whether the run finished.
    """
    for run in after.runs - before.runs:
        found = after.rows(run)
        if found is None:
            if whole:
                yield f"run {run} has no rows"
            continue
        wanted = [_status(row["seed"], before, after, one) for row, one in zip(rows, expected, strict=True)]
        if found != wanted:
            yield f"rows are {found}, expected from the tables: {wanted}"
    if whole and len(after.runs - before.runs) != 1:
        yield f"new runs: {after.runs - before.runs}"
    if whole and after.status != (
        due := {row["seed"]: one for row, one in zip(rows, expected, strict=True) if one != "rejected"}
    ):
        yield f"committed: {after.status}, expected: {due}"


def _status(seed: str, before: State, after: State, expected: str) -> str:
    if expected == "rejected":
        return expected
    if before.status.get(seed) == "done":
        return "skipped"
    return after.status.get(seed, "stopped")


def check_same(undisturbed: State, store: State) -> Iterator[str]:
    """Yields how a finished store differs from that of an undisturbed run: laws 2 and 3."""
    for folder in ("images", "snapshots"):
        wanted, found = undisturbed.files(folder), store.files(folder)
        if wanted != found:
            names = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
            yield f"{folder} differ from those of an undisturbed run: {names}"
    tables = [_plain(state.lines.drop(columns=OF_THE_RUN)) for state in (undisturbed, store)]
    yield from _differences(*tables, "results")
    losses = [_tables(state.folder / "metrics") for state in (undisturbed, store)]
    if all(len(table) for table in losses):
        losses = [_plain(table.drop(columns="seconds").set_index(["job_id", "step"])) for table in losses]
    yield from _differences(*losses, "losses")


def _differences(wanted: pd.DataFrame, found: pd.DataFrame, what: str) -> Iterator[str]:
    if len(wanted) != len(found):
        yield f"{len(found)} lines of {what}, {len(wanted)} in the store of an undisturbed run"
    elif not wanted.equals(found):
        columns = [name for name in wanted if not wanted[name].equals(found[name])]
        yield f"{what} differ from those of an undisturbed run in {columns}"


def check_report(page: Path, status: Sequence[str]) -> Iterator[str]:
    """Yields how a report's table differs from the rows of its run."""
    packed = re.search(r'id="table">([^<]*)<', page.read_text(encoding="utf-8"))
    assert packed, "the page has a table"
    words = json.loads(gzip.decompress(base64.b64decode(packed[1])))["texts"]["status"]
    codes = words["codes"] if isinstance(words["codes"], list) else [words["codes"]] * len(status)
    found = [words["words"][code] for code in codes]
    if found != list(status):
        yield f"the report shows {found}, the tables {list(status)}"


def check_export(output: Path, store: State, rows: Sequence[Row]) -> Iterator[str]:
    """Yields how an export differs from the store: it must have an image for each row whose job is done."""
    is_done = store.lines["status"] == "done"
    images = dict(zip(store.lines.index[is_done], store.lines["image"][is_done], strict=True))
    wanted = [images[row["seed"]] for row in rows if row["seed"] in images]
    due = Counter(_pixels((store.folder / path).read_bytes()) for path in wanted)
    found = Counter(map(_pixels, _exported(output)))
    if due != found:
        yield f"the export has {found.total()} images, {(due & found).total()} of the {len(wanted)} expected"


def _exported(output: Path) -> Iterator[bytes]:
    """Returns the images of an export in any format."""
    for path in output.rglob("*.tar"):
        with tarfile.open(path) as tar:
            members = [tar.extractfile(member) for member in tar if Path(member.name).suffix in ENDINGS]
            yield from (member.read() for member in members if member)
    for path in output.rglob("*.parquet"):
        table = pd.read_parquet(path)
        yield from (image["bytes"] for image in table.get("image", ()))
    yield from (path.read_bytes() for path in output.rglob("*") if path.suffix in ENDINGS)


def _pixels(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as image:
        return hashlib.sha256(image.mode.encode() + str(image.size).encode() + image.tobytes()).hexdigest()


def bytes_of(folder: Path) -> Mapping[str, bytes]:
    """Returns the bytes of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _tables(folder: Path) -> pd.DataFrame:
    paths = sorted(path for path in folder.glob("*.parquet") if not path.name.startswith("."))
    frames: list[Any] = [pd.read_parquet(path) for path in paths]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

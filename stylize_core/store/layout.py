"""The layout of a store; paths are relative to its root, with forward slashes."""

import re

SCHEMA_VERSION = 1

STORE = "store.json"
INPUTS = "inputs"
WRONG_INPUTS = f"{INPUTS}/wrong"
IMAGES = "images"
SNAPSHOTS = "snapshots"
METRICS = "metrics"
RESULTS = "results"
RUNS = "runs"
LEASE = "lease"

SHEETS = "contact-sheets"
REPORT = "report.html"

SUFFIX = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
"""File name endings by setting `format`."""


_MARKED = [
    re.compile(pattern)
    for pattern in (
        rf"{IMAGES}/([0-9a-f]{{2}})/\1[0-9a-f]{{22}}(\.failed-\d+)?\.(png|jpg|webp)",
        rf"{SNAPSHOTS}/([0-9a-f]{{2}})/\1[0-9a-f]{{22}}/\d{{6,}}\.png",
        rf"{METRICS}/[^./][^/]*-\d{{19}}-[0-9a-f]{{8}}(_\d{{4}})?\.parquet",
    )
]


_DRAWN = re.compile(rf"{RUNS}/([^/]+)/({SHEETS}/.*[^/.]\.(jpg|html)|{re.escape(REPORT)}|compare-[^/]+\.html)")


def run_of_drawing(path: str) -> str | None:
    """Returns the run of a sheet or a page, which `stylize report` can draw again; None for any other file."""
    found = _DRAWN.fullmatch(path)
    return found[1] if found else None


def is_ours(path: str) -> bool:
    """Returns whether this program makes such a name below images, snapshots or metrics."""
    return any(pattern.fullmatch(path) for pattern in _MARKED)


def image(job_id: str, format: str, *, failed_attempt: int | None = None) -> str:
    """Returns the path of a result image; each failed attempt has its own, so that none is overwritten."""
    failed = f".failed-{failed_attempt}" if failed_attempt else ""
    return f"{IMAGES}/{job_id[:2]}/{job_id}{failed}{SUFFIX[format]}"


def snapshot(job_id: str, step: int) -> str:
    """Returns the path of the snapshot after `step` updates; always PNG."""
    return f"{SNAPSHOTS}/{job_id[:2]}/{job_id}/{step:06d}.png"


def thumbnail(sha256: str) -> str:
    """Returns the path of an input's 256 px picture."""
    return f"{INPUTS}/{sha256[:2]}/{sha256}.jpg"


def metrics(commit: str) -> str:
    """Returns the path of a commit's losses."""
    return f"{METRICS}/{commit}.parquet"


def results(commit: str) -> str:
    """Returns the path of a commit's mark."""
    return f"{RESULTS}/{commit}.parquet"


def run(run: str, name: str) -> str:
    """Returns the path of a file of a run."""
    return f"{RUNS}/{run}/{name}"


def partition(run: str, number: int) -> str:
    """Returns the path of the jobs of a partition of a run."""
    return f"{RUNS}/{run}/partitions/{number:05d}.parquet"


def lease(n: int) -> str:
    """Returns the path of the n-th holder of the store."""
    return f"{LEASE}/{n:08d}.json"

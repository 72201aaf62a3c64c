"""What a store records, as columns: a line per finished job, a line per job and step, a line per manifest row."""

from dataclasses import dataclass, field, fields

import pyarrow as pa

from stylize_core.errors import StylizeError
from stylize_core.terms import LOSSES, TERM_NAMES, loss_columns

_TEXT, _INT, _LONG, _FLOAT = pa.string(), pa.int32(), pa.int64(), pa.float32()

QUALITY = ("ssim", "colour", "gram")
"""How near a result is to its content (ssim) and its style; defined in `engine.quality` and docs/quality.md."""

TERMS = LOSSES

FINALS = tuple(f"final_{loss}" for loss in LOSSES)
QUALITIES = tuple(f"quality_{figure}" for figure in QUALITY)
FIGURES = (*FINALS, *QUALITIES)
"""Of a result, the numbers that say how good it is."""

ADDED = frozenset(
    {
        *QUALITIES,
        *(f"final_{term.name}" for term in TERM_NAMES if not term.is_original),
        *loss_columns(is_original=False),
    }
)
"""Columns that files of earlier releases lack: they are read as null. A column that may be null can be added without
another schema version, because a release that does not know it does not read it."""

RESULTS = pa.schema(
    [
        ("job_id", _TEXT),
        ("commit", _TEXT),
        ("run", _TEXT),
        ("attempt", _INT),  # 1 for the first
        ("status", _TEXT),  # done | failed
        ("error_code", _TEXT),
        ("error", _TEXT),
        ("retryable", pa.bool_()),
        ("form", _TEXT),
        ("settings", _TEXT),  # Settings.to_json()
        ("digests", _TEXT),  # JSON: content, styles [[sha256, weight]], init, weights
        ("image", _TEXT),  # path in the store; also of a diverged job's best image
        ("image_sha256", _TEXT),
        ("bytes", _LONG),
        ("width", _INT),
        ("height", _INT),
        ("steps", _INT),  # updates done
        ("best_step", _INT),  # step with the lowest total
        *((name, _FLOAT) for name in FIGURES),  # of the clamped 8-bit image; null without one
        ("seconds", pa.float64()),  # wall, of the job's batch, divided by its jobs
        ("device", _TEXT),
        ("precision", _TEXT),
        ("versions", _TEXT),  # JSON
    ]
)

METRICS = pa.schema(
    [
        ("job_id", _TEXT),
        ("step", _INT),  # step k = the loss after k updates
        ("evaluation", _INT),
        ("size_px", _INT),  # long edge
        ("seconds", _FLOAT),  # wall, since the job's batch began
        ("total", _FLOAT),
        *((name, _FLOAT) for name in loss_columns(is_original=True)),  # without layer weights; null where unused
        *((name, _FLOAT) for name in loss_columns(is_original=False)),
    ]
)

PLAN = pa.schema(  # runs/<run>/plan.parquet: a line per manifest row, in its order
    [
        ("row", _INT),  # 1 for the first data row
        ("line", _INT),  # of the manifest file
        ("id", _TEXT),
        ("job_id", _TEXT),  # null where rejected
        ("action", _TEXT),  # run | skip | keep_failed | reject
        ("preset", _TEXT),
        ("content", _TEXT),  # absolute, without credentials
        ("style", _TEXT),
        ("init", _TEXT),
        ("settings", _TEXT),  # Settings.to_json(); null where rejected
        ("digests", _TEXT),  # JSON as in results
        ("cells", _TEXT),  # JSON of the row's cells as read, column -> text
        ("chunk", _INT),
        ("error_code", _TEXT),
        ("error", _TEXT),
    ]
)

_SOURCE = pa.struct([("uri", _TEXT), ("sha256", _TEXT), ("width", _INT), ("height", _INT)])

JOBS = pa.schema(  # a line per job that is to be run, in a private file; the URIs of its inputs are whole
    [
        ("job_id", _TEXT),
        ("content", _SOURCE),
        ("style", _SOURCE),
        ("style_weight", pa.float64()),
        ("init", _SOURCE),  # null where there is none
        ("settings", _TEXT),  # Settings.to_json()
        ("height", _INT),  # of the target, pixels
        ("width", _INT),
    ]
)

PARTITION = pa.schema(  # runs/<run>/partitions/<number>.parquet: a line per job of some chunks, in their order
    [("chunk", _INT), ("attempt", _INT), *JOBS]  # the attempt that the run makes
)

ROWS = pa.schema(  # runs/<run>/results.parquet and .csv: a line per manifest row, in its order
    [
        ("row", _INT),
        ("id", _TEXT),
        ("job_id", _TEXT),
        ("status", _TEXT),  # done | skipped | failed | rejected | stopped
        ("image", _TEXT),
        ("seconds", pa.float64()),
        *((name, _FLOAT) for name in FIGURES),
        ("error_code", _TEXT),
        ("error", _TEXT),
    ]
)

STATUSES = ("done", "skipped", "failed", "rejected", "stopped")


@dataclass(slots=True, kw_only=True)
class Result:
    """A line of `RESULTS`; the attributes are its columns, but for `figures`: those of `FIGURES` that are known."""

    job_id: str
    commit: str = ""
    run: str
    attempt: int
    status: str
    error_code: str | None = None
    error: str | None = None
    retryable: bool | None = None
    form: str
    settings: str
    digests: str
    image: str | None = None
    image_sha256: str | None = None
    bytes: int | None = None
    width: int
    height: int
    steps: int | None = None
    best_step: int | None = None
    figures: dict[str, float | None] = field(default_factory=dict)
    seconds: float | None = None
    device: str
    precision: str
    versions: str


@dataclass(slots=True, kw_only=True)
class Outcome:
    """A finished job, ready to be committed.

    Attributes:
        result: its line; `commit`, `image`, `image_sha256` and `bytes` are filled in when it is published.
        image: the encoded result, None where there is none.
        format: of the image, as in setting `format`.
        snapshots: encoded PNG by step.
        metrics: its lines, with schema `METRICS`; None where nothing was computed.
    """

    result: Result
    image: bytes | None = None
    format: str = "png"
    snapshots: dict[int, bytes] = field(default_factory=dict)
    metrics: pa.Table | None = None

    def refuse(self, error: StylizeError) -> None:
        """Makes the job a failed one without pictures, because the store does not take them."""
        self.result.status, self.result.error_code = "failed", error.code
        self.result.error, self.result.retryable = str(error), error.retryable
        self.image, self.snapshots = None, {}


def results_table(results: list[Result]) -> pa.Table:
    """Returns results as a table with schema `RESULTS`."""
    names = [column.name for column in fields(Result) if column.name != "figures"]
    lines = [{**{name: getattr(result, name) for name in names}, **result.figures} for result in results]
    return pa.Table.from_pylist(lines, schema=RESULTS)

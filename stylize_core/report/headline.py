"""The run in figures, as text for the head of the page."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from stylize_core import wording
from stylize_core.record.run_record import RunRecord

MEANING: Mapping[str, str] = {
    "done": "made by this run",
    "skipped": "made by an earlier run",
    "failed": "tried, but without a usable result",
    "rejected": "refused before anything ran",
    "stopped": "not reached; run the manifest again to finish",
}


def sentence(record: RunRecord) -> str:
    """Returns text such as `12 rows: 9 done, 1 skipped, 2 failed`."""
    parts = [f"{count:,} {status}" for status, count in record.counts.items() if count]
    return f"{wording.plural(sum(record.counts.values()), 'row')}: {', '.join(parts)}"


def period(record: RunRecord) -> str:
    """Returns when the run started and ended, with the day once; empty if that is not recorded."""
    times = [str(record.environment.get(name) or "") for name in ("started", "finished")]
    start, end = map(wording.moment, times)
    day, _, _ = start.rpartition(", ")
    return f"{start} to {end.removeprefix(f'{day}, ')}" if start and end else start


def tiles(record: RunRecord) -> dict[str, str]:
    """Returns the headline's figures by name; unknown ones are left out."""
    made, computed = record.totals.jobs["done"], record.totals.seconds["done"]
    wall = _wall_seconds(record.environment)
    hours = (wall or computed) / 3600
    figures = {
        "wall time": wording.duration(wall) if wall else "",
        "images per hour": f"{made / hours:,.0f}" if made and hours else "",
        "device time": wording.duration(computed) if computed else "",
        "forecast": _forecast(record.forecast),
        "images": wording.size(record.totals.bytes),
        "device": str(record.environment.get("device") or ""),
        "precision": str(record.environment.get("precision") or ""),
        "weights": str((record.environment.get("weights") or {}).get("name") or ""),
    }
    return {name: value for name, value in figures.items() if value}


def environment(record: RunRecord) -> dict[str, str]:
    """Returns the environment of the run."""
    known = record.environment
    weights, versions = (known.get(name) or {} for name in ("weights", "versions"))
    figures = {
        **{name: wording.moment(str(known.get(name) or "")) for name in ("started", "finished")},
        **{name: str(known.get(name) or "") for name in ("device", "precision", "host", "threads")},
        "weights": str(weights.get("name") or ""),
        "weights sha256": str(weights.get("sha256") or ""),
        **{str(name): str(version) for name, version in versions.items()},
        **{f"option {name}": str(value) for name, value in (known.get("options") or {}).items()},
    }
    return {name: value for name, value in figures.items() if value}


def _forecast(forecast: Mapping[str, Any]) -> str:
    seconds = forecast.get("seconds")
    if not seconds:
        return ""
    return wording.duration(seconds) + ("" if forecast.get("probed", True) else " (unprobed)")


def _wall_seconds(environment: Mapping[str, Any]) -> float | None:
    try:
        times = [datetime.fromisoformat(environment[name]) for name in ("started", "finished")]
        return (times[1] - times[0]).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None

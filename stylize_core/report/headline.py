"""The run in figures, as words for the head of the page."""

import json
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
    """Writes `12 rows: 9 done, 1 skipped, 2 failed`."""
    parts = [f"{count:,} {status}" for status, count in record.counts.items() if count]
    return f"{wording.plural(sum(record.counts.values()), 'row')}: {', '.join(parts)}"


def period(record: RunRecord) -> str:
    """Writes when the run started and ended, the day once; empty where that is not recorded."""
    times = [str(record.environment.get(name) or "") for name in ("started", "finished")]
    start, end = map(wording.moment, times)
    day, _, _ = start.rpartition(", ")
    return f"{start} to {end.removeprefix(f'{day}, ')}" if start and end else start


def tiles(record: RunRecord) -> dict[str, str]:
    """Returns the headline's figures by their names; those that are not known are left out."""
    made, computed = record.totals.made, record.totals.seconds
    wall = _wall_seconds(record.environment)
    hours = (wall or computed) / 3600
    figures = {
        "wall time": wording.duration(wall) if wall else "",
        "images per hour": f"{made / hours:,.0f}" if made and hours else "",
        "device time": wording.duration(computed) if computed else "",
        "forecast": _forecast(record.forecast),
        "images": wording.size(record.totals.bytes),
        "device": _recorded(record, "device"),
        "precision": _recorded(record, "precision"),
        "weights": str((record.environment.get("weights") or {}).get("name") or ""),
    }
    return {name: value for name, value in figures.items() if value}


def environment(record: RunRecord) -> dict[str, str]:
    """Returns where the run took place and with what: as it recorded itself, or else as its results tell."""
    stated = record.environment
    weights = stated.get("weights") or {}
    networks = sorted({job.network for job in record.jobs if job.network})
    figures = {
        **{name: wording.moment(str(stated.get(name) or "")) for name in ("started", "finished")},
        **{name: _recorded(record, name) for name in ("device", "precision")},
        **{name: str(stated.get(name) or "") for name in ("host", "threads")},
        "weights": str(weights.get("name") or ""),
        "weights sha256": str(weights.get("sha256") or ", ".join(networks)),
        **{str(name): str(version) for name, version in _versions(record).items()},
        **{f"option {name}": str(value) for name, value in (stated.get("options") or {}).items()},
    }
    return {name: value for name, value in figures.items() if value}


def _versions(record: RunRecord) -> Mapping[str, Any]:
    stated = record.environment.get("versions")
    if not stated and record.results.num_rows:
        stated = json.loads(record.results["versions"][0].as_py() or "{}")
    return stated or {}


def _forecast(forecast: Mapping[str, Any]) -> str:
    seconds = forecast.get("seconds")
    if not seconds:
        return ""
    return wording.duration(seconds) + ("" if forecast.get("probed", True) else " (unprobed)")


def _recorded(record: RunRecord, name: str) -> str:
    """From the run's environment, or else from its results; an earlier run's device may have been another."""
    stated = record.environment.get(name)
    found = sorted(set(record.results[name].drop_null().to_pylist()))
    return str(stated) if stated else ", ".join(found)


def _wall_seconds(environment: Mapping[str, Any]) -> float | None:
    try:
        times = [datetime.fromisoformat(environment[name]) for name in ("started", "finished")]
        return (times[1] - times[0]).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None

"""Measures the cost of the report, by number of rows: seconds, memory, bytes, and when a browser shows it.

    python -m benchmarks.report [--rows 1 12 1000 100000] [--images DIR] [--store DIR] [--output DIR]

Synthetic stores are written directly (see report_store.py), and each report is drawn in a fresh process. Memory is the
peak of the resident set, without the process and its imports. Paint is `first-contentful-paint` of the page from
`file://` in Chromium without a network; table is when all rows can be filtered. Writes report.csv.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

from benchmarks.command import machine, make_console, table_of
from benchmarks.memory import in_fresh_process, reset_peak, resident_bytes
from benchmarks.report_store import RUN, write_store

Line = dict[str, int | float | str]

READY = "document.body.dataset.ready"

PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def measure(store: str) -> Line:
    """Draws sheets and page of the report separately and returns its figures; to be called in a fresh process."""
    from stylize_core.files.files import Files
    from stylize_core.record.thumbnails import Thumbnails
    from stylize_core.report import page
    from stylize_core.report.findings import read_findings
    from stylize_core.sheets.sheets import write_sheets

    files = Files(store)
    reset_peak()
    before = resident_bytes("VmRSS")
    times = [time.perf_counter()]
    findings = read_findings(files, RUN)
    times.append(time.perf_counter())
    pictures = Thumbnails(files)
    sheets = write_sheets(findings.rows, findings.record, pictures)
    times.append(time.perf_counter())
    html = page.render_page(findings, sheets, pictures)
    times.append(time.perf_counter())
    files.publish(f"runs/{RUN}/{page.NAME}", html.encode())
    names = ("read_seconds", "sheets_seconds", "page_seconds")
    seconds = {name: end - begin for name, begin, end in zip(names, times[:-1], times[1:], strict=True)}
    peak = resident_bytes("VmHWM") - before
    return {**seconds, "peak_bytes": peak, "page_bytes": len(html.encode())}


def look(page: Path) -> Line:
    """Returns when Chromium has painted the page, and when its table and charts are there, in milliseconds."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        tab = browser.new_context(offline=True, viewport={"width": 1280, "height": 900}).new_page()
        tab.goto(page.as_uri(), wait_until="commit")
        tab.wait_for_function(READY, timeout=120_000, polling=50)
        ready = tab.evaluate("performance.now()")
        tab.wait_for_function(f"{READY} === 'all'", timeout=120_000)
        tab.locator(".chart svg").first.wait_for(timeout=120_000)
        charts = tab.evaluate("performance.now()")
        line: Line = {"paint_ms": tab.evaluate(PAINT), "table_ms": ready, "charts_ms": charts}
        browser.close()
    return line


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the figures as words for the terminal."""
    return pd.DataFrame(
        {
            "rows": frame.rows,
            "read s": frame.read_seconds,
            "sheets s": frame.sheets_seconds,
            "page s": frame.page_seconds,
            "MB peak": frame.peak_bytes / 1e6,
            "page MB": frame.page_bytes / 1e6,
            "paint ms": frame.paint_ms,
            "table ms": frame.table_ms,
            "charts ms": frame.charts_ms,
        }
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 12, 1_000, 100_000])
    parser.add_argument("--images", type=Path, help="folder with your own pictures, named content* and style*")
    parser.add_argument("--store", type=Path, help="folder for the stores, which are kept; existing ones are used")
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the files")
    arguments = parser.parse_args(argv)
    arguments.output.mkdir(parents=True, exist_ok=True)
    console, lines = make_console(), []
    console.print(machine(torch.device("cpu")))
    for rows in arguments.rows:
        base = arguments.store or Path(tempfile.mkdtemp(prefix="stylize-report-"))
        store = base / str(rows)
        if not (store / "runs").exists():
            write_store(store, rows, arguments.images)
        line = in_fresh_process(measure, str(store))
        lines.append({"rows": rows, **line, **look(store / "runs" / RUN / "report.html")})
        if not arguments.store:
            shutil.rmtree(base)
        pd.DataFrame(lines).to_csv(arguments.output / "report.csv", index=False)  # an interrupted run leaves these
    console.print(table_of(shown(pd.DataFrame(lines))))


if __name__ == "__main__":
    main()

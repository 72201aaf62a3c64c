"""The index of the contact sheets."""

import re
import shutil

import pytest
from fixtures.records import draw_sheets, record_of, rows_of

from stylize_core.record import selection
from stylize_core.sheets import sheets
from stylize_core.sheets.sheets import Limits
from stylize_core.store import layout


def _index(files, run, limits=None):
    draw_sheets(files, run, *([limits] if limits else []))
    return files.read(layout.run(run, "contact-sheets/index.html")).decode()


def test_the_index_leads_to_every_page(stores, run):
    """Links and thumbnails exist, nothing is loaded from elsewhere, and there is a link to the report."""
    files = stores(210)
    page = _index(files, run)
    links = re.findall(r'(?:href|src)="([^#"]+)"', page)
    assert {"matrix.jpg", "small/matrix.jpg", "strips-002.jpg", "../report.html"} <= set(links)
    for link in set(links) - {"../report.html"}:
        assert files.exists(layout.run(run, f"contact-sheets/{link}")), link
    assert "not drawn" not in page
    assert re.search("img {[^}]*object-fit: contain", page), "each page is shown whole"


def test_the_index_says_what_is_left_out(stores, run):
    """1 of 2 pages is drawn, and the index names the command that draws the others."""
    page = _index(stores(210), run, Limits(pages=1, seconds=None))
    assert "1 of 2 pages are drawn" in page
    command = re.sub(r"<.*?>", "", re.search("<code>(.*?)</code>", page)[1])
    assert command == f"stylize report STORE --run {run} --sheets all"
    _index(stores(210), run)


def test_names_in_the_index_are_text(builder, run):
    """A file name with markup is shown as text."""
    evil = builder.source("style", 1, "<script>alert(1)<!--")
    for number in range(4):
        builder.outcome(builder.row(builder.source("content", number), evil))
    page = _index(builder.publish(), run)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page


def test_all_jobs_of_a_large_run_are_laid_out(stores, run, monkeypatch):
    """The page shows some jobs; the sheets have all of them, or as many as fit, and say so."""
    files = stores(210)
    monkeypatch.setattr(selection, "DRAWN", 100)
    whole = {job.job_id: (job.short_id, job.image, job.status) for job in record_of(stores(210), run).jobs}
    record = record_of(files, run)
    jobs = sheets.sheet_jobs(rows_of(files, run), record)
    assert (len(record.jobs), len(jobs)) == (100, 210)
    laid = {job.job_id: (job.short_id, job.image, job.status) for job in jobs}
    assert whole.items() <= laid.items()
    assert sum(job.status == "failed" for job in jobs) == 2
    assert jobs[0].settings["preset"] == "default-1"

    monkeypatch.setattr(sheets, "JOBS", 150)
    assert "about the first 150 of 210 jobs" in _index(files, run)
    monkeypatch.undo()
    _index(files, run)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_index_in_a_browser(stores, run, scheme):
    """From a file, without a network: thumbnails load, links work by keyboard, and axe finds no problem."""
    playwright = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    files = stores(210)
    _index(files, run)
    path = files.local_path(layout.run(run, "contact-sheets/index.html"))
    with playwright.sync_playwright() as starter:
        browser = starter.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": 390, "height": 800}).new_page()
        complaints = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(path.as_uri())
        first = page.locator("img").first
        first.evaluate("image => image.decode()")  # the page's policy refuses scripts, also ours that would wait
        assert first.evaluate("image => image.naturalWidth") > 100
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        found = axe.Axe().run(page).response["violations"]
        assert [violation["id"] for violation in found] == []
        assert complaints == []
        browser.close()

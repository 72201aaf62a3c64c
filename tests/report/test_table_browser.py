"""The table of all rows in a real browser: filters, marks, downloads."""

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from fixtures.browser import shown

from stylize_core.manifest.manifest import Manifest
from stylize_core.manifest.row import Row
from stylize_core.record.publish import publish_rows
from stylize_core.report.compare_page import write_comparison
from stylize_core.report.page import write_report

pytestmark = pytest.mark.slow


def test_rows_are_filtered(opened, published):
    """Rows are filtered by words and choices; the number of matches is shown, and reset."""
    page = opened(published(12))
    assert page.locator("#found").inner_text() == "12 rows"
    page.get_by_label("Search").fill("style SCRIPT")
    assert page.locator("#found").inner_text() == "5 of 12 rows"
    page.get_by_label("Status", exact=True).select_option(label="failed")
    assert shown(page, "row") == ["6", "10"]
    page.get_by_label("Search").fill("nothing like it")
    assert page.locator("#rows-body tr").count() == 0
    page.get_by_role("button", name="Clear").click()
    assert page.locator("#found").inner_text() == "12 rows"


def test_rows_are_filtered_by_picture(opened, published):
    """Filters by content and style combine; rejected rows are found by their cell."""
    page = opened(published(12))
    content, style = page.get_by_label("Content", exact=True), page.get_by_label("Style", exact=True)
    assert content.locator("option").all_inner_texts() == ["all", "<script>alert(1)<!--", "missing", "Tübingen"]
    content.select_option(label="Tübingen")
    assert shown(page, "row") == ["1", "2", "3", "7", "8", "9"]
    style.select_option(label="style 1")
    assert shown(page, "row") == ["2", "8"]


def test_pictures_of_one_name_are_told_apart(builder, run, opened):
    """Of contents that share a file name, the filter shows where they lie."""
    style = builder.source("style", 1)
    for number, name in enumerate(("cats/1", "dogs/1", "2")):
        builder.outcome(builder.row(builder.source("content", number, name), style))
    files = builder.publish()
    publish_rows(files, run)
    page = opened(Path(files.local_path(write_report(files, run))))
    names = page.get_by_label("Content", exact=True).locator("option").all_inner_texts()
    assert names == ["all", "/pictures/cats/1.jpg", "/pictures/dogs/1.jpg", "2"]


def test_rows_are_sorted(opened, published):
    """A column header sorts by its figures, highest first, then reversed; rows without a figure come last."""
    page = opened(published(12))
    head = page.locator("th[data-key=final_style]")
    for order, way in (("descending", -1), ("ascending", 1)):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == order
        cells = shown(page, "final_style")
        figures = [float(cell) for cell in cells if cell]
        assert figures == sorted(figures, key=lambda value: way * value)
        assert cells[len(figures) :] == [""] * (12 - len(figures))
    page.locator("th[data-key=style] button").click()
    names = shown(page, "style")
    assert names == sorted(names)


def test_pages_are_turned(opened, published):
    """50 rows per page; the focus stays on the button when pages are turned by keyboard."""
    page = opened(published(210))
    assert shown(page, "row") == [str(row) for row in range(1, 51)]
    page.get_by_role("button", name="Next").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert shown(page, "row")[0] == "101"
    page.get_by_role("button", name="Last").click()
    assert shown(page, "row") == [str(row) for row in range(201, 211)]


def test_a_row_is_a_manifest(opened, published, stores, run):
    """The line to copy loads as a manifest row for the same job."""
    page = opened(published(12))
    page.get_by_role("button", name="open row 8:").click()
    text = page.get_by_label("As a manifest").input_value()
    (line,) = csv.DictReader(io.StringIO(text))
    assert (line["id"], line["preset"], line["style_weight"]) == ("faint", "default-1", "100000")
    assert (line["size"], line["steps"]) == ("96", "40")
    (row,) = Manifest(io.BytesIO(text.encode()), "/elsewhere/line.csv")
    assert isinstance(row, Row)
    page.get_by_role("button", name="Copy").click()
    page.get_by_text("copied").wait_for()


def test_a_row_tells_its_settings(opened, published):
    """First the settings that differ from the preset, with the preset's value, then all others."""
    page = opened(published(12))
    page.get_by_role("button", name="open row 8:").click()
    own, usual = page.locator("dialog .given dl").all()
    assert own.locator("dt").all_inner_texts() == ["size", "style_weight", "steps"]
    assert own.locator("dd").all_inner_texts() == ["96 not 512", "100000 not 2e7", "40 not 100"]
    values = dict(zip(usual.locator("dt").all_inner_texts(), usual.locator("dd").all_inner_texts(), strict=True))
    assert {"preset", "size", "steps", "style_weight"}.isdisjoint(values)
    assert (values["content_layers"], values["style_size"], values["scales"]) == ("conv4_2", "96", "1")


def test_rows_are_filtered_by_figures(opened, published):
    """Minimum and maximum are inclusive; a row without the figure is left out."""
    page = opened(published(12))
    losses = pd.read_csv(published(12).with_name("results.csv"))["final_style"]
    low, high = losses.quantile([0.3, 0.8], interpolation="nearest")
    page.get_by_text("Losses, quality, seconds").click()
    page.get_by_label("style loss, at least").fill(f"{low:.4g}")
    page.get_by_label("style loss, at most").fill(f"{high:.4g}")
    kept = (losses >= low * 0.9999) & (losses <= high * 1.0001)
    assert shown(page, "row") == [str(row + 1) for row in losses.index[kept]]
    page.get_by_role("button", name="Clear").click()
    assert page.locator("#found").inner_text() == "12 rows"


def test_rows_have_pictures(opened, published):
    """Each row whose job has an image shows it, embedded in the page."""
    page = opened(published(210))
    pictures = page.locator("#rows-body .thumb img")
    assert pictures.count() == 50
    assert pictures.evaluate_all("all => all.every((one) => one.src.startsWith('data:') && one.naturalWidth >= 64)")


def _downloaded(page, button):
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    return waiting.value.suggested_filename, waiting.value.path().read_text(encoding="utf-8")


def test_rows_are_marked_by_key(opened, published, run):
    """A key marks a row and moves on; marks can be filtered, survive a reload, and are downloaded as CSV."""
    page = opened(published(12))
    page.get_by_role("button", name="open row 7:").focus()
    for key in ("g", "b", "ArrowDown", "g", "k", "k", "u", "j", "b"):
        page.keyboard.press(key)
    assert [mark for mark in shown(page, "mark") if mark] == ["good", "bad", "good"]
    page.reload()
    page.locator("[data-ready=all]").wait_for()
    page.get_by_label("Mark", exact=True).select_option("good")
    assert shown(page, "row") == ["7", "10"]
    name, text = _downloaded(page, "Download marks")
    assert name == f"{run}-marks.csv"
    assert text == "row,id,mark\n7,,good\n8,faint,bad\n10,,good\n"


def test_an_opened_row_is_marked_by_key(opened, published):
    """G marks a row and opens the next one; a mark's button removes it; a rejected row has none."""
    page = opened(published(12))
    page.get_by_role("button", name="open row 8:").click()
    page.keyboard.press("g")
    assert "row 9" in page.locator("dialog .tags").inner_text()
    page.keyboard.press("ArrowLeft")
    good = page.get_by_role("button", name="Good", exact=True)
    assert good.get_attribute("aria-pressed") == "true"
    good.click()
    assert good.get_attribute("aria-pressed") == "false"
    page.keyboard.press("Escape")
    assert set(shown(page, "mark")) == {""}
    page.locator("#rows-body tr:nth-child(3) .figure").first.click()  # a cell without a button
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    assert shown(page, "mark")[2] == "bad"
    page.get_by_label("Status", exact=True).select_option(label="rejected")
    page.locator("#rows-body button[aria-label^='open row']").first.click()
    assert page.locator("dialog .status").inner_text() == "rejected"
    assert good.count() == 0


def test_selected_rows_are_a_manifest(opened, published):
    """The downloaded file loads as rows for the same jobs; a rejected row is left out, and the page says so."""
    page = opened(published(12))
    page.get_by_label("select row 2", exact=True).click()
    page.get_by_label("select row 8", exact=True).click(modifiers=["Shift"])
    page.get_by_label("Search").fill("HYPERLINK")
    page.get_by_label("select all rows found").click()
    name, text = _downloaded(page, "Download CSV")
    assert name.endswith("-selection.csv")
    assert "8 selected: 1 rejected row left out, see failed.csv" in page.locator("#review").inner_text()
    rows = list(Manifest(io.BytesIO(text.encode()), "/elsewhere/selection.csv"))
    assert all(isinstance(row, Row) for row in rows)
    results = pd.read_csv(published(12).with_name("results.csv"))[1:8]
    assert [row.content for row in rows] == results["content"].tolist()
    assert [row.settings.style_weight for row in rows] == [2e7] * 6 + [1e5]
    assert [line["x_note"] for line in csv.DictReader(io.StringIO(text))] == ["'=1+1"] * 7
    page.get_by_role("button", name="Select none").click()
    assert "0 selected" in page.locator("#review").inner_text()


def test_a_selection_outlives_the_page(opened, published, stores, run):
    """The selection is kept by row for the run, also on a comparison page with fewer rows."""
    page = opened(published(12))
    for row in (2, 4, 11):
        page.get_by_label(f"select row {row}", exact=True).click()
    page.get_by_label("select row 4", exact=True).click()
    page.reload()
    page.locator("[data-ready=all]").wait_for()
    assert page.get_by_label("select row 2", exact=True).is_checked()
    assert not page.get_by_label("select row 4", exact=True).is_checked()
    assert "2 selected" in page.locator("#review").inner_text()

    elsewhere = "localStorage.setItem(Object.keys(localStorage).find((key) => key.includes('selection')), '[11]')"
    page.evaluate(elsewhere)  # as another page about the run does while the reader is there
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    assert "1 selected" in page.locator("#review").inner_text()
    page.get_by_label("select row 2", exact=True).click()

    page.goto(Path(stores(12).local_path(write_comparison(stores(12), run, run))).as_uri())
    page.locator("[data-ready=all]").wait_for()
    assert "1 selected" in page.locator("#review").inner_text()
    page.get_by_role("button", name="Select none").click()
    page.go_back()
    page.locator("[data-ready=all]").wait_for()
    assert not page.get_by_label("select row 2", exact=True).is_checked()
    assert page.get_by_label("select row 11", exact=True).is_checked()


def test_a_selection_runs_again(opened, manifests, run_loop, store, tmp_path):
    """No row of the downloaded file is rejected, and each is the same job as before: all are skipped."""
    given = {"preset": "fast-1", "style_weight": "123456.789", "scales": "auto", "id": "a/1", "x_note": 'say "a, b"'}
    rows = [*manifests.rows(1, **given), *manifests.rows(1, style_size="512", optimiser="adam", learning_rate="0.02")]
    assert run_loop(manifests.write([*rows, *manifests.rows(2)])).code == 0
    page = opened(store.folder / "runs" / store.runs[0] / "report.html")
    page.get_by_label("select all rows found").click()
    _, text = _downloaded(page, "Download CSV")
    (tmp_path / "again.csv").write_text(text, encoding="utf-8")
    assert run_loop(str(tmp_path / "again.csv")).code == 0
    assert store.statuses() == ["skipped"] * 4
    assert list(store.rows()["x_note"]) == [given["x_note"], "", "", ""]

"""The pages in a real browser, without a network."""

import csv
import io
import shutil

import pandas as pd
import pytest

from stylize_core.manifest.manifest import Manifest
from stylize_core.manifest.row import Row
from stylize_core.record.publish import publish_rows
from stylize_core.report.compare_page import write_comparison
from stylize_core.report.page import write_report

pytestmark = pytest.mark.slow

SCHEMES = ["light", "dark"]


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, cut off from every network."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as starter:
        arguments = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"]
        yield starter.chromium.launch(executable_path=chromium, args=arguments)


@pytest.fixture(scope="module")
def published(stores, run):
    """Returns a function: number of rows -> the path of the report of a store with so many."""
    made = {}

    def path(rows):
        if rows not in made:
            publish_rows(stores(rows), run)
            made[rows] = stores(rows).local_path(write_report(stores(rows), run))
        return made[rows]

    return path


@pytest.fixture
def opened(browser):
    """Returns a function that opens a page; in the end nobody may have complained and nothing have been fetched."""
    complaints, fetched, contexts, pages = [], [], [], []

    def open_page(path, *, width=1280, scheme="light"):
        context = browser.new_context(offline=True, viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"a script ran: {dialog.message}"))
        page.on("request", lambda request: fetched.append(request.url))
        page.goto(path.as_uri())
        page.locator("[data-ready=all]").wait_for()
        contexts.append(context)
        pages.append(path)
        return page

    yield open_page
    roots = tuple(path.parents[2].as_uri() for path in pages)
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in fetched if not url.startswith(("data:", "blob:", *roots))] == []


def _shown(page, column):
    """The cells of a column of the table, from its first row."""
    heads = page.locator("#rows-head tr > *").evaluate_all("cells => cells.map((cell) => cell.dataset.key)")
    return page.locator(f"#rows-body tr > :nth-child({heads.index(column) + 1})").all_inner_texts()


@pytest.mark.parametrize("rows", [1, 12, 210])
def test_the_page_renders(opened, published, rows):
    """Every visible chart is drawn, nothing is wider than a phone, and the page alone is read."""
    page = opened(published(rows), width=390)
    page.locator(".chart svg").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("[...document.images].every((image) => image.src && image.complete && image.naturalWidth)")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("rows", [1, 12, 210])
def test_there_are_no_barriers(opened, published, rows, scheme):
    """The checker axe finds nothing serious: on the page, and in an opened row."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = opened(published(rows), scheme=scheme)
    page.locator(".chart svg").first.wait_for()
    _assert_no_barriers(axe, page)
    page.locator("[data-open]").first.click()
    page.locator("dialog .chart svg").first.wait_for()
    _assert_no_barriers(axe, page)


def _assert_no_barriers(axe, page):
    found = axe.run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == []


def test_rows_are_filtered(opened, published):
    """By words and by choice; the number of rows found is said, and cleared again."""
    page = opened(published(12))
    assert page.locator("#found").inner_text() == "12 rows"
    page.get_by_label("Search").fill("style SCRIPT")
    assert page.locator("#found").inner_text() == "5 of 12 rows"
    page.get_by_label("Status", exact=True).select_option(label="failed")
    assert _shown(page, "row") == ["6", "10"]
    page.get_by_label("Search").fill("nothing like it")
    assert page.locator("#rows-body tr").count() == 0
    page.get_by_role("button", name="Clear").click()
    assert page.locator("#found").inner_text() == "12 rows"


def test_rows_are_sorted(opened, published):
    """A column head sorts by its figures, the highest first, and turns; rows without one come last."""
    page = opened(published(12))
    head = page.locator("th[data-key=final_style]")
    for order, way in (("descending", -1), ("ascending", 1)):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == order
        cells = _shown(page, "final_style")
        figures = [float(cell) for cell in cells if cell]
        assert figures == sorted(figures, key=lambda value: way * value)
        assert cells[len(figures) :] == [""] * (12 - len(figures))
    page.locator("th[data-key=style] button").click()
    names = _shown(page, "style")
    assert names == sorted(names)


def test_pages_are_turned(opened, published):
    """50 rows at a time; whoever turns pages by keyboard stays on the button."""
    page = opened(published(210))
    assert _shown(page, "row") == [str(row) for row in range(1, 51)]
    page.get_by_role("button", name="Next").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert _shown(page, "row")[0] == "101"
    page.get_by_role("button", name="Last").click()
    assert _shown(page, "row") == [str(row) for row in range(201, 211)]


def test_a_row_opens_by_keyboard(opened, published):
    """Its strip, curves by term and layer, figures; Escape closes it and gives the focus back."""
    page = opened(published(12))
    row = page.get_by_role("button", name="open row 1:")
    row.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.locator(".chart svg").nth(1).wait_for()
    assert dialog.get_by_role("heading").first.inner_text() == "Tübingen × style 0"
    assert dialog.locator(".strip img").count() == 3
    total = pd.read_csv(published(12).with_name("results.csv"))["final_total"][0]
    assert f"total\n{total:.4g}\n" in dialog.inner_text()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert row.evaluate("element => element === document.activeElement")


def test_a_row_is_left_for_the_next(opened, published):
    """In the table's order; a failed one tells its error, with a script as mere text."""
    page = opened(published(12))
    page.get_by_label("Status", exact=True).select_option(label="failed")
    page.get_by_role("button", name="open row 6:").click()
    dialog = page.get_by_role("dialog")
    assert "it is diverged · =cmd() is <b>no</b> advice" in dialog.inner_text()
    dialog.get_by_role("button", name="Next").click()
    assert dialog.get_by_role("heading").first.inner_text() == "<script>alert(1)<!-- × style 2"
    assert "image_truncated" in dialog.inner_text()
    dialog.get_by_role("button", name="Close").click()


def test_a_row_without_pictures_on_the_page_shows_the_stores(opened, published):
    """Of a large run most images are not embedded: they come from the store beside the page."""
    page = opened(published(210))
    page.locator("#rows-body button").nth(30).click()
    image = page.locator("dialog .results img")
    image.wait_for()
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 96


def test_a_row_is_a_manifest(opened, published, stores, run):
    """The line to copy loads as a manifest row that asks for the same job."""
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


def test_rows_are_filtered_by_figures(opened, published):
    """At least and at most, both included; a row without the figure is out."""
    page = opened(published(12))
    losses = pd.read_csv(published(12).with_name("results.csv"))["final_style"]
    low, high = losses.quantile([0.3, 0.8], interpolation="nearest")
    page.get_by_text("Losses, quality, seconds").click()
    page.get_by_label("style loss, at least").fill(f"{low:.4g}")
    page.get_by_label("style loss, at most").fill(f"{high:.4g}")
    kept = (losses >= low * 0.9999) & (losses <= high * 1.0001)
    assert _shown(page, "row") == [str(row + 1) for row in losses.index[kept]]
    page.get_by_role("button", name="Clear").click()
    assert page.locator("#found").inner_text() == "12 rows"


def test_rows_have_pictures(opened, published):
    """Each row whose job has an image: embedded, so that the page alone shows them."""
    page = opened(published(210))
    pictures = page.locator("#rows-body .thumb img")
    assert pictures.count() == 50
    assert pictures.evaluate_all("all => all.every((one) => one.src.startsWith('data:') && one.naturalWidth >= 64)")


def _downloaded(page, button):
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    return waiting.value.suggested_filename, waiting.value.path().read_text(encoding="utf-8")


def test_rows_are_marked_by_key(opened, published, run):
    """A key marks a row and goes on; marks are filtered, outlive the page, and are taken along as CSV."""
    page = opened(published(12))
    page.get_by_role("button", name="open row 7:").focus()
    for key in ("g", "b", "ArrowDown", "g", "k", "k", "u", "j", "b"):
        page.keyboard.press(key)
    assert [mark for mark in _shown(page, "mark") if mark] == ["good", "bad", "good"]
    page.reload()
    page.locator("[data-ready=all]").wait_for()
    page.get_by_label("Mark", exact=True).select_option("good")
    assert _shown(page, "row") == ["7", "10"]
    name, text = _downloaded(page, "Download marks")
    assert name == f"{run}-marks.csv"
    assert text == "row,id,mark\n7,,good\n8,faint,bad\n10,,good\n"


def test_an_opened_row_is_marked_by_key(opened, published):
    """G and the next row is there; the button of a mark takes it back; a rejected row has none."""
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
    assert set(_shown(page, "mark")) == {""}


def test_selected_rows_are_a_manifest(opened, published):
    """What is downloaded loads as rows that ask for the same jobs; a rejected row is left out, and the page says so."""
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


def test_losses_are_split(opened, published):
    """By style: a legend of eight, medians by step, and a bar for each of the 15 styles at the end."""
    page = opened(published(210))
    page.get_by_label("Show").select_option("style")
    page.locator("#at-the-end .chart svg").nth(3).wait_for()
    assert page.locator("#losses-legend i").count() == 8
    assert page.get_by_label("style loss at the end by style").count() == 1
    assert page.get_by_label("Show").evaluate("element => element === document.activeElement")


def test_the_page_prints(opened, published):
    """On paper: pictures, charts and the table, without controls."""
    page = opened(published(12))
    page.locator(".chart svg").first.wait_for()
    page.emulate_media(media="print")
    assert not page.locator("#filters").is_visible()
    assert page.locator(".chart svg").first.is_visible()
    assert len(page.pdf()) > 50_000


@pytest.mark.parametrize("scheme", SCHEMES)
def test_two_runs_compared(opened, published, stores, run, scheme):
    """The page renders, a pair opens with both images, and there are no barriers."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    published(12)
    page = opened(stores(12).local_path(write_comparison(stores(12), run, run)), scheme=scheme)
    _assert_no_barriers(axe, page)
    assert _shown(page, "change_final_style")[0] == "0.0 %"
    page.locator("#rows-body button").first.click()
    assert page.locator("dialog .results img").count() == 2
    assert page.locator("dialog .origins img").evaluate_all("all => all.map((image) => image.naturalWidth)") == [96, 72]
    page.locator("#by-step .chart svg").nth(2).wait_for()
    assert page.locator("#losses-legend").inner_text().startswith("run")
    _assert_no_barriers(axe, page)

"""The pages in a real browser, without a network."""

import pandas as pd
import pytest
from fixtures.browser import shown

from stylize_core.record.selection import SAMPLE
from stylize_core.report.compare_page import write_comparison
from stylize_core.report.page import FIRST

pytestmark = pytest.mark.slow

SCHEMES = ["light", "dark"]


@pytest.mark.parametrize("rows", [1, 12, 210])
def test_the_page_renders(opened, published, rows):
    """Every visible chart is drawn, nothing is wider than a phone, and only the page itself is read."""
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


def test_all_results_are_shown_by_keyboard(opened, published):
    """Enter shows all results, and hides them again; on paper all are printed."""
    page = opened(published(210))
    cards, summary = page.locator(".card:visible"), page.locator(".fold summary")
    assert cards.count() == FIRST
    summary.focus()
    page.keyboard.press("Enter")
    assert cards.count() == SAMPLE
    page.keyboard.press("Enter")
    assert cards.count() == FIRST
    page.emulate_media(media="print")
    assert cards.count() == SAMPLE


def test_a_row_opens_by_keyboard(opened, published):
    """A row opens with its strip, curves by term and layer, and figures; Escape closes it and returns the focus."""
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
    """Rows open in the table's order; a failed one shows its error, with a script as plain text."""
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
    """Most images of a large run are not embedded: the page loads them from the store beside it."""
    page = opened(published(210))
    page.locator("#rows-body button").nth(30).click()
    image = page.locator("dialog .results img")
    image.wait_for()
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 96


def test_inputs_are_shown_whole(opened, published):
    """For one pair and for several, content, style and result are shown whole."""
    for rows in (1, 12):
        fits = "all => all.map((image) => getComputedStyle(image).objectFit)"
        assert set(opened(published(rows)).locator(".card img, .sheets img").evaluate_all(fits)) == {"contain"}


def test_a_row_without_a_result_shows_its_inputs(opened, published):
    """Both inputs are shown from the left, with a note if the store has no picture."""
    page = opened(published(12))
    page.get_by_label("Status", exact=True).select_option(label="rejected")
    page.locator("#rows-body button").first.click()
    figures = page.locator("dialog .strip figure")
    figures.first.wait_for()
    assert [text.split(":")[0] for text in figures.locator("figcaption").all_inner_texts()] == ["content", "style"]
    assert figures.locator(".blank").all_inner_texts() == ["no picture, for no job used it"] * 2
    assert page.locator("dialog .results").count() == 0
    left = "element => element.getBoundingClientRect().left"
    assert figures.first.evaluate(left) == page.locator("dialog .strip").evaluate(left)


def test_the_table_fits_a_desktop(opened, published):
    """At 1400 px no column is cut off and no word of a header is broken; on a phone a shadow shows that it scrolls."""
    page = opened(published(12), width=1400)
    scroll = page.locator(".scroll:has(.rows)")
    assert scroll.evaluate("element => element.scrollWidth <= element.clientWidth")
    assert page.locator(".rows thead th").first.evaluate("head => getComputedStyle(head).overflowWrap") == "normal"
    assert "gradient" in scroll.evaluate("element => getComputedStyle(element).backgroundImage")


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
    assert shown(page, "change_final_style")[0] == "0.0 %"
    page.locator("#rows-body button").first.click()
    assert page.locator("dialog .results img").count() == 2
    assert page.locator("dialog .results figcaption").all_inner_texts() == ["A, before", "B, after"]
    names = page.locator("dialog .pairs.wide dt").all_inner_texts()
    assert names[:3] == ["total in A", "total in B", "total, change"]
    assert page.locator("dialog .origins img").evaluate_all("all => all.map((image) => image.naturalWidth)") == [96, 72]
    page.locator("#by-step .chart svg").nth(2).wait_for()
    assert page.locator("#losses-legend").inner_text().startswith("run")
    _assert_no_barriers(axe, page)

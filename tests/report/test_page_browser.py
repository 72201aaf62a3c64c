"""The page in a real browser, without a network."""

import shutil

import pytest

from stylize_core.report import write_report

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize("rows", [1, 12, 210])
def test_the_page_renders(browser, stores, run, rows):
    """Every visible chart is drawn, nothing is fetched, nothing is complained of, nothing is wider than a phone."""
    files = stores(rows)
    path = files.local_path(write_report(files, run))
    context = browser.new_context(offline=True, viewport={"width": 390, "height": 800})
    page = context.new_page()
    complaints, fetched = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(path.as_uri())
    page.locator(".chart svg").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert complaints == []
    assert [url for url in fetched if not url.startswith("data:")] == [path.as_uri()]


def test_a_card_opens_with_its_curves(browser, stores, run):
    """By keyboard: the summary is reached, opened, and draws terms and layers."""
    files = stores(12)
    page = browser.new_context(offline=True).new_page()
    page.goto(files.local_path(write_report(files, run)).as_uri())
    card = page.locator("article").first
    card.locator("summary").focus()
    page.keyboard.press("Enter")
    card.locator(".chart svg").nth(1).wait_for()
    assert card.locator(".chart svg").count() == 2

"""The charts in a real browser."""

import re
from pathlib import Path

import pytest

from stylize_core.record.publish import publish_rows
from stylize_core.report.page import write_report

pytestmark = pytest.mark.slow


def test_losses_are_split(opened, published):
    """By style: a legend of eight, medians by step, and a bar for each of the 15 styles at the end."""
    page = opened(published(210))
    page.get_by_label("Show").select_option("style")
    page.locator("#at-the-end .chart svg").nth(3).wait_for()
    assert page.locator("#losses-legend i").count() == 8
    assert page.get_by_label("style loss at the end by style").count() == 1
    assert page.get_by_label("Show").evaluate("element => element === document.activeElement")


def _point(page, chart):
    """Moves the pointer to the middle of a chart, near its lines; returns the text of the tooltip."""
    svg = chart.locator("[data-drawn] svg").first
    svg.wait_for()
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    tip = page.locator(".tip")
    tip.wait_for()
    return tip, tip.inner_text()


def test_a_line_is_named_with_step_and_value(opened, published):
    """The tooltip shows the nearest line at any distance; in an opened row it is above the dialog."""
    page = opened(published(12))
    _, said = _point(page, page.locator("#by-step"))
    assert "×" in said
    assert re.search(r"step \d+\n+\w+ \d", said)
    page.get_by_role("button", name="open row 1:").click()
    tip, said = _point(page, page.locator("dialog .charts"))
    assert re.search(r"^loss (total|content|style)\n+step \d+\n+value \d", said)
    over = "tip => { tip.style.pointerEvents = 'auto'; const box = tip.getBoundingClientRect(); return"
    assert tip.evaluate(f"{over} tip.contains(document.elementFromPoint(box.x + 9, box.y + 9)) }}")


def test_terms_are_shown_as_they_weigh(opened, published):
    """In an opened row: content and style times their weights, and the total, without terms of weight 0."""
    page = opened(published(12))
    page.get_by_role("button", name="open row 1:").click()
    chart = page.locator("dialog figure", has_text="weighted terms and their total")
    chart.locator("svg").wait_for()
    assert chart.locator(".mark-line path, path.mark-line").count() == 3


def test_sizes_are_marked_wherever_steps_are(opened, builder, run):
    """A rule with the px at each size's first step, in the charts of each job, of all and of an opened row."""
    content, style = builder.source("content", 0), builder.source("style", 0)
    for seed in (0, 1):
        builder.outcome(builder.row(content, style, seed=seed), sizes=[48] * 21 + [96] * 20)
    publish_rows(builder.publish(), run)
    page = opened(Path(builder.files.local_path(write_report(builder.files, run))))
    for way in ("each job", "all jobs"):
        page.get_by_label("Show").select_option(label=way)
        _assert_sizes(page.locator("#by-step figure"), 4)
        assert page.locator("#sizes-note").is_visible()
    page.get_by_role("button", name="open row 1:").click()
    _assert_sizes(page.locator("dialog figure:has(.chart)"), 2)


def test_one_size_needs_no_words(opened, published):
    """Where every job has one size, nothing is said of several."""
    assert opened(published(12)).locator("#sizes-note").is_hidden()


def _assert_sizes(figures, count):
    figures.locator("svg").nth(count - 1).wait_for()
    for figure in figures.all():
        assert figure.locator("svg .role-mark.mark-rule line").count() == 2
        assert figure.locator("svg .role-mark.mark-text text").all_text_contents() == ["48 px", "96 px"]
        assert "sizes: 48 px from step 0, 96 px from step 21" in figure.locator(".chart").get_attribute("aria-label")


def test_the_axis_is_turned(opened, published):
    """All charts by step switch from logarithmic to linear and back."""
    page = opened(published(12))
    labels = page.locator("#by-step figure", has_text="style").locator(".role-axis-label text")
    labels.first.wait_for()
    assert "1e-4" in labels.all_text_contents()
    page.get_by_role("button", name="log/linear").first.click()
    labels.filter(has_text=re.compile("^0$")).nth(1).wait_for()
    page.get_by_role("button", name="log/linear").first.click()
    labels.filter(has_text="1e-4").wait_for()


def test_a_chart_is_enlarged_and_zoomed(opened, published):
    """The wheel zooms, a button shows everything again, Escape closes the row."""
    page = opened(published(12))
    page.get_by_label("enlarge style").click()
    page.locator("dialog[open] [data-drawn] svg").wait_for()
    middle = page.locator("dialog[open] .chart").bounding_box()
    middle = middle["x"] + middle["width"] / 2, middle["y"] + middle["height"] / 2
    labels = "[...document.querySelectorAll('dialog[open] .role-axis-label text')].map((one) => one.textContent).join()"
    whole = page.evaluate(labels)
    page.mouse.move(*middle)
    page.mouse.wheel(0, -500)
    page.wait_for_function(f"whole => {labels} !== whole", arg=whole)
    page.get_by_role("button", name="Show everything").click()
    page.wait_for_function(f"whole => {labels} === whole", arg=whole)
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0

"""Pages by style and by content, for browsing a large run."""

import dataclasses
import hashlib
import itertools

import pytest
from fixtures.records import job_record
from hypothesis import given, settings
from hypothesis import strategies as st

from stylize_core.files.files import Files
from stylize_core.record.run_record import InputRecord
from stylize_core.record.thumbnails import Thumbnails
from stylize_core.sheets import brief
from stylize_core.sheets.canvas import PAGE_LIMIT
from stylize_core.sheets.grids import Tile
from stylize_core.sheets.pages import sheets_of
from stylize_core.sheets.section_page import CELLS, PAGE_HEIGHT, SectionFrame, page_height, split_sections
from stylize_core.sheets.sections import Section, Sections, by_content, by_style

FRAME = SectionFrame(168, 126, has_notes=False)


def _input(kind, number):
    return InputRecord(name=f"{kind} {number}", sha256=f"{kind}-{number}")


def _job(content, style, **given):
    values = {"preset": "default", "size": 96, "seed": 0, "style_weight": 1.0, "content_weight": 1.0, **given}
    name = f"{content}-{style}-{sorted(given.items())}"
    return job_record(
        job_id=hashlib.sha256(name.encode()).hexdigest()[:24],
        content=_input("content", content),
        style=_input("style", style),
        settings=values,
        image=f"images/{name}.png",
    )


@pytest.fixture(autouse=True)
def _names(monkeypatch):
    """The jobs here have few settings."""
    monkeypatch.setattr(
        "stylize_core.record.variation.NAMES", ("preset", "size", "seed", "style_weight", "content_weight")
    )


def _names_of(sheets):
    return [sheet.name for sheet in sheets]


def _sheets(tmp_path, jobs):
    return sheets_of(jobs, [], Thumbnails(Files(str(tmp_path))))


def test_sections_by_style_and_by_content():
    """Each style with its results, named after their contents, and vice versa."""
    jobs = [_job(content, style) for content in range(3) for style in range(2)]
    styles = by_style(jobs)
    assert [part.lead.caption for part in styles.parts] == ["style 0", "style 1"]
    assert [tile.caption for tile in styles.parts[1].tiles] == ["content 0", "content 1", "content 2"]
    assert [tile.caption for tile in by_content(jobs).parts[2].tiles] == ["style 0", "style 1"]
    assert styles.note == "each result is named after its content"


def test_inputs_are_found_by_their_names():
    """Inputs are sorted by name, numbers by value, whatever the manifest's order."""
    captions = [part.lead.caption for part in by_style([_job(0, style) for style in (10, 2, 33, 1)]).parts]
    assert captions == ["style 1", "style 2", "style 10", "style 33"]


def test_results_are_told_apart_by_what_varies():
    """Varying settings are abbreviated beneath each result and explained; results of one partner are together."""
    jobs = [_job(content, 0, style_weight=weight) for weight in (1e4, 1e6) for content in range(3)]
    sections = by_style(jobs)
    assert sections.note == "each result is named after its content · sw = style_weight"
    assert [(tile.caption, tile.note) for tile in sections.parts[0].tiles[:3]] == [
        ("content 0", "sw 1e4"),
        ("content 0", "sw 1e6"),
        ("content 1", "sw 1e4"),
    ]
    assert sections.parts[0].step == 2


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (1e6, "1e6"),
        (250000.0, "250,000"),
        (10000.0, "1e4"),
        (10000, "10,000"),
        (0.5, "0.5"),
        (1.5e-7, "1.5e-7"),
        (7, "7"),
        (1234567, "1.23457e6"),
        ("noise", "noise"),
        ("conv1_1=0.2 conv2_1=0.8", "conv1_1=0.2 2_1=0.8"),
    ],
)
def test_short_values(given, written):
    """Numbers are written as by a person; only the first of several layers has `conv`."""
    assert brief.value("style_weight", given) == written


def test_words_of_numbers():
    """A number that stands for a word is that word."""
    assert (brief.value("scales", 0), brief.value("scales", 2)) == ("auto", "2")


@given(counts=st.lists(st.integers(0, 700), min_size=1, max_size=40), step=st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_pages_share_out_the_results(counts, step):
    """Every result is on exactly one page with its input, in order; every page is within the limits and the width."""
    parts = tuple(
        Section(Tile(caption=f"s{place}"), tuple(Tile(caption=f"{place}/{n}") for n in range(count)), step)
        for place, count in enumerate(counts)
    )
    pages = split_sections(Sections("style", "", parts), FRAME)
    rows = [row for page in pages for row in page.rows]
    shown = [(stretch.section.lead, tile) for row in rows for stretch in row for tile in stretch.section.tiles]
    assert shown == [(part.lead, tile) for part in parts for tile in part.tiles]
    for page in pages:
        assert page_height(page.rows, FRAME) <= PAGE_HEIGHT <= PAGE_LIMIT
        assert sum(len(stretch.section.tiles) for row in page.rows for stretch in row) <= CELLS
        assert page.rows[0][0].leads, "a page begins with an input"
        for row in page.rows:
            assert all(left.end <= right.column for left, right in itertools.pairwise(row))
            assert row[-1].end <= FRAME.across


def test_a_long_section_goes_on_with_its_input():
    """On its second page the input is shown again, and the page is labelled as the second."""
    part = Section(Tile(caption="long"), tuple(Tile(caption=str(n)) for n in range(CELLS + 50)))
    first, second = split_sections(Sections("style", "", (part,)), FRAME)
    assert (first.rank, second.rank) == (1, 2)
    assert second.rows[0][0].part == ", continued"


def test_short_sections_share_a_row():
    """Inputs with one result each share rows."""
    parts = tuple(Section(Tile(caption=str(n)), (Tile(caption="r"),)) for n in range(12))
    (page,) = split_sections(Sections("style", "", parts), FRAME)
    assert [len(row) for row in page.rows] == [6, 6]


def test_a_large_run_is_browsed(tmp_path):
    """600 jobs: too many for a matrix or for all strips; pages by style, by content and by sweep."""
    jobs = [_job(c, s, style_weight=w) for c in range(60) for s in range(5) for w in (1.0, 10.0)]
    sheets = _sheets(tmp_path, jobs)
    assert _names_of(sheets) == ["matrix", "sweep-style_weight", "style", "content"]
    styles = sheets[2]
    assert [page.names for page in styles.pages] == [(f"style {number}",) for number in range(5)]
    assert styles.file_name(0) == "style-001-style-0.jpg"


def test_a_seed_for_every_job_is_no_sweep(tmp_path):
    """Hundreds of values are not laid out side by side: they are among the results of their style."""
    assert _names_of(_sheets(tmp_path, [_job(0, 0, seed=seed) for seed in range(600)])) == ["style"]
    pairs = [_job(number, 0, seed=10 * number + seed) for number in range(300) for seed in range(2)]
    assert _names_of(_sheets(tmp_path, pairs)) == ["style"]
    assert _names_of(_sheets(tmp_path, [_job(0, 0, seed=seed) for seed in range(5)])) == ["sweep-seed"]


def test_random_pairs_are_browsed_by_style_alone(tmp_path):
    """If each content is used once, there are no pages by content, because they would compare nothing."""
    assert _names_of(_sheets(tmp_path, [_job(number, number % 3) for number in range(600)])) == ["style"]


def test_the_weights_are_traded_off(tmp_path):
    """Content weight across, style weight down, a page for each pair and seed, instead of sweeps of the weights."""
    weights = itertools.product((1.0, 10.0), (1e4, 1e5, 1e6), (0, 1))
    jobs = [_job(0, 0, content_weight=c, style_weight=s, seed=seed) for c, s, seed in weights]
    sheets = _sheets(tmp_path, jobs)
    assert _names_of(sheets) == ["trade-off", "sweep-seed"]
    assert [page.title for page in sheets[0].pages] == [
        "Trade-off of content and style: content 0 × style 0 · seed 0",
        "Trade-off of content and style: content 0 × style 0 · seed 1",
    ]


def test_names_of_files_are_harmless(tmp_path):
    """A style's name becomes part of a file name without characters special to a file system or a shell."""
    jobs = [_job(number, 0) for number in range(600)]
    evil = InputRecord(name="../../<a b>; rm 'x'", sha256="evil")
    jobs = [dataclasses.replace(job, style=evil) for job in jobs]
    (sheet,) = _sheets(tmp_path, jobs)
    assert sheet.file_name(0) == "style-001-a-b-rm-x.jpg"

"""The page: complete, self-contained, inert."""

import base64
import gzip
import json
import re
from html.parser import HTMLParser

import pytest
from fixtures.records import record_of

from stylize_core.record import selection
from stylize_core.record import table as record_table
from stylize_core.record.publish import publish_rows
from stylize_core.record.thumbnails import Thumbnails
from stylize_core.record.variation import axes_of_jobs
from stylize_core.report import packed_rows
from stylize_core.report.album import Album
from stylize_core.report.compare_page import write_comparison
from stylize_core.report.findings import read_findings
from stylize_core.report.gallery import RESULT_EDGES, make_cards, picture_edge
from stylize_core.report.page import FIRST, write_report
from stylize_core.sheets.sheets import Limits
from stylize_core.store import layout

LIMIT = 10_000_000


class Page(HTMLParser):
    """Collects the tags and texts of a page.

    Attributes:
        tags: every start tag with its attributes.
        scripts: contents of the script elements, by id.
        text: the visible text.
    """

    def __init__(self, html):
        super().__init__()
        self.tags, self.scripts, self.text = [], {}, ""
        self._inside, self._script = None, ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Notes a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside, self._script = tag, dict(attrs).get("id", "")

    def handle_endtag(self, tag):
        """Leaves a script or style."""
        if tag == self._inside:
            self._inside = None

    def handle_data(self, data):
        """Separates text from scripts."""
        if self._inside == "script":
            self.scripts[self._script] = self.scripts.get(self._script, "") + data
        elif self._inside is None:
            self.text += data

    def all(self, tag):
        """The attributes of every tag of a kind."""
        return [attrs for name, attrs in self.tags if name == tag]

    def packed(self, name):
        """The contents of a packed script."""
        return json.loads(gzip.decompress(base64.b64decode(self.scripts[name])))


@pytest.fixture(scope="module")
def pages(stores, run):
    """Returns a function: number of rows -> the published page and its bytes."""
    made = {}

    def page(rows):
        if rows not in made:
            files = stores(rows)
            publish_rows(files, run)
            data = files.read(write_report(files, run))
            made[rows] = Page(data.decode()), data
        return made[rows]

    return page


@pytest.mark.parametrize("rows", [1, 12, 210])
def test_the_page_is_small_and_needs_no_network(pages, rows):
    """The page is under 10 MB and loads nothing: each picture is embedded once, and links are relative."""
    page, data = pages(rows)
    assert len(data) < LIMIT
    embedded = [attrs for attrs in page.all("img") if "src" in attrs]
    assert all(attrs["src"].startswith("data:image/jpeg;base64,") for attrs in embedded)
    keys = [attrs["data-key"] for attrs in embedded]
    assert len(set(keys)) == len(keys)
    assert {attrs["data-same"] for attrs in page.all("img") if "src" not in attrs} <= set(keys)
    assert not any("src" in attrs for attrs in page.all("script"))
    assert page.all("link") == []
    assert not any(re.match("[a-z]+:|/", attrs["href"]) for attrs in page.all("a"))


@pytest.mark.parametrize("rows", [1, 12, 210])
def test_links_lead_somewhere(pages, stores, run, rows):
    """Every link is a place on the page or a file of the store."""
    page, _ = pages(rows)
    places = {attrs.get("id") for _, attrs in page.tags}
    for href in (attrs["href"] for attrs in page.all("a")):
        if href.startswith("#"):
            assert href[1:] in places
        elif href.startswith("../../"):
            assert stores(rows).exists(href.removeprefix("../../"))
        else:
            assert stores(rows).exists(layout.run(run, href))


def test_the_index_of_the_sheets_is_linked_where_there_is_one(builder, run):
    """A report links to the index page of the sheets if there is one."""
    builder.outcome(builder.row(builder.source("content", 1), builder.source("style", 1)))
    files = builder.publish()
    write_report(files, run)
    index = layout.run(run, "contact-sheets/index.html")
    linked = "contact-sheets/index.html" in {
        attrs["href"] for attrs in Page(files.read(f"runs/{run}/report.html").decode()).all("a")
    }
    assert linked == files.exists(index)


def test_each_file_is_downloaded_once(stores, run, uploaded, downloads):
    """Plan and results are downloaded once for the whole report; losses twice, for all jobs and the shown ones."""
    files = uploaded(stores(12))
    publish_rows(files, run)
    for write in (write_report, lambda files, run: write_comparison(files, run, run)):
        downloads.clear()
        write(files, run)
        runs = 1 if write is write_report else 2
        for path in (layout.run(run, "plan.parquet"), layout.run(run, "results.parquet")):
            assert downloads[path] == runs
        assert {downloads[entry.path] for entry in files.list(layout.RESULTS)} == {runs}
        assert {downloads[entry.path] for entry in files.list(layout.METRICS)} <= {0, 3 - runs}


def test_the_headline_counts_every_row(pages):
    """Law 1's counts, the time, the device and the weights are at the top."""
    text = pages(12)[0].text
    for words in ("12 rows: 7 done, 1 skipped, 2 failed, 1 rejected, 1 stopped", "4 min 12 s", "builtin", "float32"):
        assert words in text


def test_what_went_wrong_is_listed(pages):
    """Failed and rejected rows with code and reason."""
    text = pages(12)[0].text
    for words in ("diverged", "image_truncated", "input_missing", "there is no file · =HYPERLINK(1)"):
        assert words in text


def test_file_names_are_inert(pages):
    """A name with a script is text, on the page and in its data; only our own scripts are on the page."""
    page, data = pages(12)
    assert "<script>alert(1)<!--" in page.text
    assert b"<script>alert" not in data
    assert b"<b>no</b>" not in data
    assert len(page.all("script")) == 6
    assert any(job["label"].startswith("<script>alert(1)<!--") for job in page.packed("jobs")["jobs"].values())


def test_every_picture_says_what_it_shows(pages):
    """Images have alternative text."""
    page, _ = pages(12)
    assert all(attrs["alt"] for attrs in page.all("img"))


def test_every_row_is_in_the_table(pages):
    """The table has all 210 rows, however many jobs are shown singly."""
    table = pages(210)[0].packed("table")
    assert table["count"] == len(table["job_id"]) == 210
    assert table["numbers"]["row"] == list(range(1, 211))


def test_every_finished_job_has_a_card_and_its_curve(pages, stores, run):
    """Up to 200 jobs have curves; a job without losses has none."""
    page, _ = pages(12)
    finished = record_of(stores(12), run).finished
    cards = [attrs["id"] for attrs in page.all("article")]
    assert cards == [f"job-{job.job_id}" for job in finished]
    jobs = page.packed("jobs")["jobs"]
    assert {job_id for job_id, job in jobs.items() if job["curve"]} == {job.job_id for job in finished if job.image}


def test_a_single_job_is_shown_open(pages):
    """One row shows its curves directly, without an overview of one line or a table of one row."""
    page, _ = pages(1)
    assert any("data-curves" in attrs for attrs in page.all("div"))
    sections = {attrs.get("id"): attrs for attrs in page.all("section")}
    assert "losses" not in sections
    assert "hidden" in sections["rows"]


def test_large_runs_show_a_sample_and_ranks(pages):
    """210 jobs: cards of some of them, and lists of notable jobs."""
    page, _ = pages(210)
    assert len(page.all("article")) == selection.SAMPLE
    for words in ("24 of 210 finished jobs", "Highest style loss", "Diverged", "Not converged", "Slowest"):
        assert words in page.text


@pytest.mark.parametrize(("rows", "shown"), [(12, 9), (210, FIRST)])
def test_the_table_is_near_the_top(pages, rows, shown):
    """Of many results only the first are shown until all are requested; a link above them leads to the table."""
    page, _ = pages(rows)
    names = ["fold" if attrs.get("class") == "fold" else tag for tag, attrs in page.tags]
    unfolded = names[: names.index("fold")] if "fold" in names else names
    assert unfolded.count("article") == shown
    assert ("fold" in names) == (shown < names.count("article"))
    assert "#rows" in {attrs["href"] for attrs in page.all("a")}


def test_a_very_large_run_is_shown_in_part(stores, run, monkeypatch):
    """With more rows than a page can hold, it says how many it shows, and counts all."""
    monkeypatch.setattr(selection, "DRAWN", 200)
    monkeypatch.setattr(record_table, "LISTED", 205)
    files = stores(210)
    findings = read_findings(files, run)
    assert findings.record.totals.jobs == {"done": 208, "skipped": 0, "failed": 2, "rejected": 0, "stopped": 0}
    assert findings.table.rows["row"].iloc[[0, -1]].tolist() == [1, 210], "evenly spread, both ends among them"
    assert findings.record.totals.bytes == sum(len(files.read(entry.path)) for entry in files.list("images"))
    page = Page(files.read(write_report(files, run, Limits(pages=1, seconds=None))).decode())
    assert "210 rows: 208 done" in page.text
    assert "cover 205 of 210 rows" in page.text
    assert "1 further page is not drawn" in page.text
    monkeypatch.undo()
    write_report(files, run)


def test_a_table_that_is_too_large_is_cut(stores, run, monkeypatch):
    """Rows that do not fit into the table's bytes are left out, and the page says so."""
    monkeypatch.setattr(packed_rows, "BYTES", 4000)
    files = stores(210)
    page = Page(files.read(write_report(files, run)).decode())
    assert len(page.scripts["table"]) <= 4000
    assert 0 < page.packed("table")["count"] < 210
    assert f"{page.packed('table')['count']} of 210 rows" in page.text
    monkeypatch.undo()
    write_report(files, run)


def test_a_run_that_only_rejected_has_a_page(builder, run):
    """Without jobs, pictures or losses, the page says why."""
    builder.rejected("input_missing", "there is no file")
    files = builder.publish()
    page = Page(files.read(write_report(files, run)).decode())
    assert "1 row: 1 rejected" in page.text
    assert page.all("article") == []


def test_a_run_that_recorded_nothing_else_has_a_page(builder, run):
    """Without environment.json and plan.json: device, precision and versions come from the results."""
    builder.outcome(builder.row(builder.source("content", 1), builder.source("style", 1)))
    files = builder.publish()
    files.delete([layout.run(run, "environment.json"), layout.run(run, "plan.json")])
    page = Page(files.read(write_report(files, run)).decode())
    assert "float32" in page.text
    assert "2.15" in page.text


def test_pictures_share_their_room(stores, run):
    """Few jobs get large pictures, many get small ones, so that the page stays small."""
    few, many = ([*record_of(stores(rows), run).finished] for rows in (1, 210))
    assert picture_edge(few, 8) == RESULT_EDGES[1]
    assert picture_edge(many, 8) < picture_edge(many[:50], 8)
    assert picture_edge(many, 8, 10_000) == RESULT_EDGES[0]


def test_cards_tell_jobs_apart(stores, run):
    """Only settings that vary are on the card; equal rows share one card."""
    jobs = record_of(stores(12), run).finished
    cards = [*make_cards(jobs, axes_of_jobs(jobs), Album(Thumbnails(stores(12)))).values()]
    assert cards[6].facts == {"style_weight": "100000", "seed": "0"}
    assert cards[6].job.label == "faint"
    assert cards[0].job.rows == (1, 7)
    assert cards[0].job.label == "Tübingen × style 0"


def test_a_picture_is_embedded_once(stores, run):
    """A common input of two jobs is one picture; pictures that the page does not show are in its data."""
    first, second = record_of(stores(12), run).finished[:2]
    album = Album(Thumbnails(stores(12)))
    cards = make_cards([first, second], [], album)
    contents = [cards[job.job_id].steps[0] for job in (first, second)]
    assert contents[0].key == contents[1].key
    assert [album.place(thumb) for thumb in contents] == [True, False]
    assert list(album.unplaced([*contents, cards[first.job_id].result])) == [cards[first.job_id].result.key]

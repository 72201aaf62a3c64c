"""Contact sheets as files."""

import io

import numpy as np
import pytest
from fixtures.records import draw_sheets, record_of
from PIL import Image

from stylize_core.errors import UsageError
from stylize_core.files.files import Files
from stylize_core.record.run_record import snapshots
from stylize_core.record.thumbnails import Thumbnails
from stylize_core.sheets.canvas import ALARM, MARGIN, PAGE_BYTES, PAGE_LIMIT, PAPER, Box, Canvas
from stylize_core.sheets.grid_page import CAPTION, draw_grid, frame_grid, split_grid
from stylize_core.sheets.grids import Grid, Tile
from stylize_core.sheets.lettering import shorten
from stylize_core.sheets.pages import cell_size, strip_pages
from stylize_core.sheets.sheets import NIGHTLY, Limits, limits_of
from stylize_core.sheets.strip_page import draw_strips, frame_strips, make_strip
from stylize_core.store import layout


def _open_sheet(files, run, name):
    return Image.open(io.BytesIO(files.read(layout.run(run, name))))


def _large_grid(rows, columns):
    tiles = tuple(Tile(caption=f"style {number}", path="inputs/missing.jpg") for number in range(columns))
    cells = {(r, c): Tile(caption=f"{r},{c}") for r in range(rows) for c in range(columns)}
    return Grid(title="large", note="", columns=tiles, rows=((tiles[0],),) * rows, cells=cells)


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (1, ["strips.jpg"]),
        (12, ["matrix.jpg", "sweep-style_weight.jpg", "sweep-seed.jpg", "strips.jpg"]),
        (210, ["matrix.jpg", "strips-001.jpg", "strips-002.jpg"]),
    ],
)
def test_every_sheet_is_a_picture_within_the_limit(stores, run, rows, names):
    """Matrix, sweeps and strips, each page a JPEG that every viewer opens."""
    files = stores(rows)
    pages = draw_sheets(files, run).files
    assert [sheet.name for sheet in pages] == [f"contact-sheets/{name}" for name in names]
    for sheet in pages:
        image = _open_sheet(files, run, sheet.name)
        assert image.format == "JPEG"
        assert max(image.size) <= PAGE_LIMIT


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (30, 2), (2, 40), (60, 70)])
def test_pages_share_out_the_cells(rows, columns):
    """Every cell is on exactly one page, and every page is within the limit."""
    grid = _large_grid(rows, columns)
    frame = frame_grid(grid, (256, 192))
    pages = split_grid(grid, frame)
    assert sorted(tile.caption for page in pages for tile in page.cells.values()) == sorted(
        tile.caption for tile in grid.cells.values()
    )
    assert all(max(frame.page_size(page)) <= PAGE_LIMIT for page in pages)


def test_cells_shrink_before_a_grid_is_cut():
    """16 columns fit one page with smaller pictures."""
    grid = _large_grid(3, 16)
    frame = frame_grid(grid, (256, 256))
    assert frame.width < 256
    assert len(split_grid(grid, frame)) == 1


def test_missing_pictures_and_jobs_leave_their_place(tmp_path):
    """A sheet is drawn even if pictures are missing; failed cells are marked in red."""
    tiles = tuple(Tile(caption=name, path="inputs/none.jpg") for name in "ab")
    failed = Tile(caption="job", mark="image_truncated")
    grid = Grid(title="t", note="n", columns=tiles, rows=((tiles[0],),), cells={(0, 0): failed})
    frame = frame_grid(grid, (128, 128))
    image = draw_grid(grid, frame, Thumbnails(Files(str(tmp_path)))).image
    marked, empty = frame.box(0), frame.box(1)
    assert image.getpixel((marked.x + 2, marked.y + 2)) == (251, 236, 235)
    assert image.getpixel((empty.x + 2, empty.y + 2)) == (241, 241, 236)


def test_a_row_is_as_high_as_its_pictures(tmp_path):
    """Wide pictures leave no gap above them; captions are beneath each row, and the page ends with the last."""
    files = Files(str(tmp_path))
    for name, size in (("tall", (96, 128)), ("wide", (128, 72))):
        sink = io.BytesIO()
        Image.new("RGB", size, "blue").save(sink, "PNG")
        files.publish(f"inputs/{name}.png", sink.getvalue())
    tall, wide = (Tile(caption=name, path=f"inputs/{name}.png") for name in ("tall", "wide"))
    grid = Grid(title="t", note="n", columns=(Tile(caption="1"),), rows=((tall,), (wide,)), cells={(1, 0): wide})
    frame = frame_grid(grid, (128, 128))
    page = draw_grid(grid, frame, Thumbnails(files)).image
    blue = (np.asarray(page) == (0, 0, 255)).all(axis=2)
    rows = np.flatnonzero(blue.any(axis=1))
    first, second = frame.top, frame.top + 128 + CAPTION
    assert rows.tolist() == [*range(first, first + 128), *range(second, second + 72)]
    assert page.height == second + 72 + CAPTION + MARGIN


def test_a_flag_frames_its_picture():
    """The best image of a diverged job is shown, framed in red."""
    canvas = Canvas(200, 200)
    place = canvas.picture(Box(20, 20, 100, 100), Image.new("RGB", (200, 100), "blue"))
    canvas.flag(place, "diverged")
    assert place == Box(20, 70, 100, 50)
    assert canvas.image.getpixel((21, 71)) == tuple(bytes.fromhex(ALARM[1:]))
    assert canvas.image.getpixel((60, 85)) == (0, 0, 255)
    assert canvas.image.getpixel((60, 40)) == tuple(bytes.fromhex(PAPER[1:]))


def test_a_strip_shows_content_style_snapshots_result(stores, run):
    """Snapshots at 10, 20 and 30 of 40 steps; the last image is the result."""
    (job,) = record_of(stores(1), run).jobs
    strip = make_strip(job, ("start",))
    assert [tile.caption for tile in strip.tiles] == [
        "content 1",
        "style 1",
        "step 10",
        "step 20",
        "step 30",
        "step 40",
    ]
    assert strip.notes[:2] == ("preset default-1", "start content")
    assert [note.split()[0] for note in strip.notes[2:]] == ["total", "content", "style", "tv"]
    assert job.job_id[:8] in strip.title


def test_the_notes_of_a_strip_are_whole(stores, run, monkeypatch):
    """Every setting and figure is written, on as many lines as needed: only text wider than a strip is cut."""
    jobs = record_of(stores(12), run).finished
    strips = [make_strip(job, ("style_weight", "seed")) for job in jobs]
    written, text = [], Canvas.text

    def noted(canvas, x, y, line, limit, **more):
        written.extend(shorten(line, more.get("size", 20), limit).split(" · "))
        return text(canvas, x, y, line, limit, **more)

    monkeypatch.setattr(Canvas, "text", noted)
    cell = 128, 96
    draw_strips(strips, frame_strips(strips, cell), "All jobs", Thumbnails(stores(12)))
    assert {note for strip in strips for note in strip.notes} <= set(written)


def test_snapshots_are_spread_evenly(builder):
    """At most 8 of 39 snapshots are shown, from first to last."""
    builder.outcome(builder.row(builder.source("content", 1), builder.source("style", 1), snapshot_every=1))
    (job,) = record_of(builder.publish(), "20261120-103200").jobs
    assert [step for step, _ in snapshots(job, 8)] == [1, 6, 11, 16, 21, 26, 31, 36]
    assert snapshots(job, 0) == []


def test_strips_of_many_jobs_fill_several_pages(stores, run):
    """Each finished job has its strip, on pages within the limit."""
    files = stores(210)
    jobs = record_of(files, run).finished
    pages = strip_pages(jobs, (256, 256), "All jobs", Thumbnails(files))
    assert len(pages) > 4
    assert max(pages[0].draw().image.size) <= PAGE_LIMIT


def test_cells_have_the_shape_of_the_results(stores, run):
    """Results of 96 x 72 px: cells of 128 x 96, not squares with blank borders."""
    assert cell_size(record_of(stores(12), run).finished) == (128, 96)
    assert cell_size([]) == (256, 256)


def test_transparency_is_shown_on_white(tmp_path):
    """A result with alpha=keep is composited as a viewer would."""
    files = Files(str(tmp_path / "store"))
    sink = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(sink, "PNG")
    files.publish("images/aa/a.png", sink.getvalue())
    image = Thumbnails(files).thumbnail("images/aa/a.png", 8)
    assert image is not None
    assert image.getpixel((4, 4)) == (255, 255, 255)


def test_a_damaged_picture_counts_as_missing(tmp_path):
    """One bad file does not prevent the report."""
    files = Files(str(tmp_path / "store"))
    files.publish("images/aa/a.png", b"no picture")
    assert Thumbnails(files).thumbnail("images/aa/a.png", 8) is None
    assert Thumbnails(files).thumbnail("images/aa/b.png", 8) is None


def test_pages_are_bounded(stores, run):
    """The first page of each sheet is drawn before any second one; others are counted, and old pages deleted."""
    files = stores(210)
    before = draw_sheets(files, run)
    assert before.undrawn == 0
    files.publish(layout.run(run, "contact-sheets/sweep-of-old-001.jpg"), b"")
    drawn = draw_sheets(files, run, Limits(pages=1, seconds=None))
    names = [sheet.name for sheet in drawn.files]
    assert names == ["contact-sheets/matrix.jpg", "contact-sheets/strips-001.jpg"]
    assert drawn.undrawn == len(before.files) - 2
    others = ["contact-sheets/index.html", *(name.replace("/", "/small/") for name in names)]
    listed = [entry.path for entry in files.list(layout.run(run, "contact-sheets"))]
    assert listed == sorted(layout.run(run, name) for name in [*names, *others])
    draw_sheets(files, run)


def test_time_is_bounded(stores, run):
    """When the time is over no further page is begun; at least one is drawn."""
    files = stores(210)
    drawn = draw_sheets(files, run, Limits(pages=60, seconds=0.0))
    assert [sheet.name for sheet in drawn.files] == ["contact-sheets/matrix.jpg"]
    assert drawn.undrawn == 2


def test_limits_as_an_option():
    """A number of pages, or all of them, has no time limit; anything else is refused."""
    assert limits_of(None) == NIGHTLY
    assert limits_of("7") == Limits(pages=7, seconds=None)
    assert limits_of("all") == Limits(pages=None, seconds=None)
    for given in ("0", "-1", "many", ""):
        with pytest.raises(UsageError, match="not a number of pages"):
            limits_of(given)


def test_the_bytes_of_a_page_are_bounded():
    """Noise, which JPEG compresses badly, loses quality and then size, until it is within the limit."""
    canvas = Canvas(3000, 3000)
    noise = np.random.default_rng(0).integers(0, 256, (3000, 3000, 3), dtype=np.uint8)
    canvas.image.paste(Image.fromarray(noise))
    data = canvas.jpeg()
    assert len(data) <= PAGE_BYTES
    assert 1000 < Image.open(io.BytesIO(data)).width < 3000


def test_a_plain_page_keeps_its_quality():
    """A page that is already small is not scaled and keeps its colours."""
    image = Image.open(io.BytesIO(Canvas(3000, 3000).jpeg()))
    assert image.size == (3000, 3000)
    assert {component[1:3] for component in image.layer} == {(1, 1)}


def test_the_small_page_is_whole():
    """The index shows all of a page, however tall it is."""
    for size, small in (((1280, 2000), (640, 1000)), ((1000, 4000), (320, 1280)), ((4000, 1000), (640, 160))):
        assert Image.open(io.BytesIO(Canvas(*size).small(640))).size == small


def test_a_picture_is_opened_once(tmp_path, monkeypatch):
    """A result is read from the store once, however many sizes it is shown in and however many others there are."""
    files = Files(str(tmp_path / "store"))
    paths = [f"images/aa/{number}.png" for number in range(6)]
    for number, path in enumerate(paths):
        sink = io.BytesIO()
        Image.new("RGB", (400, 300), (40 * number, 90, 200)).save(sink, "PNG")
        files.publish(path, sink.getvalue())
    opened = []
    read = Files.read
    monkeypatch.setattr(Files, "read", lambda files, path: opened.append(path) or read(files, path))
    monkeypatch.setattr("stylize_core.record.thumbnails.CACHED", 2)
    pictures = Thumbnails(files)
    pictures.prepare([(path, 168) for path in paths])
    for edge in (168, 126, 168):
        for number, path in enumerate(paths):
            image = pictures.thumbnail(path, edge)
            assert image.size == (edge, edge * 3 // 4)
            assert image.getpixel((5, 5)) == pytest.approx((40 * number, 90, 200), abs=3)
    assert sorted(opened) == paths

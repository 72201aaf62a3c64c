"""Matrix and sweeps as rows and columns."""

from fixtures.records import record_of

from stylize_core.sheets.grids import matrices, sweeps


def _jobs_of(builder):
    return record_of(builder.publish(), "20261120-103200").jobs


def _captions(tiles):
    return [tile.caption for tile in tiles]


def test_a_cross_is_a_matrix(stores, run):
    """Contents down, styles across, in the manifest's order; failed cells say why."""
    (grid,) = matrices(record_of(stores(12), run).jobs)
    assert [row[0].caption for row in grid.rows] == ["Tübingen", "<script>alert(1)<!--"]
    assert _captions(grid.columns) == ["style 0", "style 1", "style 2"]
    assert sorted(grid.cells) == [(r, c) for r in range(2) for c in range(3)]
    assert grid.cells[1, 2].mark == "diverged"


def test_random_pairs_are_no_matrix(builder):
    """There is no matrix if most cells would be empty."""
    for number in range(6):
        builder.row(builder.source("content", number), builder.source("style", number))
    assert matrices(_jobs_of(builder)) == []


def test_pairs_without_a_partner_in_common_are_no_matrix(builder):
    """Two pairs of two contents and two styles would leave two of four cells empty; a third pair makes a matrix."""
    contents, styles = ([builder.source(kind, number) for number in range(2)] for kind in ("content", "style"))
    for content, style in zip(contents, styles, strict=True):
        builder.row(content, style)
    assert matrices(_jobs_of(builder)) == []
    builder.row(contents[0], styles[1])
    assert [len(grid.cells) for grid in matrices(_jobs_of(builder))] == [3]


def test_a_cell_of_a_sweep_says_its_values(builder):
    """The figure is beneath each picture, whatever the job's id, which comes after it."""
    for weight in (1e5, 2e6):
        for start in ("noise", "content"):
            name = f"a-very-long-name-that-is-cut-{weight:g}-{start}"
            builder.row(
                builder.source("content", 0), builder.source("style", 0), style_weight=weight, start=start, id=name
            )
    (grid,) = sweeps(_jobs_of(builder))["style_weight-start"]
    assert grid.cells[1, 1].caption == "sw 2e6 · start content"
    assert grid.cells[1, 1].note == "a-very-long-name-that-is-cut-2e+06-content"


def test_one_setting_is_laid_out_in_a_row(builder):
    """A row for each pair, with numbers in ascending order; a value that a pair lacks leaves an empty cell."""
    styles = [builder.source("style", number) for number in range(2)]
    for style, weights in zip(styles, [(100.0, 1.0, 10.0), (10.0, 1000.0)], strict=True):
        for weight in weights:
            builder.row(builder.source("content", 0), style, style_weight=weight)
    (grid,) = sweeps(_jobs_of(builder))["style_weight"]
    assert _captions(grid.columns) == ["1", "10", "100", "1,000"]
    assert {tile.note for tile in grid.columns} == {"style_weight"}
    assert sorted(grid.cells) == [(0, 0), (0, 1), (0, 2), (1, 1), (1, 3)]


def test_two_settings_span_a_grid(builder):
    """One grid for each pair of content and style."""
    for number in range(2):
        for weight in (1.0, 2.0, 3.0):
            for start in ("noise", "content"):
                builder.row(
                    builder.source("content", number), builder.source("style", 0), style_weight=weight, start=start
                )
    grids = sweeps(_jobs_of(builder))["style_weight-start"]
    assert len(grids) == 2
    assert [row[0].caption for row in grids[0].rows] == ["noise", "content"]
    assert len(grids[0].cells) == 6
    assert _captions(grids[1].inputs) == ["content 1", "style 0"]


def test_more_settings_are_laid_out_one_by_one(builder):
    """The pictures of a row differ only in the swept setting."""
    for given in ({}, {"style_weight": 1.0}, {"tv_weight": 1.0}, {"pooling": "average"}):
        builder.row(builder.source("content", 0), builder.source("style", 0), **given)
    found = sweeps(_jobs_of(builder))
    assert set(found) == {"style_weight", "tv_weight", "pooling"}
    assert all(len(grid.rows) == 1 and len(grid.cells) == 2 for (grid,) in found.values())


def test_without_a_sweep_there_is_no_sheet(stores, run):
    """210 pairs with equal settings have no sweep."""
    assert sweeps(record_of(stores(210), run).jobs) == {}

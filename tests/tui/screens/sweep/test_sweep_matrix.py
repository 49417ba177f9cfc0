"""The matrix of a sweep: its places, levels and the line of Pareto-optimal points."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from runner.sweep.sweep_feed import SweepFeed
from tests.tui.screens.sweep.support import complete, half_way, nothing_yet
from tui.framework.rows import row_text, row_width
from tui.screens.sweep.sweep_matrix import (
    LEVELS,
    HeatScale,
    cell_size,
    draw_legend,
    draw_matrix,
    draw_pareto,
)
from tui.screens.sweep.view import BoardView, first_board_view


def view_of(path: object) -> BoardView:
    feed = SweepFeed(path)  # type: ignore[arg-type]
    feed.drain()
    return first_board_view(feed.board())


@pytest.mark.parametrize("width", [40, 116, 196])
def test_no_column_moves_when_numbers_arrive(width: int) -> None:
    views = [view_of(make()) for make in (nothing_yet, half_way)]
    heads = [row_text(draw_matrix(view, width, 0)[0]) for view in views]
    assert heads[0] == heads[1]
    sizes = [[row_width(row) for row in draw_matrix(view, width, 0)[1:]] for view in views]
    assert len({size for one in sizes for size in one}) == 1
    assert max(sizes[0]) <= width
    assert row_text(draw_legend(views[0], width, 1)[0]) == row_text(draw_legend(views[1], width, 1)[0])


@pytest.mark.parametrize(
    ("room", "heads", "size"), [(112, ["1", "8"], 26), (60, ["1"] * 4, 14), (30, ["1"] * 9, 9), (5, ["1"], 9)]
)
def test_columns_share_the_width(room: int, heads: Sequence[str], size: int) -> None:
    assert cell_size(room, heads) == size


def test_wide_cells_have_a_second_metric_with_its_interval() -> None:
    view = view_of(complete())
    narrow, wide = (draw_matrix(view, width, 0) for width in (116, 196))
    assert len(wide) == len(narrow) + 1
    assert row_text(wide[1]).split() == ["tokens/s", "latency,", "ms"] * 4
    assert row_text(wide[2]).split()[:5] == ["1", "▸✔▁", "131.3", "±2.7", "974.8"]
    swapped = draw_matrix(view.next_metric(), 196, 0)
    assert row_text(swapped[1]).split()[:3] == ["latency,", "ms", "tokens/s"]
    assert all(row_width(row) <= 196 for row in wide)


def test_levels_are_logarithmic_and_hide_noise() -> None:
    scale = HeatScale(10.0, 1000.0, lower_is_better=False)
    assert [scale.level(value) for value in (10.0, 100.0, 1000.0)] == [0, 4, 7]
    assert HeatScale(10.0, 1000.0, lower_is_better=True).level(10.0) == 7
    assert HeatScale(100.0, 101.0, lower_is_better=False).level(100.5) is None


def test_cells_have_a_level_and_optimal_points_are_listed() -> None:
    view = view_of(complete()).move(1, 1)
    rows = draw_matrix(view, 116, 0)
    assert len(rows) == 4, "the height is the same wherever the cursor is"
    cells = [span for row in rows[1:] for span in row]
    assert {span.style for span in cells if span.style.startswith("heat")} >= {"heat1", "heat5"}
    shown = "".join(span.text for span in cells)
    assert all(level in shown for level in (LEVELS[0], LEVELS[-1]))
    optimal = row_text(draw_pareto(view, 240, 1)[0])
    assert optimal.startswith("Pareto-optimal (4): tp 4 dtype float16 batch 1 321.7 ms, 397.9/s → tp 4")
    assert row_text(draw_pareto(view, 78, 1)[0]) == (
        "Pareto-optimal (4): 4/float16/1 → 4/float16/8 → 4/float16/32 → 4/float16/64"
    )
    assert row_text(draw_pareto(view_of(nothing_yet()), 78, 1)[0]) == "Pareto-optimal: none is measured yet"

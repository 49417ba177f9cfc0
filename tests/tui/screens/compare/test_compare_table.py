"""Rows and columns of a comparison, from changes alone."""

from __future__ import annotations

import math

import pytest

from runner.compare import Comparison, MetricChange, Pair, SideSummary
from runner.compare.comparison import ConfigurationComparison
from tui.framework.rows import row_text, row_width
from tui.screens.compare.compare_table import (
    ChosenChange,
    CompareView,
    draw_chosen,
    draw_heading,
    format_share,
    layout_columns,
    make_compare_view,
    table_lines,
)
from tui.screens.compare.compare_table import format_interval as interval
from tui.screens.compare.overview import (
    draw_answer,
    draw_bars,
    draw_difference_count,
    draw_differences,
    draw_method,
    draw_sides,
)

PARTS = (draw_answer, draw_bars, draw_difference_count, draw_differences, draw_method, draw_sides)


def change(metric: str = "latency_ms", share: float = 0.1, **more: object) -> MetricChange:
    fields: dict[str, object] = {
        "metric": metric, "unit": "ms", "first": 63_543.0, "second": 63_543.0 * (1 + share), "first_n": 10,
        "second_n": 12, "change": share, "low": share - 0.01, "high": share + 0.01, "verdict": "SLOWER",
    }  # fmt: skip
    return MetricChange(**{**fields, **more})  # type: ignore[arg-type]


def pair(second: str, *changes: MetricChange, fair: bool = True) -> Pair:
    configuration = ConfigurationComparison(
        batch_size=16, input_len=1024, output_len=1024, gpu_weights_percent=1.0, changes=changes
    )
    against = () if fair else ("not the same machine: " + "device " * 40,)
    return Pair(
        first="A", second=second, fair=fair, unfair_because=against, method="one run each " * 20,
        configurations=(configuration,) if changes else (),
    )  # fmt: skip


def view(*pairs: Pair) -> CompareView:
    labels = ["A", *(one.second for one in pairs)]
    sides = tuple(
        SideSummary(label=label, profile="模型" * 20, summary="a decoder", runs=("r1", "r2"))
        for label in labels
    )
    return make_compare_view(Comparison(sides=sides, differences=(), pairs=pairs))


MANY = view(pair("B", change()), pair("C", change("latency_p50_ms"), change(), fair=False), pair("D"))


@pytest.mark.parametrize("width", [20, 40, 76, 99, 116, 156, 196])
@pytest.mark.parametrize("side", [0, 1, 2, 3])
def test_rows_are_not_wider_than_their_panel(width: int, side: int) -> None:
    shown = MANY.move_side(side - 1)
    drawn = [line.row for line in table_lines(shown, width)]
    for draw in (*PARTS, draw_heading):
        drawn += draw(shown, width, 0)
    for line in shown.lines:
        drawn += draw_chosen(ChosenChange(shown, line), width, 0)
    assert all(row_width(row) <= width for row in drawn)


def test_metrics_of_a_configuration_are_merged_across_pairs() -> None:
    assert [line.metric for line in MANY.lines] == ["latency_ms", "latency_p50_ms"]
    assert [[one is not None for one in line.changes] for line in MANY.lines] == [
        [True, True, False],
        [False, True, False],
    ]
    said = row_text(draw_chosen(ChosenChange(MANY.move_side(2), MANY.lines[0]), 76, 0)[0])
    assert said == "A and D did not both measure latency, mean"


def test_column_headings_and_verdict_glyph() -> None:
    shown = view(pair("B", change(verdict="INCONCLUSIVE", why="needs about 6 more repeats of each")))
    assert row_text(draw_heading(shown, 76, 1)[0]).split() == [
        "metric",
        "A",
        "B",
        "change",
        "interval",
        "verdict",
    ]
    title, line = (row_text(line.row) for line in table_lines(shown, 76))
    assert title == "batch 16 1024→1024"
    assert " ".join(line.split()) == "latency, mean, ms 63 543 69 897 +10.0 % +9.0…+11 % ? INCONCLUSIVE"
    assert "needs about 6 more repeats of each" in row_text(
        draw_chosen(ChosenChange(shown, shown.lines[0]), 200, 0)[1]
    )


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0229, "+2.29 %"),
        (-0.1, "-10.0 %"),
        (1.3, "+130 %"),
        (99.0, ">+1000 %"),
        (None, "?"),
        (math.nan, "?"),
    ],
)
def test_shares_are_formatted_as_percent(share: float | None, words: str) -> None:
    assert format_share(share) == words


@pytest.mark.parametrize(
    ("low", "high", "narrow", "wide"),
    [
        (-0.031, 0.002, "-3.1…+0.2 %", "-3.10 … +0.20 %"),
        (None, None, "not bounded", "not bounded"),
        (-0.5, None, "-50…? %", "-50.00 … ? %"),
        (-0.834, 400.0, "-83…>+1000 %", "-83.40 … >+1000 %"),
    ],
)
def test_intervals(low: float | None, high: float | None, narrow: str, wide: str) -> None:
    assert interval(change(low=low, high=high), 1) == narrow
    assert interval(change(low=low, high=high)) == wide


def test_a_change_that_is_not_judged_has_no_interval() -> None:
    assert interval(change(verdict="NOT JUDGED", why="a number that is not above 0 has no ratio")) == ""


@pytest.mark.parametrize(("width", "value", "interval"), [(116, 8, 22), (76, 8, 14), (62, 8, 0), (46, 0, 0)])
def test_interval_and_values_are_dropped_before_names_are_cut(width: int, value: int, interval: int) -> None:
    columns = layout_columns(view(pair("B", change())), width)
    assert (columns.value, columns.interval) == (value, interval)
    assert columns.label == len("  latency, mean, ms ")


@pytest.mark.parametrize(
    ("width", "drawn"),
    [(76, "  ▼ SLOWER"), (56, "●       +10.0 %  ▼"), (36, "+10.0 %  ▼")],
    ids=["words", "signs", "no bars"],
)
def test_bars_give_way_before_names_and_changes(width: int, drawn: str) -> None:
    lines = [row_text(row) for row in draw_bars(view(pair("B", change())), width, 0)]
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("batch 16 1024→1024 ")
    assert drawn in lines[0]

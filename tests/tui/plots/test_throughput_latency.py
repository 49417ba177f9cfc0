"""Throughput over latency: axes, points, frontier, labels."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui.framework.rows import row_text, row_width
from tui.plots.throughput_latency import (
    BEST,
    CHOSEN,
    OTHER,
    TIED,
    TradeData,
    TradePoint,
    axis_for,
    draw_trades,
)

POINTS = (
    TradePoint(10.0, 100.0, "one", "s", best=True),
    TradePoint(20.0, 150.0, "two", "s", chosen=True),
    TradePoint(30.0, 300.0, "three", "s", best=True),
    TradePoint(28.0, 120.0, "four", "s"),
)
positive = st.floats(0.001, 1e7)


def drawn(*points: TradePoint, width: int = 60, height: int = 20) -> list[str]:
    return [row_text(row) for row in draw_trades(TradeData(points, "nothing yet"), width, height)]


def test_every_point_is_there_with_its_label() -> None:
    lines = drawn(*POINTS)
    text = "\n".join(lines[:-2])
    assert (text.count(BEST), text.count(CHOSEN), text.count(OTHER)) == (2, 1, 1)
    for point in POINTS:
        assert point.label in text


def test_less_latency_is_to_the_left_and_more_throughput_above() -> None:
    lines = drawn(*POINTS)[:-2]
    at = {label: next((y, line.index(label)) for y, line in enumerate(lines) if label in line)
          for label in ("one", "three")}  # fmt: skip
    assert at["three"][0] < at["one"][0]
    assert at["three"][1] > at["one"][1]


def test_the_frontier_joins_the_best_points() -> None:
    text = "".join(drawn(*POINTS)[:-2])
    assert any(0x2800 < ord(char) < 0x2900 for char in text)
    assert not any(0x2800 < ord(char) < 0x2900 for char in "".join(drawn(POINTS[3])[:-2]))


def test_a_tie_has_a_mark_of_its_own() -> None:
    lines = drawn(*POINTS, TradePoint(11.0, 90.0, "tied", "t", best=True, tied=True))
    assert TIED in "".join(lines[:-2])
    assert "tie" in lines[-1]


def test_a_wide_range_is_logarithmic_and_says_so() -> None:
    far = TradePoint(5000.0, 40_000.0, "far", "f", best=True)
    assert "logarithmic" in drawn(*POINTS, far)[-1]
    assert "logarithmic" not in drawn(*POINTS)[-1]


def test_without_points_or_room_it_says_why() -> None:
    assert "nothing yet" in "".join(drawn())
    assert "no room" in "".join(drawn(*POINTS, width=20))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(positive, positive), min_size=1, max_size=8),
    st.integers(30, 80),
    st.integers(5, 20),
)
def test_it_draws_any_points_into_any_room(pairs: list[tuple[float, float]], width: int, height: int) -> None:
    points = tuple(
        TradePoint(x, y, f"point {number}", "s", best=number % 2 == 0, chosen=number == 0)
        for number, (x, y) in enumerate(pairs)
    )
    rows = draw_trades(TradeData(points), width, height)
    assert len(rows) <= height
    assert all(row_width(row) <= width for row in rows)
    assert CHOSEN in "".join(map(row_text, rows[:-1]))


@settings(max_examples=60, deadline=None)
@given(st.lists(positive, min_size=1, max_size=9), st.integers(2, 12))
def test_every_value_lies_on_its_axis(values: list[float], most: int) -> None:
    axis = axis_for(values, most)
    assert all(-1e-6 <= axis.share(value) <= 1 + 1e-6 for value in values)
    assert list(axis.ticks) == sorted(axis.ticks)


@pytest.mark.parametrize(("low", "high"), [(1.0, 1000.0), (3.0, 70.0), (0.02, 9.0)])
def test_a_logarithmic_axis_has_round_ticks_around_its_values(low: float, high: float) -> None:
    axis = axis_for([low, high], 8)
    assert axis.logarithmic
    assert axis.low <= low
    assert axis.high >= high
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks)
    assert len(axis.ticks) > 1


def test_labels_are_short_and_name_their_axes() -> None:
    data = TradeData((TradePoint(10.0, 100.0, "tp 2 batch 8", "2/8"),), short="tp/batch")
    narrow, wide = ("\n".join(row_text(row) for row in draw_trades(data, width, 20)) for width in (60, 120))
    assert "2/8" in narrow
    assert "tp/batch" in narrow
    assert "tp 2 batch 8" not in narrow
    assert "tp 2 batch 8" in wide
    assert "tp/batch" not in wide

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.plots.axes import AxisScale, place_labels, round_seconds, scale_for, time_label, time_step


def test_scales_are_made_of_whole_steps() -> None:
    assert scale_for(6230, 6977, 5) == AxisScale(6200, 7000, 200)
    assert scale_for(0.0411, 0.0429, 4).ticks() == pytest.approx([0.041, 0.042, 0.043])


def test_a_small_spread_does_not_look_like_trouble() -> None:
    scale = scale_for(1000.0, 1000.1, 5)
    assert scale.high - scale.low >= 20


def test_the_scale_stays_while_values_stay_inside() -> None:
    assert scale_for(6230, 6977, 5) == scale_for(6210, 6999, 5)


@given(st.floats(1e-3, 1e8), st.floats(1, 1e4), st.integers(2, 20))
def test_every_scale_holds_its_values(low: float, factor: float, ticks: int) -> None:
    scale = scale_for(low, low * factor, ticks)
    slack = scale.step * 1e-6
    assert scale.low - slack <= low
    assert low * factor <= scale.high + slack
    assert 1 <= len(scale.ticks()) <= ticks + 2


def test_spans_of_time_are_round() -> None:
    assert [round_seconds(seconds) for seconds in (0.13, 7, 11, 60, 61, 100, 3601, 90_000)] == pytest.approx(
        [0.15, 8, 15, 60, 75, 120, 4500, 108_000]
    )


@given(st.floats(1e-4, 1e7))
def test_a_span_holds_what_it_is_for_and_little_more(seconds: float) -> None:
    assert seconds * (1 - 1e-9) <= round_seconds(seconds) <= seconds * 2.1


@given(st.floats(0.001, 1e6), st.integers(10, 240))
def test_times_below_an_axis_are_few_enough_to_read(span: float, room: int) -> None:
    step = time_step(span, room)
    assert span / step <= max(1, room // 10) + 1
    assert span / step >= room / 10 / 8 - 1


@pytest.mark.parametrize(
    ("seconds", "step", "label"),
    [(0.05, 0.05, "0.05 s"), (0, 10, "0 s"), (20, 10, "20 s"), (90, 30, "1:30"), (7200, 3600, "2:00:00")],
)
def test_times_in_words(seconds: float, step: float, label: str) -> None:
    assert time_label(seconds, step) == label


def test_labels_never_touch() -> None:
    assert place_labels([(2, "abc"), (5, "def"), (12, "ghi")], 14) == " abc       ghi"

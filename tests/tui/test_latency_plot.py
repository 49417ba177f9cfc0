from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.stats import Series
from tui.text import width_of
from tui.widgets.latency_plot import Numbers, PlotData, Scale, draw_numbers, draw_plot, scale_for, span_for
from tui.widgets.rows import row_text


def plotted(
    values: list[float], warmup: tuple[float, ...] = (), expected: int = 0, capacity: int = 4096
) -> PlotData:
    series = Series(capacity=capacity)
    for i, value in enumerate(values):
        series.add(i, value)
    mean = sum(values) / len(values) if values else 0.0
    return PlotData(warmup=warmup, n=len(values), mean=mean, expected=expected, per_bucket=series.width,
                    points=tuple(series.buckets))  # fmt: skip


def lines(data: PlotData, width: int = 60, height: int = 10) -> list[str]:
    return [row_text(row) for row in draw_plot(data, width, height)]


def test_says_what_it_waits_for() -> None:
    drawn = lines(PlotData())
    assert [line.strip() for line in drawn if line.strip()] == ["waiting for the first iteration"]


def test_scales_are_made_of_whole_steps() -> None:
    assert scale_for(6230, 6977, 5) == Scale(6200, 7000, 200)
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


def test_the_axis_spans_what_is_expected_then_round_numbers() -> None:
    assert [span_for(total, 12) for total in (1, 12, 13, 99, 101)] == [12, 12, 15, 100, 150]


def test_one_spike_among_a_hundred_thousand_is_seen() -> None:
    values = [100.0] * 100_000
    values[61_803] = 200.0
    drawn = lines(plotted(values, expected=len(values)))
    top = drawn[0]
    column = next(x for x, char in enumerate(top) if "⠀" < char <= "⣿")
    assert column == pytest.approx(9 + 0.618 * 51, abs=1)
    assert "200" in top


def test_warm_up_is_shaded_labelled_and_out_of_the_scale() -> None:
    drawn = lines(plotted([100.0, 101.0, 99.0], warmup=(900.0, 500.0), expected=12))
    assert "░" in drawn[0]
    assert drawn[-1].strip().startswith("warm-up")
    assert "900" not in "".join(drawn)


def test_warm_up_is_labelled_even_as_a_sliver() -> None:
    drawn = lines(plotted([100.0] * 500, warmup=(900.0,), expected=501))
    assert drawn[-1].strip().startswith("warm-up")


def test_the_mean_has_a_line() -> None:
    drawn = lines(plotted([100.0, 200.0], expected=2))
    assert sum("┄" in line for line in drawn) == 1


def test_iterations_are_numbered_from_one() -> None:
    assert lines(plotted([1.0] * 10, expected=10))[-1].split() == ["1", "5", "10"]


@given(
    st.lists(st.floats(0, 1e9), max_size=50),
    st.lists(st.floats(0, 1e9), max_size=5),
    st.integers(0, 100),
    st.integers(1, 120),
    st.integers(1, 30),
)
def test_no_data_and_no_size_breaks_it(
    values: list[float], warmup: list[float], expected: int, width: int, height: int
) -> None:
    rows = draw_plot(plotted(values, tuple(warmup), expected, capacity=16), width, height)
    if width >= 40 and height >= 3:
        assert len(rows) <= height
        assert all(width_of(row_text(row)) <= width for row in rows)


def test_numbers_say_when_there_are_too_few() -> None:
    few = Numbers(n=7, mean=63543.0, p50=63512.0, p95=64120.0, prefill=14001, generation=49542,
                  per_token=48.4, tokens_per_sec=258.0)  # fmt: skip
    first, second = (row_text(row) for row in draw_numbers(few, 78))
    assert "n 7: too few for p95" in first
    assert "63 543" in first
    assert second.rstrip().endswith("258.0 tokens/s")
    assert len(draw_numbers(few, 150)) == 1
    assert row_text(draw_numbers(Numbers(), 78)[0]) == "no timed iteration yet"

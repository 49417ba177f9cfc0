from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.stats import Series
from tui.framework.rows import row_text
from tui.plots.latency import GpuLane, LatencyPlotData, OutlierMark, draw_latency_plot
from tui.screens.live.latency_numbers import LatencyNumbers, draw_numbers
from tui.text import to_ascii, width_of

S = 10**9


def plotted(
    values: list[float],
    warmup: tuple[float, ...] = (),
    end: float = 0.0,
    capacity: int = 4096,
    **more: object,
) -> LatencyPlotData:
    """Iterations that end at 1 s, 2 s, ...; warm-up before that."""
    series = Series(capacity=capacity)
    for i, value in enumerate(values):
        series.add((i + 1) * S, value)
    ends = tuple((float(i - len(warmup) + 1), value) for i, value in enumerate(warmup))
    return LatencyPlotData(begin=-float(len(warmup)), end=end or float(len(values) or 1), warmup=ends,
                    n=len(values), points=tuple(series.buckets), **more)  # type: ignore[arg-type]  # fmt: skip


def lines(data: LatencyPlotData, width: int = 60, height: int = 10) -> list[str]:
    return [row_text(row) for row in draw_latency_plot(data, width, height)]


def test_says_what_it_waits_for() -> None:
    drawn = lines(LatencyPlotData())
    assert [line.strip() for line in drawn if line.strip()] == ["waiting for the first iteration"]


def test_one_spike_among_a_hundred_thousand_is_seen() -> None:
    values = [100.0] * 100_000
    values[61_803] = 200.0
    drawn = lines(plotted(values))
    top = drawn[0]
    column = next(x for x, char in enumerate(top) if "⠀" < char <= "⣿")
    assert column == pytest.approx(9 + 0.618 * 51, abs=1)
    assert "200" in top


def test_warm_up_is_shaded_labelled_and_out_of_the_scale() -> None:
    drawn = lines(plotted([100.0, 101.0, 99.0], warmup=(900.0, 500.0), end=10))
    assert "░" in drawn[0]
    assert drawn[-1].strip().startswith("warm-up")
    assert "900" not in "".join(drawn)


def test_warm_up_is_labelled_even_as_a_sliver() -> None:
    drawn = lines(plotted([100.0] * 500, warmup=(900.0,)))
    assert drawn[-1].strip().startswith("warm-up")


def test_mean_and_percentiles_have_lines_with_names() -> None:
    drawn = lines(plotted([100.0, 200.0], end=4, lines=(("p50", 110.0), ("mean", 150.0), ("p95", 195.0))), 80)
    for name, char in (("p50", "┈"), ("mean", "┄"), ("p95", "╌")):
        [line] = [line for line in drawn if char in line]
        assert line.endswith(name)


def test_lines_differ_without_names_in_a_small_plot() -> None:
    drawn = lines(plotted([100.0, 200.0], end=4, lines=(("p50", 110.0), ("mean", 150.0))), 50)
    assert sum("┄" in line for line in drawn) == sum("┈" in line for line in drawn) == 1
    assert "mean" not in "".join(drawn)


def test_an_outlier_has_the_letter_of_its_cause_above_it() -> None:
    values = [100.0] * 40
    values[19] = 180.0
    drawn = lines(plotted(values, marks=(OutlierMark(20.0, 180.0, "T"),)), 90, 12)
    [y] = [number for number, line in enumerate(drawn) if "T" in line]
    column = drawn[y].index("T")
    assert column == pytest.approx(9 + 20 / 40 * 81, abs=2)
    below = "".join(line[column] for line in drawn[y + 1 : -1])
    assert any("⠀" < char <= "⣿" for char in below)


def test_times_are_counted_from_the_begin_of_timing() -> None:
    drawn = lines(plotted([1.0] * 60, warmup=(2.0,) * 20), 100)
    assert drawn[-1].split() == [
        "warm-up",
        "0",
        "s",
        "10",
        "s",
        "20",
        "s",
        "30",
        "s",
        "40",
        "s",
        "50",
        "s",
        "1:00",
    ]


def test_what_the_gpus_do_stands_below_on_the_same_axis() -> None:
    busy: list[float | None] = [100.0] * 200 + [None] * 100 + [0.0] * 100
    data = plotted([1.0] * 40, lanes=(GpuLane("busy %", 100.0, tuple(busy)),))
    assert not any("busy" in line for line in lines(data, 100, 10)), "too low for it"
    lane = lines(data, 100, 16)[-1]
    assert lane.strip().startswith("busy %")
    drawn = lane[9:].ljust(91)
    assert set(drawn[2:40]) == {"⣿"}
    assert set(drawn[48:64]) == {" "}, "nothing was read there"
    assert set(drawn[72:88]) == {"⣀"}, "read, and idle"


@given(
    st.lists(st.floats(0, 1e9), max_size=50),
    st.lists(st.floats(0, 1e9), max_size=5),
    st.floats(0.001, 100),
    st.integers(1, 120),
    st.integers(1, 30),
)
def test_no_data_and_no_size_breaks_it(
    values: list[float], warmup: list[float], end: float, width: int, height: int
) -> None:
    marks = tuple(OutlierMark(float(i), value, "?") for i, value in enumerate(values[:3]))
    found = (("mean", sum(values) / len(values)),) if values else ()
    data = plotted(
        values, tuple(warmup), end, capacity=16, marks=marks, lines=found, lanes=(GpuLane("x", 0.0),)
    )
    rows = draw_latency_plot(data, width, height)
    if width >= 40 and height >= 3:
        assert len(rows) <= height
        assert all(width_of(row_text(row)) <= width for row in rows)


def test_everything_has_an_ascii_likeness() -> None:
    data = plotted([100.0, 200.0], end=4, lines=(("p50", 110.0), ("mean", 150.0), ("p95", 195.0)))
    assert "?" not in to_ascii("".join(lines(data, 80)))


def test_numbers_say_when_there_are_too_few() -> None:
    few = LatencyNumbers(n=7, mean=63543.0, p50=63512.0, p95=64120.0, prefill=14001, generation=49542,
                  per_token=48.4, tokens_per_sec=258.0)  # fmt: skip
    first, second = (row_text(row) for row in draw_numbers(few, 78))
    assert "n 7: too few for p95" in first
    assert "63 543" in first
    assert second.rstrip().endswith("258.0 tokens/s")
    assert len(draw_numbers(few, 150)) == 1
    assert row_text(draw_numbers(LatencyNumbers(), 78)[0]) == "no timed iteration yet"

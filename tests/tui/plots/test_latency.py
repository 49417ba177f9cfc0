from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.stats import Series
from tui.framework.rows import row_text
from tui.plots.latency import AxisMode, GpuLane, LatencyPlotData, OutlierMark, draw_latency_plot
from tui.screens.live.latency_numbers import LatencyNumbers, draw_numbers
from tui.text import to_ascii, width_of

S = 10**9
AXES = get_args(AxisMode)


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


def test_medians_have_lines_and_the_band_is_dotted() -> None:
    data = plotted([100.0, 200.0], end=4, lines=(("p50", 150.0), ("base", 185.0)), band=(110.0, 170.0))
    drawn = lines(data, 80, 14)
    for name, char in (("p50", "┈"), ("base", "╌")):
        [line] = [line for line in drawn if char in line]
        assert line.endswith(name)
    dotted = [y for y, line in enumerate(drawn) if "····" in line]
    assert drawn[dotted[0]].endswith("p95")
    assert drawn[dotted[-1]].endswith("p5")
    assert len(dotted) < dotted[-1] - dotted[0] + 1, "the median crosses the band"
    narrow = lines(data, 50)
    assert any("╌" in line for line in narrow)
    assert "base" not in "".join(narrow)


def test_a_far_baseline_is_named_at_the_edge_only() -> None:
    drawn = lines(plotted([100.0, 101.0], end=4, lines=(("base", 300.0),)), 80)
    assert drawn[0].endswith("base↑")
    assert "╌" not in "".join(drawn)
    assert "300" not in "".join(drawn)


SPIKED = [100.0 + i % 3 for i in range(40)] + [900.0] + [100.0 + i % 3 for i in range(40)]


def test_clipped_outliers_leave_an_arrow_at_the_edge() -> None:
    clipped = lines(plotted(SPIKED, most=(100.0, 102.0)), 80)
    assert clipped[0].count("▴") == 1
    assert clipped[0].index("▴") == pytest.approx(9 + 71 / 2, abs=2)
    assert "900" not in "".join(clipped)
    below = lines(plotted([-value for value in SPIKED], most=(-102.0, -100.0)), 80)
    assert below[-2].count("▾") == 1


@pytest.mark.parametrize("axis", ["log", "full"])
def test_the_other_axes_show_the_whole_range(axis: str) -> None:
    drawn = lines(plotted(SPIKED, most=(100.0, 102.0), axis=axis), 80, 14)
    assert "▴" not in "".join(drawn)
    assert drawn[0].split()[0] in ("1", "1000")  # 1 000
    spread = sum(any("⠀" < char <= "⣿" for char in line) for line in drawn)
    assert spread >= 11, "the spike"


def test_few_points_are_large_dots() -> None:
    assert sum(line.count("•") for line in lines(plotted([100.0, 120.0, 110.0]), 80)) == 3
    assert "•" not in "".join(lines(plotted([100.0] * 500), 80))


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


def test_without_room_for_the_lanes_of_all_gpus_none_is_drawn() -> None:
    alone = [GpuLane(f"GPU {number}", 100.0) for number in range(8)]
    data = plotted([1.0] * 40, lanes=(GpuLane("busy %", 100.0), GpuLane("SM MHz", 1980.0), *alone))
    assert [line.split()[0] for line in lines(data, 100, 30)[-2:]] == ["busy", "SM"]
    assert [line.split("│")[0].strip() for line in lines(data, 100, 36)[-8:]] == [lane.name for lane in alone]


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
    found = (("p50", sum(values) / len(values)), ("base", warmup[0] if warmup else 1.0)) if values else ()
    for axis in AXES:
        data = plotted(
            values, tuple(warmup), end, capacity=16, marks=marks, lines=found, lanes=(GpuLane("x", 0.0),),
            axis=axis, most=(min(values), min(values)) if values else None,
            band=(min(values), max(values)) if values else None,
        )  # fmt: skip
        rows = draw_latency_plot(data, width, height)
        if width >= 40 and height >= 3:
            assert len(rows) <= height
            assert all(width_of(row_text(row)) <= width for row in rows)


def test_everything_has_an_ascii_likeness() -> None:
    data = plotted([100.0, 200.0], end=4, lines=(("p50", 110.0), ("base", 150.0)), band=(101.0, 195.0))
    assert "?" not in to_ascii("".join(lines(data, 80)))


def test_numbers_say_when_there_are_too_few() -> None:
    few = LatencyNumbers(n=7, mean=63543.0, p50=63512.0, p95=64120.0, prefill=14001, generation=49542,
                  per_token=48.4, tokens_per_sec=258.0)  # fmt: skip
    first, second = (row_text(row) for row in draw_numbers(few, 78))
    assert "n 7: unreliable below 20 iterations" in first
    assert "63 543" in first
    assert second.rstrip().endswith("48.40 ms/token")
    assert len(draw_numbers(few, 150)) == 1
    assert row_text(draw_numbers(LatencyNumbers(), 78)[0]) == "no timed iteration yet"

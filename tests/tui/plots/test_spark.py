"""A few cells for any number of iterations: nothing stands out that did not, and nothing that did is lost."""

from __future__ import annotations

import pytest

from runner.stats import Series
from tests.support import recorded_runs
from tui.framework.rows import row_text
from tui.plots.spark import SHADE, SparkData, draw_spark, spark_data
from tui.text import width_of


def course(values: list[float], warmup: tuple[float, ...] = ()) -> SparkData:
    series = Series(64)
    for t, value in enumerate(values):
        series.add(t, value)
    return SparkData(warmup, series.n, series.width, tuple(series.buckets))


@pytest.mark.parametrize("n", [1, 2, 3, 24, 100, 5000])
@pytest.mark.parametrize("warm", [0, 1, 2, 40])
@pytest.mark.parametrize("height", [1, 2])
def test_it_is_as_wide_as_asked(n: int, warm: int, height: int) -> None:
    drawn = draw_spark(course([100.0 + i % 7 for i in range(n)], (130.0,) * warm), 12, height)
    assert len(drawn) == height
    assert {width_of(row_text(row)) for row in drawn} == {12}


def test_one_spike_of_thousands_is_seen() -> None:
    values = [100.0 + i % 3 / 10 for i in range(5000)]
    flat = row_text(draw_spark(course(values), 20)[0])
    values[3210] = 150.0
    spiked = row_text(draw_spark(course(values), 20)[0])
    assert flat != spiked
    tall = [x for x, char in enumerate(spiked) if (ord(char) - 0x2800) & 0x09]
    assert tall in ([12], [12, 13]), "where it happened: 3210 of 5000"


def test_warm_up_is_shaded_and_outside_of_the_scale() -> None:
    upper, lower = draw_spark(course([100.0, 101.0] * 20, (900.0, 800.0)), 22, 2)
    assert row_text(lower).startswith(f"{SHADE}╎")
    assert upper[0].style == "dim"
    assert upper[1].style == "accent"
    without = draw_spark(course([100.0, 101.0] * 20), 20, 2)
    assert row_text(upper)[2:] == row_text(without[0])


def test_a_run_that_only_warmed_up_is_all_shade() -> None:
    (row,) = draw_spark(SparkData(warmup=(5.0, 5.0)), 10)
    assert "╎" not in row_text(row)
    assert row[0].style == "dim"


def test_noise_does_not_look_like_trouble() -> None:
    rows = draw_spark(course([100.0, 100.1, 99.9, 100.05]), 10, 2)
    upper, lower = (row_text(row) for row in rows)
    assert not any((ord(char) - 0x2800) & 0x09 for char in upper if char != " "), "not to the upper edge"
    assert not any((ord(char) - 0x2800) & 0xC0 for char in lower if char != " "), "nor to the lower"


def test_nothing_measured_is_blank() -> None:
    assert row_text(draw_spark(SparkData(), 8)[0]) == " " * 8


def test_it_is_made_of_the_state_of_a_configuration() -> None:
    from runner.state.run import RunState

    state = RunState()
    state.apply_all(recorded_runs.finished(1, 30).events)
    made = spark_data(state.configurations[0])
    assert (len(made.warmup), made.n, made.each) == (2, 30, 1)

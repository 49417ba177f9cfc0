"""Numbers of several runs as one: against the standard library, and the same wherever they are shown."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.stats.repeats import deviation, middle

numbers = st.lists(st.floats(min_value=1e-3, max_value=1e6), min_size=2, max_size=20)


@given(numbers)
def test_it_is_the_geometric_mean(values: list[float]) -> None:
    assert middle(values) == pytest.approx(statistics.geometric_mean(values), rel=1e-12)


@given(numbers)
def test_rates_remain_what_their_times_say(values: list[float]) -> None:
    assert middle([1 / value for value in values]) == pytest.approx(1 / middle(values), rel=1e-9)


@given(st.floats(min_value=1, max_value=1e6), st.integers(min_value=1, max_value=9))
def test_runs_that_agree_are_what_they_say_to_the_last_bit(value: float, count: int) -> None:
    assert middle([value] * count) == value
    assert deviation([value] * count) == (0.0 if count > 1 else None)


def test_a_small_spread_is_the_ordinary_standard_deviation() -> None:
    values = [99.0, 100.0, 101.0, 100.5]
    assert deviation(values) == pytest.approx(statistics.stdev(values), rel=1e-2)


@pytest.mark.parametrize("values", [[0.0, 4.0, 5.0], [-2.0, 1.0, 1.0]])
def test_what_has_no_logarithm_is_arithmetic(values: list[float]) -> None:
    assert middle(values) == statistics.fmean(values)
    assert deviation(values) == pytest.approx(statistics.stdev(values))

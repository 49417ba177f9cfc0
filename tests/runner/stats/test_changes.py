"""Courses fitted to series: against scipy where scipy has the same."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy import stats as scipy

from runner.stats.autocorrelation import noise_of
from runner.stats.changes import fit_approach, fit_line, fit_step, without_spikes
from tests.support.simulated import latencies


@settings(max_examples=30)
@given(st.lists(st.floats(min_value=-9, max_value=9), min_size=8, max_size=39))
def test_line_is_ordinary_least_squares_with_corrected_error(values: list[float]) -> None:
    n, ours = len(values), fit_line(values)
    line = scipy.linregress(range(n), values)
    assert ours.size == pytest.approx(line.slope * (n - 1), abs=1e-9)
    residuals = [value - line.intercept - line.slope * i for i, value in enumerate(values)]
    noise = noise_of(residuals)
    # Uncorrelated residuals of variance v give the error sqrt(v / sum of squared distances).
    spread = n * scipy.tvar(range(n)) * (n - 1) / n
    assert ours.error == pytest.approx(math.sqrt(noise.variance / spread) * (n - 1), abs=1e-7)
    if ours.error > 1e-6:
        low, high = scipy.t.interval(0.95, round(ours.df, 1), loc=ours.size, scale=ours.error)
        assert ours.bounds() == pytest.approx((low, high))
        assert ours.chance == pytest.approx(2 * scipy.t.sf(abs(ours.size) / ours.error, ours.df))


def test_step_is_the_split_with_the_least_squares() -> None:
    values = latencies(40, random.Random(1))
    values = [value + (9 if i >= 17 else 0) for i, value in enumerate(values)]

    def squares(k: int) -> float:
        parts = (part for part in (values[:k], values[k:]) if len(part) > 1)
        return float(sum(scipy.tvar(part) * (len(part) - 1) for part in parts))

    found = fit_step(values)
    assert found.at == min(range(1, 36), key=squares) == 17
    assert found.squares == pytest.approx(squares(17))
    assert found.size == pytest.approx(scipy.tmean(values[17:]) - scipy.tmean(values[:17]))


def test_approach_is_near_the_best_exponential() -> None:
    values = latencies(80, random.Random(2), warm_up=0.2, warm_up_iterations=6, tail=0)

    def course(i: object, level: float, size: float, pace: float) -> object:
        return level + size * scipy.expon.pdf(i, scale=pace) * pace

    (_, size, pace), _ = optimize.curve_fit(course, range(80), values, p0=(100, 10, 5))
    found = fit_approach(values)
    assert found.at == pytest.approx(pace, rel=0.25)
    assert found.size == pytest.approx(size, rel=0.15)


def test_single_spikes_are_moved_to_their_neighbours() -> None:
    values = [10.0, 10.1, 9.9, 10.0, 30.0, 10.1, 9.9, 10.0, 10.1, 9.9]
    assert without_spikes(values)[4] < 12
    kept = [30.0, *values[:4], *values[5:]]
    assert without_spikes(kept) == kept, "the first value may be the warm-up"
    level = [*values[:4], *[30.0] * 5]
    assert without_spikes(level) == level, "a step stays"

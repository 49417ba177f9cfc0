"""Correlation of neighbours: on simulated series whose correlation is known."""

from __future__ import annotations

import random

import pytest

from runner.stats.autocorrelation import correlation_of, noise_of
from tests.support.simulated import latencies


@pytest.mark.parametrize(("correlation", "widened"), [(0.0, 1.0), (0.5, 3.0), (0.8, 9.0)])
def test_long_series_have_the_known_long_run_variance(correlation: float, widened: float) -> None:
    """An AR(1) widens by (1 + c) / (1 - c)."""
    values = latencies(4000, random.Random(1), correlation=correlation, tail=0, spread=0.01)
    found = correlation_of(values)
    assert found.lag_one == pytest.approx(correlation, abs=0.05)
    assert 4000 / found.worth == pytest.approx(widened, rel=0.2)
    assert found.certain == (correlation > 0)
    mean = sum(values) / len(values)
    assert noise_of([value - mean for value in values]).variance == pytest.approx(widened, rel=0.35)


def test_ten_values_are_corrected_for_their_small_number() -> None:
    rng = random.Random(2)
    found = [correlation_of(latencies(10, rng, correlation=0.9, tail=0)).lag_one for _ in range(300)]
    assert sum(found) / len(found) == pytest.approx(0.75, abs=0.08)  # 0.4 without the correction
    found = [correlation_of(latencies(10, rng, correlation=0.0, tail=0)).lag_one for _ in range(300)]
    assert sum(one == 0 for one in found) > 200


def test_slow_waves_under_fast_noise_are_seen() -> None:
    """Neighbours hardly correlate, but means of many do: the noise of the mean is that of the waves."""
    rng = random.Random(3)
    slow = latencies(1000, rng, correlation=0.97, tail=0, spread=0.003)
    values = [value + rng.gauss(0, 1) for value in slow]
    mean = sum(values) / len(values)
    assert noise_of([value - mean for value in values]).variance > 3


def test_values_without_spread_have_no_noise() -> None:
    assert noise_of([0.0] * 20).variance == 0
    assert correlation_of([5.0] * 20).worth == 20
    assert correlation_of([]).worth == 0

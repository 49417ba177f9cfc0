"""Statistics against the standard library's, on any sample."""

from __future__ import annotations

import math
import statistics
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.stats import Moments, Sample, interpolated
from runner.stats import percentiles as module

latencies = st.lists(st.floats(min_value=1e-3, max_value=1e6), min_size=2, max_size=300)


def sample_of(values: list[float]) -> Sample:
    sample = Sample()
    for value in values:
        sample.add(value)
    return sample


@given(latencies)
def test_moments_agree_with_the_standard_library(values: list[float]) -> None:
    moments = Moments()
    for value in values:
        moments.add(value)
    assert moments.n == len(values)
    assert moments.mean == pytest.approx(statistics.fmean(values), rel=1e-12)
    assert moments.deviation == pytest.approx(statistics.stdev(values), rel=1e-6, abs=1e-6)
    assert (moments.minimum, moments.maximum, moments.last) == (min(values), max(values), values[-1])
    assert moments.total == pytest.approx(math.fsum(values), rel=1e-12)


@given(latencies)
def test_percentiles_interpolate_linearly(values: list[float]) -> None:
    sample = sample_of(values)
    quartiles = statistics.quantiles(values, n=100, method="inclusive")
    for q in (5, 50, 95, 99):
        assert sample.percentile(q) == pytest.approx(quartiles[q - 1], rel=1e-9)
    assert sample.percentile(0) == min(values)
    assert sample.percentile(100) == max(values)


@given(latencies)
def test_upstreams_percentile_is_upstreams_formula(values: list[float]) -> None:
    sample = sample_of(values)
    for q in (95, 99):
        assert sample.upstream_percentile(q) == sorted(values)[int(len(values) * (q / 100))]


def test_upstreams_p95_of_twenty_is_the_maximum() -> None:
    assert sample_of([float(i) for i in range(20)]).upstream_percentile(95) == 19.0
    assert sample_of([float(i) for i in range(21)]).upstream_percentile(95) == 19.0


@given(latencies, st.integers(1, 50))
def test_percentiles_may_be_asked_at_any_time(values: list[float], every: int) -> None:
    sample = Sample()
    for number, value in enumerate(values):
        sample.add(value)
        if number % every == 0:
            sample.percentile(50)
    assert [sample.percentile(100 * i / (len(values) - 1)) for i in range(len(values))] == pytest.approx(
        sorted(values), rel=1e-9
    )


def test_a_sample_holds_a_value_once() -> None:
    """A list of them next to the values took 40 bytes each: a followed run grew by 3 MB an hour."""
    sample = Sample()
    for i in range(1000):
        sample.add(float(i * 37 % 100))
        if i % 3 == 0:
            sample.percentile(50)
    held = sys.getsizeof(sample._new) + sys.getsizeof(sample._sorted) + sys.getsizeof([1.0])
    assert held < 1000 * 10


def test_a_spread_on_a_large_mean_keeps_its_digits() -> None:
    values = [1e9 + i for i in (0.1, 0.2, 0.3, 0.4)]
    assert sample_of(values).deviation == pytest.approx(statistics.stdev([0.1, 0.2, 0.3, 0.4]), rel=1e-5)


def test_an_empty_sample_has_no_numbers() -> None:
    empty = Sample()
    assert math.isnan(empty.mean)
    assert math.isnan(empty.percentile(50))
    assert math.isnan(empty.upstream_percentile(95))


def test_histogram_percentiles_stay_within_stated_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT_LIMIT", 100)
    values = [10 + (i * 7919 % 5000) / 1000 for i in range(5000)]
    sample = sample_of(values)
    exact = sorted(values)
    assert not sample.exact
    for q in (1, 50, 95, 99):
        assert sample.percentile(q) == pytest.approx(interpolated(exact, q), rel=0.0006)
    assert sample.mean == pytest.approx(statistics.fmean(values), rel=1e-12)
    assert not len(sample._new) + len(sample._sorted), "the exact values are given up: memory is bounded"


@given(st.lists(st.floats(0.1, 1e6), min_size=1, max_size=200), st.integers(1, 50))
def test_a_histogram_holds_every_value_once(values: list[float], most: int) -> None:
    sample = Sample()
    for value in values:
        sample.add(value)
    bins = sample.histogram(most)
    assert sum(one.n for one in bins) == len(values)
    assert len(bins) <= most
    for one in bins:
        inside = [value for value in values if one.low * (1 - 1e-9) <= value <= one.high * (1 + 1e-9)]
        assert one.n <= len(inside)


def test_histogram_of_inexact_sample_is_as_coarse_as_its_bins() -> None:
    sample = Sample()
    for i in range(module.EXACT_LIMIT + 10):
        sample.add(100.0 + i % 7 / 10)
    bins = sample.histogram(48)
    assert sum(one.n for one in bins) == module.EXACT_LIMIT + 10
    assert len(bins) < 5

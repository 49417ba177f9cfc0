"""Intervals: against scipy where scipy has the same, and against simulated truth where it has not."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy

from runner.stats import Sample, interpolated
from runner.stats.intervals import (
    UNKNOWN,
    Interval,
    Mapped,
    MeanEstimate,
    PercentileEstimate,
    block_length,
    inefficiency,
    long_run_variance,
    mean_of,
    needed_for_percentile,
    order_ranks,
)
from runner.stats.student import t_quantile
from tests.support.simulated import latencies

values_of_any_kind = st.lists(st.floats(min_value=1, max_value=1e4), min_size=4, max_size=60)


def percentile(values: Sequence[float], q: float, effective: float | None = None) -> PercentileEstimate:
    ordered = sorted(values)
    return PercentileEstimate(
        interpolated(ordered, q), q, effective or len(values), lambda at: interpolated(ordered, at)
    )


@given(values_of_any_kind, st.integers(min_value=1, max_value=12), st.randoms(use_true_random=False))
def test_the_closed_form_is_what_resampling_blocks_tends_to(
    values: list[float], length: int, rng: random.Random
) -> None:
    """Variance of the mean of circular blocks: over all blocks exactly, instead of over drawn ones."""
    n = len(values)
    length = min(length, n)
    blocks = [math.fsum(values[(start + i) % n] for i in range(length)) / length for start in range(n)]
    mean = math.fsum(values) / n
    exact = math.fsum((block - mean) ** 2 for block in blocks) / n * length
    assert long_run_variance(values, length) == pytest.approx(exact, rel=1e-6, abs=1e-6)


def test_uncorrelated_values_have_the_classical_log_interval() -> None:
    """Blocks of one: Student's interval of the mean (scipy's) as a share of it, laid on its logarithm."""
    rng = random.Random(3)
    values = [rng.gauss(100, 1) for _ in range(40)]
    n, mean = len(values), sum(values) / len(values)
    low, high = (float(one) for one in scipy.t.interval(0.95, n - 1, loc=mean, scale=scipy.sem(values)))
    error = math.sqrt(long_run_variance(values, 1) / n * n / (n - 1))
    between = MeanEstimate(mean, error, n - 1).interval()
    assert math.log(between.low / mean) == pytest.approx(low / mean - 1, rel=1e-9)
    assert math.log(between.high / mean) == pytest.approx(high / mean - 1, rel=1e-9)
    assert (between.low, between.high) == pytest.approx((low, high), rel=1e-4), "the same where it is small"


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=40))
def test_no_bound_of_what_cannot_be_negative_is_below_zero(values: list[float]) -> None:
    for level in (0.95, 0.99):
        between = mean_of(values).interval(level)
        if between != UNKNOWN:
            assert 0 <= between.low <= mean_of(values).value <= between.high


def test_interval_wider_than_factor_ten_is_open() -> None:
    spiked = [10.0, 10.0, 10.0, 1000.0]
    assert mean_of(spiked).interval() == UNKNOWN
    near = [10.0, 10.0, 10.0, 10.0, 10.0, 30.0]
    between = mean_of(near).interval()
    assert 0 < between.low < 13.4 < between.high < 134


def test_a_difference_may_be_negative_and_so_may_its_interval() -> None:
    between = mean_of([-1.0, 1.0, -2.0, 0.5, -1.0, 0.0]).interval()
    assert between.low < -0.4 < 0 < between.high


@pytest.mark.parametrize(("n", "least"), [(5, 0.95), (10, 0.89), (20, 0.89)])
def test_skewed_values_are_covered_better_than_symmetrically(n: int, least: float) -> None:
    """Lognormal with sigma 1: the mean of few is far from normal, and mean +- t x error misses it above."""
    rng = random.Random(17)
    truth, trials = math.exp(0.5), 400
    held = symmetric = 0
    for _ in range(trials):
        estimate = mean_of([rng.lognormvariate(0, 1) for _ in range(n)])
        between = estimate.interval()
        held += between.low <= truth <= between.high
        half = t_quantile(0.975, estimate.df) * estimate.error
        symmetric += abs(estimate.value - truth) <= half
    assert held / trials >= least
    assert held > symmetric


@given(
    st.integers(min_value=1, max_value=400),
    st.sampled_from([0.05, 0.5, 0.95, 0.99]),
    st.sampled_from([0.899, 0.95]),  # 0.9 meets p = 0.05 exactly, which rounding decides
)
def test_order_statistics_are_scipys(n: int, p: float, level: float) -> None:
    """scipy's interval of a quantile is the same pair of order statistics, -inf/inf where there is none."""
    scipys = scipy.quantile_test(list(range(1, n + 1)), p=p).confidence_interval(level)
    lower, upper = order_ranks(n, p, level)
    assert (math.nan if lower is None else lower) == pytest.approx(scipys.low, nan_ok=True)
    assert (math.nan if upper is None else upper) == pytest.approx(scipys.high, nan_ok=True)


@pytest.mark.parametrize(("q", "needed"), [(50, 6), (95, 72), (99, 368)])
def test_a_percentile_needs_enough_values(q: float, needed: int) -> None:
    assert needed_for_percentile(q) == needed
    assert percentile(range(needed), q).interval().closed
    assert not percentile(range(needed - 1), q).interval().closed


def test_p99_of_ten_has_no_upper_bound() -> None:
    between = percentile(range(10), 99).interval()
    assert between.high == math.inf
    assert between.low < 9


def test_few_values_have_no_interval() -> None:
    assert mean_of([1.0, 2.0, 3.0]).interval() == UNKNOWN
    assert mean_of([1.0, 2.0, 3.0]).value == 2.0
    assert math.isnan(mean_of([]).value)


def test_values_without_spread_are_known_exactly() -> None:
    assert mean_of([5.0] * 20).interval() == Interval(5.0, 5.0)
    assert inefficiency([5.0] * 20) == 1.0


def test_a_monotone_function_maps_the_interval() -> None:
    latency = MeanEstimate(100.0, 1.0, math.inf)
    rate = Mapped(latency, lambda ms: 1000 / ms)
    assert rate.value == 10.0
    between = rate.interval()
    assert between.low < 10.0 < between.high
    assert (between.low, between.high) == pytest.approx(
        (10 / math.exp(0.0196), 10 * math.exp(0.0196)), rel=1e-4
    )
    assert Mapped(MeanEstimate(1.0, 10.0, 5.0), lambda ms: 1 / ms).interval() == UNKNOWN


def test_correlated_values_are_worth_fewer() -> None:
    rng = random.Random(5)
    assert inefficiency(latencies(1000, rng, correlation=0.0, tail=0)) == pytest.approx(1.0, abs=0.4)
    correlated = latencies(1000, rng, correlation=0.8, tail=0)
    # Autoregression of 0.8: (1 + 0.8) / (1 - 0.8) = 9.
    assert inefficiency(correlated) == pytest.approx(9, rel=0.5)
    assert block_length(correlated) > block_length(latencies(1000, rng, correlation=0.0, tail=0))


@pytest.mark.parametrize(
    ("n", "correlation", "tail", "least"),
    [
        (10, 0.0, 0.0, 0.95),
        (10, 0.3, 0.05, 0.87),
        (30, 0.3, 0.05, 0.91),
        (100, 0.3, 0.2, 0.91),
        (100, 0.7, 0.05, 0.85),
        (1000, 0.7, 0.05, 0.90),
    ],
)
def test_how_often_the_truth_lies_within(n: int, correlation: float, tail: float, least: float) -> None:
    """95 % intervals of the mean on latencies of a known mean: `least` is what is promised for each case."""
    rng = random.Random(11)
    truth = 100 * (1 + tail * 4 * 0.005)
    trials = 300 if n < 1000 else 100
    found = 0
    for _ in range(trials):
        between = mean_of(latencies(n, rng, correlation=correlation, tail=tail)).interval()
        found += between.low <= truth <= between.high
    assert found / trials >= least


def test_percentiles_hold_the_truth_as_often_as_they_say() -> None:
    rng = random.Random(13)
    truth = interpolated(sorted(latencies(100_000, rng)), 95)
    found = 0
    for _ in range(200):
        values = latencies(200, rng)
        between = percentile(values, 95, len(values) / inefficiency(values)).interval()
        found += between.low <= truth <= between.high
    assert found >= 0.93 * 200


def test_batches_of_a_long_run_say_what_its_iterations_say() -> None:
    values = latencies(4000, random.Random(2))
    pairs = [(a + b) / 2 for a, b in zip(values[::2], values[1::2], strict=True)]
    whole, halved = mean_of(values), mean_of(pairs)
    assert halved.value == pytest.approx(whole.value)
    assert halved.error == pytest.approx(whole.error, rel=0.15)


def test_percentiles_of_a_sample_come_from_it() -> None:
    sample = Sample()
    for value in range(1, 101):
        sample.add(float(value))
    between = PercentileEstimate(sample.percentile(50), 50, 100, sample.percentile).interval()
    assert (between.low, between.high) == pytest.approx((40.0, 61.0))

"""95 % intervals of means and percentiles of correlated iterations.

**Means.** Iterations are correlated, so the plain standard error is too small. The circular block bootstrap
(Politis & Romano 1992) draws blocks of neighbours instead of single iterations. For a mean, its standard
error in the limit of many resamples has a closed form, which is computed here: without random numbers the
same log always gives the same interval, and there is no resampling to wait for. The block length is Politis &
White's (2004, corrected 2009), at least the cube root of n.

The interval is that standard error times Student's t with (number of blocks - 1) degrees of freedom, on the
logarithm of the mean (delta method): mean x exp(+- t x error / mean). Times and rates cannot be negative, and
neither can this interval; the interval of a rate is exactly the inverse of that of its time. For values
skewed to the right, like latencies, it contains the true mean more often than mean +- t x error (ten
lognormal values, sigma 1: in 92 instead of 88 of 100 cases); for small errors both agree to the second order.
Further than a factor of `WIDEST` from the mean it carries no information and is left open. Percentile and BCa
intervals of the same bootstrap were tried and rejected: with the ten iterations that upstream measures they
contain the true mean in 77 to 87 of 100 cases, and BCa needs an acceleration that ten correlated values
cannot give; this one contains it in 90 to 98 (`tests/runner/stats/test_intervals.py`).

Blocks of a few iterations do not show a strong correlation: with ten whose neighbours have a correlation of
0.9 the interval contains the true mean in 47 of 100 cases. So there is a second interval, Student's t for the
number of independent values that the iterations are worth by an AR(1) (`runner.stats.autocorrelation`), and
the wider one counts: 80 of 100 cases. `docs/statistics.md` has the table. No method helps if the mean depends
on a rare spike that none of the iterations shows.

**Percentiles.** Order statistics bound a percentile without any assumption about the distribution. They
assume independent values, so n is first divided by the inefficiency: the factor by which correlation widens
the error of the mean. If n is too small, the bound on that side does not exist and the interval is open.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from operator import mul
from typing import Protocol

import msgspec

from runner.stats.autocorrelation import correlation_of
from runner.stats.student import binomial_cdf, t_quantile

LEVEL = 0.95
FEWEST = 4
"""Fewest values for the interval of a mean."""
WIDEST = 10.0
"""A mean that is not known within this factor gets an interval with both sides open."""


class Interval(msgspec.Struct, frozen=True):
    """The range that contains the true value with the stated confidence; an open side is infinite."""

    low: float
    high: float

    @property
    def closed(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high)


_LEAST_DF = 1.5
"""Degrees of freedom of a mean of values that are worth fewer than 2.5 independent ones."""

UNKNOWN = Interval(-math.inf, math.inf)


class Estimate(Protocol):
    """A number of one run with its uncertainty."""

    @property
    def value(self) -> float: ...

    @property
    def df(self) -> float:
        """Degrees of freedom of its error; infinite if the interval does not use Student's t."""
        ...

    def interval(self, level: float = LEVEL) -> Interval:
        """Return the interval without run-to-run variation; `UNKNOWN` if there is no information."""
        ...


class MeanEstimate(msgspec.Struct, frozen=True):
    """A mean with its standard error and the degrees of freedom of that."""

    value: float
    error: float
    df: float

    def interval(self, level: float = LEVEL) -> Interval:
        if not self.df > 0:
            return UNKNOWN
        half = t_quantile((1 + level) / 2, round(self.df, 1)) * self.error
        if self.value <= 0:  # a difference, or only zeros: no logarithm
            return Interval(self.value - half, self.value + half)
        share = half / self.value
        if share > math.log(WIDEST):
            return UNKNOWN
        return Interval(self.value * math.exp(-share), self.value * math.exp(share))


class PercentileEstimate(msgspec.Struct, frozen=True):
    """A percentile, bounded by order statistics.

    Attributes:
        value: the percentile.
        q: 0 to 100.
        effective: the number of independent values that carry the same information.
        at: the percentile of the sample at a q from 0 to 100; `ordered[0]` and `[-1]` at its ends.
    """

    value: float
    q: float
    effective: float
    at: Callable[[float], float]

    @property
    def df(self) -> float:
        return math.inf

    def interval(self, level: float = LEVEL) -> Interval:
        lower, upper = order_ranks(int(self.effective), self.q / 100, level)
        # Of two values, even the larger is a lower bound of their p99, which interpolation puts below it.
        return Interval(
            -math.inf if lower is None else min(self.value, self.at(self._position(lower))),
            math.inf if upper is None else max(self.value, self.at(self._position(upper))),
        )

    def _position(self, rank: int) -> float:
        """Return rank 1 to `effective` as a q of the sample."""
        return 100 * (rank - 1) / (int(self.effective) - 1) if self.effective >= 2 else 50.0


class Mapped(msgspec.Struct, frozen=True):
    """A monotone function of another estimate: tokens per second from the mean latency."""

    of: Estimate
    function: Callable[[float], float]

    @property
    def value(self) -> float:
        return self.function(self.of.value)

    @property
    def df(self) -> float:
        return self.of.df

    def interval(self, level: float = LEVEL) -> Interval:
        bounds = self.of.interval(level)
        if not bounds.closed or bounds.low <= 0:
            return UNKNOWN
        ends = self.function(bounds.low), self.function(bounds.high)
        return Interval(min(ends), max(ends))


def mean_of(values: Sequence[float], *, value: float | None = None) -> MeanEstimate:
    """Return the mean of values in order of time, with the larger of two errors.

    One is that of the block bootstrap, the other that of as many independent values as an AR(1) is worth.

    Args:
        values: iterations, or means of equal batches of them (`Batches.means`).
        value: their exact mean, if it is known better than from the batches.
    """
    count = len(values)
    mean = sum(values) / count if count else math.nan
    exact = mean if value is None else value
    if count < FEWEST:
        return MeanEstimate(exact, math.nan, 0.0)
    length = block_length(values)
    blocks = count / length
    error = math.sqrt(long_run_variance(values, length) / count * blocks / (blocks - 1))
    bootstrap = MeanEstimate(exact, error, blocks - 1)
    worth = correlation_of(values).worth
    if worth == count:
        return bootstrap
    # The variance of correlated values around their own mean is too small by (count - count / worth) / count.
    variance = long_run_variance(values, 1) / (1 - 1 / worth)
    corrected = MeanEstimate(exact, math.sqrt(variance / worth), max(_LEAST_DF, worth - 1))
    return max(bootstrap, corrected, key=lambda one: one.error * t_quantile(0.975, round(one.df, 1)))


def long_run_variance(values: Sequence[float], length: int) -> float:
    """Return n x the variance of the mean under the circular block bootstrap with blocks of `length`."""
    n = len(values)
    mean = sum(values) / n
    window = sum(values[:length]) - length * mean
    total = window * window
    for i in range(n - 1):
        window += values[(i + length) % n] - values[i]
        total += window * window
    return total / (n * length)


def inefficiency(values: Sequence[float], *, independent: float | None = None) -> float:
    """Return the factor by which correlation increases the variance of the mean; n / factor is the effective
    n.

    Args:
        values: in order of time.
        independent: the variance that the values would have without correlation; None: their own variance.
    """
    if len(values) < FEWEST:
        return 1.0
    own = long_run_variance(values, 1)
    plain = own if independent is None else independent
    if plain <= 0:
        return 1.0
    correlated = own * len(values) / correlation_of(values).worth
    return max(1.0, long_run_variance(values, block_length(values)) / plain, correlated / plain)


def block_length(values: Sequence[float]) -> int:
    """Return Politis & White's automatic block length, between the cube root and a third of n."""
    n = len(values)
    least: int = max(1, round(n ** (1 / 3)))
    mean = sum(values) / n
    centred = [value - mean for value in values]
    variance = sum(value * value for value in centred)
    if variance <= 0:
        return least
    most = max(least, min(int(3 * math.sqrt(n)), n // 3))
    # Correlations count up to the lag after which `run` lags in a row stay within chance.
    run = max(5, int(math.sqrt(math.log10(n))))
    chance = 2 * math.sqrt(math.log10(n) / n)
    lags = min(n - 1, int(math.sqrt(n)) + run)
    correlation = [sum(map(mul, centred, centred[lag:])) / variance for lag in range(lags + 1)]
    last = next(
        (
            lag
            for lag in range(lags - run + 1)
            if all(abs(one) < chance for one in correlation[lag + 1 : lag + 1 + run])
        ),
        lags,
    )
    bandwidth = min(2 * last, lags)
    weighted = [(lag, _flat_top(lag / bandwidth) * correlation[lag]) for lag in range(1, bandwidth + 1)]
    spread = 2 * sum(lag * weight for lag, weight in weighted)
    density = 1 + 2 * sum(weight for _, weight in weighted)
    if density <= 0:
        return least
    optimal: float = (1.5 * (spread / density) ** 2 * n) ** (1 / 3)
    return max(least, min(round(optimal), most))


def _flat_top(share: float) -> float:
    return 1.0 if share <= 0.5 else 2 * (1 - share)


@functools.lru_cache(maxsize=4096)
def order_ranks(n: int, p: float, level: float = LEVEL) -> tuple[int | None, int | None]:
    """Return the ranks (1 to n) of order statistics that bound the p-quantile of independent values, 0 < p <
    1.

    Each side fails with a probability of at most (1 - level) / 2; None: too few values for a bound.
    """
    chance = (1 - level) / 2
    return _largest(n, p, chance), _smallest(n, p, chance)


def _largest(n: int, p: float, chance: float) -> int | None:
    """Return the largest rank r with P(at most r - 1 values below the quantile) <= chance."""
    chance += 1e-12  # values that are equal on paper can differ in floating point
    low, high = 0, n
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if binomial_cdf(middle - 1, n, p) <= chance else (low, middle - 1)
    return low or None


def _smallest(n: int, p: float, chance: float) -> int | None:
    """Return the smallest rank r with P(r or more values below the quantile) <= chance."""
    mirrored = _largest(n, 1 - p, chance)
    return None if mirrored is None else n + 1 - mirrored


def needed_for_percentile(q: float, level: float = LEVEL) -> int:
    """Return the fewest independent values that bound a percentile on both sides."""
    p = q / 100
    return math.ceil(math.log((1 - level) / 2) / math.log(max(p, 1 - p)))

"""How much correlation of neighbours widens an error, with an autoregression of order one, AR(1).

Each value is a share of its predecessor plus something new. The lag-one correlation of a sample is too small:
a level or a line was fitted to the same values (Kendall 1954, Marriott & Pope 1954). Both functions correct
that; without the correction ten values with a correlation of 0.9 look like ten with 0.5.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import msgspec

_LARGEST = 0.98
"""Estimates of the correlation stay below this: at 1 the mean of any number of values tells nothing."""
_LARGEST_OF_MANY, _MANY = 0.95, 50
"""The same for the mean of so many values: what looks more correlated drifts or steps, and is called so."""
_CHANCE = 0.7
"""Correlation that is less than this many standard errors above 0 counts as none."""
_FITTED = 4
"""Number of fitted values that residuals of a level, a line or a step are corrected for."""
_MARGIN = 0.5
"""How many standard errors the correlation of residuals is set higher, because 1 / (1 - correlation) grows
faster than it shrinks."""
_FEWEST_BATCHES = 12
_LEAST_DF = 3.0


class Correlation(msgspec.Struct, frozen=True):
    """Correlation of neighbours, and what it does to the mean of `n` values.

    Attributes:
        lag_one: corrected correlation of neighbours, 0 to 0.98; 0.0 if it may be chance.
        certain: the sample's correlation is 2 standard errors above 0 or more.
        worth: number of independent values that have a mean with the same variance.
    """

    lag_one: float
    certain: bool
    worth: float


class Noise(msgspec.Struct, frozen=True):
    """Long-run variance of a series: n x the variance of its mean; and the degrees of freedom of it."""

    variance: float
    df: float


def correlation_of(values: Sequence[float]) -> Correlation:
    """Return the correlation of values in order of time; for the interval of their mean.

    `worth` is n / h, with h of `_widened`.
    """
    n = len(values)
    raw = _lag_one(values, sum(values) / n) if n >= 4 else 0.0
    above = (n * raw + 1) / math.sqrt(n) if n else 0.0
    if above < _CHANCE:
        return Correlation(0.0, certain=False, worth=float(n))
    c = min(max((n * raw + 1) / (n - 3), 0.0), _LARGEST_OF_MANY if n >= _MANY else _LARGEST)
    return Correlation(c, certain=above >= 2, worth=n / _widened(c, n))


def noise_of(residuals: Sequence[float]) -> Noise:
    """Return the noise that residuals of a fitted course have; for tests of that course.

    The larger of two estimates. (1) AR(1) on the residuals: variance of the new part / (1 - c^2) x h of
    `_widened`; by the delta method with n / (1 + 2 (1 + c) / (1 - c)) degrees of freedom, but at least 3.
    (2) Variance of means of 2, 4, 8, ... neighbours x their number, as long as there are 12 of them: for
    slow waves under fast noise, which hardly show in the correlation of neighbours. Both are cautious: false
    alarms cost more than a late one.
    """
    n = len(residuals)
    raw = _lag_one(residuals, 0.0)
    c = (n * raw + _FITTED) / (n - 2 - _FITTED)
    c = min(max(c + _MARGIN * math.sqrt(max(0.0, 1 - c * c) / n), 0.0), _LARGEST)
    fresh = sum((b - c * a) ** 2 for a, b in itertools.pairwise(residuals))
    variance = fresh / (n - 1 - _FITTED) / (1 - c * c) * _widened(c, n)
    df = max(_LEAST_DF, n / (1 + 2 * (1 + c) / (1 - c)))
    width = 1
    while len(residuals) // 2 >= _FEWEST_BATCHES:
        residuals = [(a + b) / 2 for a, b in zip(residuals[::2], residuals[1::2], strict=False)]
        width *= 2
        freedom = len(residuals) - _FITTED
        batched = width * sum(one * one for one in residuals) / freedom
        if batched > variance:
            variance, df = batched, min(df, freedom)
    return Noise(variance, df)


def _widened(c: float, n: int) -> float:
    """Return h = n x variance of the mean of an AR(1) with correlation c / variance of its values."""
    return (1 + c) / (1 - c) - 2 * c * (1 - c**n) / (n * (1 - c) ** 2)


def _lag_one(values: Sequence[float], centre: float) -> float:
    centred = [value - centre for value in values]
    squares = sum(one * one for one in centred)
    if squares <= 0:
        return 0.0
    return sum(a * b for a, b in itertools.pairwise(centred)) / squares

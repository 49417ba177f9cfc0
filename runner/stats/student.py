"""Student's t and the binomial distribution, without a numerical library.

A property test checks the agreement with scipy.
"""

from __future__ import annotations

import math
from functools import lru_cache

_TINY = 1e-300


def t_tail(t: float, df: float) -> float:
    """Return P(T > t) for t >= 0; `df` is any positive number of degrees of freedom, infinity: the normal."""
    if math.isinf(df):
        return math.erfc(t / math.sqrt(2)) / 2
    if t * t < df:
        # Near the middle the tail is 1/2 minus a small number, which keeps its digits in this form.
        return (1 - _incomplete_beta(0.5, df / 2, t * t / (df + t * t))) / 2
    return _incomplete_beta(df / 2, 0.5, df / (df + t * t)) / 2


@lru_cache(maxsize=4096)
def t_quantile(p: float, df: float) -> float:
    """Return the t with P(T <= t) = p, for 0.5 <= p < 1, to about 1e-12 of itself.

    Newton's method for the logarithm of the tail as a function of the logarithm of t. That function is
    concave, so that every step after the first approaches the root from above.
    """
    if p <= 0.5:
        return 0.0
    # The first step goes too far; tails of many degrees of freedom would be 0 there.
    wanted, t, longest = math.log(1 - p), 1.0, 1.0 if df > 3 else 20.0
    for _ in range(100):
        tail = t_tail(t, df)
        step = (math.log(tail) - wanted) * tail / (t * _density(t, df))
        t *= math.exp(max(-50.0, min(step, longest)))
        if abs(step) < 1e-13:
            break
    return t


def _density(t: float, df: float) -> float:
    if math.isinf(df):
        return math.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    front = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    return front * math.exp(-(df + 1) / 2 * math.log1p(t * t / df))


def binomial_cdf(k: int, n: int, p: float) -> float:
    """Return P(X <= k) of n trials that succeed with probability p, 0 < p < 1."""
    if k < 0:
        return 0.0
    return 1.0 if k >= n else _incomplete_beta(n - k, k + 1, 1 - p)


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularized incomplete beta function I_x(a, b) by its continued fraction (Lentz)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        # The fraction converges fast only below this point; the function is symmetric.
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    c, d = 1.0, 1 / _nonzero(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 1000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _nonzero(1 + term * d)
            c = _nonzero(1 + term / c)
            fraction *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return front * fraction / a


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY

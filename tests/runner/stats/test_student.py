"""Our quantiles against scipy's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy

from runner.stats.student import binomial_cdf, t_quantile, t_tail

degrees = st.floats(min_value=0.5, max_value=1e4)


@given(st.floats(min_value=0, max_value=100), degrees)
def test_tail_of_t(t: float, df: float) -> None:
    assert t_tail(t, df) == pytest.approx(float(scipy.t.sf(t, df)), rel=1e-8, abs=1e-15)


@given(st.floats(min_value=0.51, max_value=0.99999), degrees)
def test_quantile_of_t(p: float, df: float) -> None:
    assert t_quantile(p, df) == pytest.approx(float(scipy.t.ppf(p, df)), rel=1e-6, abs=1e-9)


def test_without_end_t_is_normal() -> None:
    assert t_quantile(0.975, math.inf) == pytest.approx(1.959963984540054, rel=1e-9)


@given(st.integers(min_value=1, max_value=5000), st.floats(min_value=0.01, max_value=0.99), st.data())
def test_binomial(n: int, p: float, data: st.DataObject) -> None:
    k = data.draw(st.integers(min_value=-1, max_value=n))
    assert binomial_cdf(k, n, p) == pytest.approx(float(scipy.binom.cdf(k, n, p)), rel=1e-6, abs=1e-12)

"""The difference of two sides, checked against scipy and against least squares."""

from __future__ import annotations

import math
import random

import pytest
from scipy import stats as scipy

from runner.compare.run_difference import RunValue, run_difference
from runner.stats.variation import Spread, Variation


def runs(logs: list[float], session: int = 0, first: int = 0, step: int = 1) -> list[RunValue]:
    return [RunValue(math.exp(log), session=session, order=first + step * at) for at, log in enumerate(logs)]


def test_the_line_over_the_order_is_least_squares() -> None:
    rng = random.Random(4)
    a, b = ([rng.gauss(0, 0.01) for _ in range(5)] for _ in "ab")
    found = run_difference(runs(a, first=0, step=2), runs(b, first=1, step=2))
    assert found.design == "line"
    # Frisch-Waugh: the slope of what the line leaves of the values on what it leaves of the side.
    order, side = list(range(10)), [0.0, 1.0] * 5
    values = [log for pair in zip(a, b, strict=True) for log in pair]
    fits = [scipy.linregress(order, one) for one in (side, values)]
    left = [
        [one - fit.intercept - fit.slope * at for at, one in zip(order, every, strict=True)]
        for fit, every in zip(fits, (side, values), strict=True)
    ]
    fit = scipy.linregress(*left)
    assert found.value == pytest.approx(fit.slope)
    assert found.below.df == 7
    assert found.below.error == pytest.approx(fit.stderr * math.sqrt(8 / 7))


def test_unequal_counts_are_welch() -> None:
    rng = random.Random(5)
    a, b = [rng.gauss(0, 0.01) for _ in range(2)], [rng.gauss(0.02, 0.05) for _ in range(9)]
    found = run_difference(runs(a), runs(b))
    wanted = scipy.ttest_ind(b, a, equal_var=False)
    assert found.chance == pytest.approx(wanted.pvalue)
    assert found.below.df == pytest.approx(wanted.df)


def test_sessions_count_once_each() -> None:
    """Five runs of one session are no more certain than the session is."""
    known = Variation(Spread(0.01, 9, 10), Spread(0.001, 20, 24), 1.0)
    one = run_difference(runs([0.0]), runs([0.0], session=1), known)
    many = run_difference(runs([0.001 * at for at in range(5)]), runs([0.0] * 5, session=1), known)
    assert one.below.error == pytest.approx(0.01 * math.sqrt(2))
    assert many.below.error == pytest.approx(one.below.error)
    assert many.design == "sessions"
    shared = run_difference(runs([0.0] * 2, first=0), runs([0.001] * 2, first=2), known)
    assert shared.below.error < 0.002


def test_several_sessions_of_both_sides_need_no_history() -> None:
    a = [one for at, log in enumerate((0.0, 0.01, -0.01)) for one in runs([log, log], session=at)]
    b = [one for at, log in enumerate((0.1, 0.11, 0.09)) for one in runs([log, log], session=9 + at)]
    found = run_difference(a, b)
    assert not found.assumed
    assert found.below.error == pytest.approx(0.01 * math.sqrt(2 / 3))
    assert found.below.df == pytest.approx(4)

"""Warm-up, drift and steadiness of simulated latencies whose truth is known."""

from __future__ import annotations

import math
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy

from runner.stats.steady_state import Steadiness, assess_steadiness, drift
from tests.support.simulated import batched, latencies


def courses(n: int, *, trials: int = 100, **truth: float) -> list[Steadiness]:
    rng = random.Random(7)
    return [assess_steadiness(batched(latencies(n, rng, **truth))) for _ in range(trials)]


def share(found: list[Steadiness], verdict: str) -> float:
    return sum(one.verdict == verdict for one in found) / len(found)


@pytest.mark.parametrize("n", [10, 20, 50, 300])
def test_steady_latencies_are_called_steady(n: int) -> None:
    found = courses(n)
    assert share(found, "STEADY") >= 0.9
    assert sum(one.first > 0 for one in found) <= 6, "a warm-up that is none is rarely seen"


@pytest.mark.parametrize("change", [-0.05, 0.03])
@pytest.mark.parametrize("n", [50, 300])
def test_drift_is_found_and_measured(n: int, change: float) -> None:
    found = courses(n, drift=change)
    assert share(found, "DRIFTING") >= 0.85
    drifts = [one.drift for one in found if one.drift is not None and one.first == 0]
    assert sum(one.low <= change <= one.high for one in drifts) >= 0.85 * len(drifts)


def test_warm_up_is_found_and_its_effect_stated() -> None:
    found = [one for one in courses(60, warm_up=0.2) if one.verdict == "STEADY"]
    assert len(found) >= 85
    assert sum(3 <= one.first <= 20 for one in found) >= 0.85 * len(found)
    # The warm-up adds 0.2 x (sum of exp(-i / 3)) / 60 = 1.2 % to the mean.
    added = 0.2 / (1 - math.exp(-1 / 3)) / 60
    effects = [one.effect for one in found]
    assert sum(effects) / len(effects) == pytest.approx(-added, rel=0.15)
    assert found[0].sentence.startswith("the first ")
    assert "without them the mean would move by -1." in found[0].sentence


def test_a_long_warm_up_is_under_way_until_it_is_over() -> None:
    assert share(courses(20, warm_up=0.3, warm_up_iterations=10), "STEADY") <= 0.05
    assert share(courses(300, warm_up=0.3, warm_up_iterations=10), "STEADY") >= 0.9


def test_too_few_iterations_are_no_verdict() -> None:
    found = assess_steadiness(batched([1.0] * 7))
    assert found.verdict == "WARMING"
    assert found.sentence == "7 iterations are too few to tell whether the latency is steady"


def test_values_without_any_spread_are_steady() -> None:
    assert assess_steadiness(batched([5.0] * 50)) == Steadiness("STEADY", 50, 0, 0.0, drift([5.0] * 50))


@given(
    st.lists(st.floats(min_value=1, max_value=1e3), min_size=5, max_size=39).filter(
        lambda values: len(set(values)) > 1
    )
)
def test_drift_is_ordinary_least_squares_of_logarithms(values: list[float]) -> None:
    ours = drift(values)
    line = scipy.linregress(range(len(values)), [math.log(value) for value in values])
    assert ours is not None
    length = len(values) - 1
    error = line.stderr * scipy.t.ppf(0.975, len(values) - 2)
    for ours_is, its in ((ours.change, 0), (ours.low, -error), (ours.high, error)):
        assert math.log1p(ours_is) == pytest.approx((line.slope + its) * length, rel=1e-6, abs=1e-6)


def test_no_bound_of_a_drift_is_below_minus_100_percent() -> None:
    moved = drift([1.0, 900.0, 1.0, 2.0, 500.0, 1.0, 1.0, 1.0])
    assert moved is not None
    assert -1 < moved.low < moved.change < 0 < moved.high


def test_what_takes_no_time_has_no_drift() -> None:
    assert drift([0.0] * 50) is None
    assert assess_steadiness(batched([0.0] * 50)).verdict == "STEADY"


def test_it_is_cheap_enough_for_every_frame() -> None:
    batches = batched(latencies(1023, random.Random(1), drift=0.05))
    best = min(_seconds(lambda: assess_steadiness(batches)) for _ in range(5))
    assert best < 0.02


def _seconds(work: object) -> float:
    assert callable(work)
    began = time.thread_time()
    work()
    return time.thread_time() - began

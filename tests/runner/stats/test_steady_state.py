"""Warm-up, drift and steadiness of simulated latencies whose truth is known."""

from __future__ import annotations

import math
import random
import time

import pytest

from runner.stats.steady_state import (
    Steadiness,
    assess_steadiness,
    drift,
    last_look,
    watch_steadiness,
)
from tests.support.simulated import batched, latencies


def courses(n: int, *, trials: int = 50, **truth: float) -> list[Steadiness]:
    rng = random.Random(7)
    return [assess_steadiness(batched(latencies(n, rng, **truth))) for _ in range(trials)]


def share(found: list[Steadiness], verdict: str) -> float:
    return sum(one.verdict == verdict for one in found) / len(found)


@pytest.mark.parametrize("n", [10, 20, 50, 300])
def test_steady_latencies_are_called_steady(n: int) -> None:
    found = courses(n)
    assert share(found, "STEADY") >= 0.9
    assert sum(one.first > 0 for one in found) <= 3, "a warm-up that is none is rarely seen"


@pytest.mark.parametrize("change", [-0.05, 0.03])
@pytest.mark.parametrize("n", [50, 300])
def test_drift_is_found_and_measured(n: int, change: float) -> None:
    found = courses(n, drift=change)
    assert share(found, "DRIFTING") >= 0.85
    drifts = [one.drift for one in found if one.drift is not None and one.first == 0]
    assert sum(one.low <= change <= one.high for one in drifts) >= 0.85 * len(drifts)


def test_warm_up_is_found_and_its_effect_stated() -> None:
    found = [one for one in courses(60, warm_up=0.2) if one.verdict == "STEADY"]
    assert len(found) >= 42
    assert sum(3 <= one.first <= 20 for one in found) >= 0.85 * len(found)
    # The warm-up adds 0.2 x (sum of exp(-i / 3)) / 60 = 1.2 % to the mean.
    added = 0.2 / (1 - math.exp(-1 / 3)) / 60
    effects = [one.effect for one in found]
    assert sum(effects) / len(effects) == pytest.approx(-added, rel=0.15)
    assert found[0].sentence.startswith("the first ")
    assert "without them the mean would move by -1." in found[0].sentence


def test_a_long_warm_up_is_under_way_until_it_is_over() -> None:
    assert share(courses(60, warm_up=0.3, warm_up_iterations=30), "STEADY") <= 0.05
    assert share(courses(300, warm_up=0.3, warm_up_iterations=10), "STEADY") >= 0.9


def test_too_few_iterations_are_no_verdict() -> None:
    found = assess_steadiness(batched([1.0] * 7))
    assert found.verdict == "WARMING"
    assert found.sentence == "7 iterations are too few to tell whether the latency is steady"


def test_values_without_any_spread_are_steady() -> None:
    assert assess_steadiness(batched([5.0] * 50)) == Steadiness("STEADY", 50, 0, 0.0, drift([5.0] * 50))


def stepped(after: int, change: float, rng: random.Random) -> list[float]:
    values = latencies(200, rng, spread=0.01, tail=0)
    return [value * (1 + change * (i >= after)) for i, value in enumerate(values)]


@pytest.mark.parametrize("after", [30, 60, 80])
def test_a_lasting_step_is_named_with_place_and_size(after: int) -> None:
    rng = random.Random(3)
    for _ in range(30):
        found = assess_steadiness(batched(stepped(after, 0.05, rng)))
        assert found.verdict == "STEP"
        assert found.step is not None
        assert abs(found.step.after - after) <= 5
        assert found.step.change == pytest.approx(0.05, abs=0.015)
        assert found.change == found.step.change
        assert f"after iteration {found.step.after} and stays there" in found.sentence


def test_first_iterations_of_another_level_are_warm_up() -> None:
    found = assess_steadiness(batched(stepped(10, -0.1, random.Random(4))))
    assert (found.verdict, found.first) == ("STEADY", 10)


def test_a_watched_series_changes_its_verdict_after_two_looks() -> None:
    """Looks are at 24, 30, 37, 46, 57, 71, 88, ... iterations; between them the verdict stays."""
    values = latencies(100, random.Random(5), tail=0)
    values = [value * (1.1 if i >= 40 else 1) for i, value in enumerate(values)]
    seen = {n: watch_steadiness(batched(values[:n])).verdict for n in range(1, 101)}
    assert {seen[n] for n in range(1, 8)} == {"WARMING"}
    assert {seen[n] for n in range(8, 57)} == {"STEADY"}, "46 is the first look that can see the step"
    assert {seen[n] for n in range(57, 101)} == {"STEP"}
    assert watch_steadiness(batched(values[:70])).n == 57 == last_look(70)
    assert last_look(23) == 23


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
    assert best < 0.05


def _seconds(work: object) -> float:
    assert callable(work)
    began = time.thread_time()
    work()
    return time.thread_time() - began

"""Variation between runs and sessions from earlier ones."""

from __future__ import annotations

import math
import random

import pytest

from runner.stats.variation import ASSUMED, estimate_variation, successive_variance


def test_a_lasting_step_of_the_level_hardly_counts() -> None:
    rng = random.Random(1)
    calm = [rng.gauss(0, 0.01) for _ in range(20)]
    for after in (1, 10, len(calm) - 1):
        stepped = [value + (0.2 if at >= after else 0) for at, value in enumerate(calm)]
        assert successive_variance(stepped)[0] == pytest.approx(successive_variance(calm)[0], rel=0.3)


def test_a_step_among_few_sessions_hardly_counts() -> None:
    """Of six and eight sessions, in 95 of 100 histories; in the last session it looks like a slow run."""
    rng, blind = random.Random(4), 0
    for _ in range(100):
        for number in (6, 8):
            stepped = [rng.gauss(0, 0.01) + (0.1 if at >= number // 2 else 0) for at in range(number)]
            blind += math.sqrt(successive_variance(stepped)[0]) > 0.025
    assert blind <= 10
    slow_at_end = [0.0, 0.01, 0.0, 0.01, 0.0, 0.1]
    assert math.sqrt(successive_variance(slow_at_end)[0]) > 0.025


def test_a_slow_run_counts() -> None:
    rng = random.Random(2)
    values = [rng.gauss(0, 0.001) + (0.04 if at in (5, 13) else 0) for at in range(20)]
    assert math.sqrt(successive_variance(values)[0]) > 0.008


def test_without_enough_sessions_their_variation_is_assumed() -> None:
    one_session = [[0.0, 0.01, 0.02]]
    found = estimate_variation([one_session])
    assert not found.known
    assert found.session == ASSUMED.session
    assert found.run is not None
    assert found.run.df == 2
    assert found.run.deviation == pytest.approx(0.01)
    assert not estimate_variation([[[0.0], [0.01]]]).known
    assert estimate_variation([[[0.0], [0.01], [0.0], [0.01]]]).known


def test_the_mean_of_a_session_is_estimated_without_bias() -> None:
    rng = random.Random(3)
    squares = 0.0
    for _ in range(300):
        days = [rng.gauss(0, 0.01) for _ in range(12)]
        found = estimate_variation([[[day + rng.gauss(0, 0.003) for _ in range(4)] for day in days]])
        squares += found.session.deviation**2 / 300
    assert math.sqrt(squares) == pytest.approx(math.hypot(0.01, 0.0015), rel=0.05)

"""Two modes: found where there are two, and not in other samples."""

from __future__ import annotations

import random

import pytest

from runner.stats import Sample
from runner.stats.modes import Modes, find_modes
from tests.support.simulated import latencies


def modes_of(values: list[float]) -> Modes | None:
    sample = Sample()
    for value in values:
        sample.add(value)
    return find_modes(sample)


@pytest.mark.parametrize(("share", "apart"), [(0.2, 0.1), (0.2, -0.1), (0.5, 0.1), (0.5, 0.05)])
def test_both_modes_are_found_with_their_shares(share: float, apart: float) -> None:
    rng, found = random.Random(1), 0
    for _ in range(20):
        values = latencies(200, rng, spread=0.01)
        values = [value * (1 + apart * (rng.random() < share)) for value in values]
        modes = modes_of(values)
        if modes is None:
            continue
        found += 1
        first, second = (modes.low, modes.high) if apart > 0 else (modes.high, modes.low)
        assert second.share == pytest.approx(share, abs=0.1)
        assert second.median / first.median == pytest.approx(1 + apart, abs=0.01)
    assert found >= 19


@pytest.mark.parametrize(
    "truth",
    [{"spread": 0.05, "tail": 0, "correlation": 0.9}, {"tail": 0.2}, {"drift": 0.1}],
    ids=["correlated", "tail", "drift"],
)
def test_one_mode_is_not_called_two(truth: dict[str, float]) -> None:
    rng = random.Random(2)
    assert sum(modes_of(latencies(200, rng, **truth)) is not None for _ in range(60)) <= 1

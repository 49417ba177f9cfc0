"""The simulations of `make simulate` in short: fixed seeds, few trials."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.simulations.registry import SIMULATIONS
from tests.simulations.table import Cell

TRIALS = 12


@pytest.mark.parametrize("simulation", SIMULATIONS, ids=lambda one: one.__name__)
def test_targets_are_met(simulation: Callable[[int, int], Iterator[Cell]]) -> None:
    missed = [cell for cell in simulation(TRIALS, 1) if not cell.holds(TRIALS)]
    assert missed == []

"""All simulations, in the order of their tables."""

from __future__ import annotations

from tests.simulations import coverage, gates, iterations, tuning, verdicts

SIMULATIONS = (
    *verdicts.SIMULATIONS,
    *gates.SIMULATIONS,
    *coverage.SIMULATIONS,
    *iterations.SIMULATIONS,
    *tuning.SIMULATIONS,
)

"""All simulations, in the order of their tables."""

from __future__ import annotations

from tests.simulations import coverage, gates, iterations, verdicts

SIMULATIONS = (*verdicts.SIMULATIONS, *gates.SIMULATIONS, *coverage.SIMULATIONS, *iterations.SIMULATIONS)

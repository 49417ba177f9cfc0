"""Coverage: how often the interval of one run's iterations contains the true value."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from runner.stats.intervals import PercentileEstimate, inefficiency, mean_of
from runner.stats.percentiles import Sample
from runner.stats.student import t_quantile
from tests.simulations.table import Cell

LEVEL = 100.0
SPREAD = 5.0
"""mean and standard deviation of the iterations, milliseconds"""
_NORMAL_P95 = 1.6448536269514722


def iterations(rng: random.Random, count: int, correlation: float) -> list[float]:
    """Return normal iterations of which neighbours have this correlation (AR(1)), from the first one on."""
    fresh = math.sqrt(1 - correlation**2)
    state, found = rng.gauss(0, 1), []
    for _ in range(count):
        found.append(LEVEL + SPREAD * state)
        state = correlation * state + fresh * rng.gauss(0, 1)
    return found


def means(trials: int, seed: int) -> Iterator[Cell]:
    """The mean of correlated iterations: the program's interval, and Student's t as if independent."""
    for count in (10, 40, 200):
        for correlation in (0.0, 0.3, 0.5, 0.7, 0.9):
            rng, holds, plain = random.Random(seed), 0, 0
            for _ in range(trials):
                values = iterations(rng, count, correlation)
                between = mean_of(values).interval()
                holds += between.low <= LEVEL <= between.high
                mean = sum(values) / count
                variance = sum((one - mean) ** 2 for one in values) / (count - 1)
                half = t_quantile(0.975, count - 1) * math.sqrt(variance / count)
                plain += abs(mean - LEVEL) <= half
            where = f"{count} iterations, correlation {correlation:g}"
            least = {0.7: 0.85, 0.9: 0.8}.get(correlation, 0.85 if count == 10 and correlation else 0.9)
            yield Cell("coverage of the mean", where, holds / trials, least=least)
            yield Cell("coverage of the mean: Student's t", where, plain / trials)


def percentiles(trials: int, seed: int) -> Iterator[Cell]:
    """The p50 and p95 of iterations; an open bound contains everything on its side."""
    for q, truth in ((50.0, LEVEL), (95.0, LEVEL + SPREAD * _NORMAL_P95)):
        for count in (20, 100):
            for correlation in (0.0, 0.5):
                rng, holds = random.Random(seed), 0
                for _ in range(trials):
                    values, sample = iterations(rng, count, correlation), Sample()
                    for value in values:
                        sample.add(value)
                    effective = count / inefficiency(values)
                    estimate = PercentileEstimate(sample.percentile(q), q, effective, sample.percentile)
                    between = estimate.interval()
                    holds += between.low <= truth <= between.high
                where = f"p{q:g}, {count} iterations, correlation {correlation:g}"
                least = 0.93 if not correlation else None
                yield Cell("coverage of a percentile", where, holds / trials, least=least)


SIMULATIONS = (means, percentiles)

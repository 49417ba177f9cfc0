"""Iterations of one run: false alarms and power of steadiness, and coverage of the interval of the mean.

The truth: a level and an autoregression of order one around it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from runner.stats.intervals import mean_of
from runner.stats.modes import find_modes
from runner.stats.percentiles import Sample
from runner.stats.series import Batches
from runner.stats.steady_state import Steadiness, assess_steadiness, last_look, watch_steadiness
from tests.simulations.table import Cell
from tests.support.simulated import batched, latencies

CORRELATIONS = (0.0, 0.3, 0.6, 0.9)
ITERATIONS = 200


def _watched(values: list[float]) -> list[Steadiness]:
    """What a screen shows that looks after every iteration, and at the end the report.

    The verdict changes only at its looks, so only these are computed.
    """
    batches, shown = Batches(), []
    for value in values:
        batches.add(value)
        if batches.n >= 8 and last_look(batches.n) == batches.n:
            shown.append(watch_steadiness(batches))
    return [*shown, assess_steadiness(batches)]


def _is_alarm(seen: Steadiness) -> bool:
    return seen.verdict != "STEADY" or seen.first > 0


def false_alarms(trials: int, seed: int) -> Iterator[Cell]:
    """Steady runs: is anything else than STEADY ever shown, or reported at the end?"""
    for correlation in CORRELATIONS:
        for spread in (0.01, 0.1):
            rng, ever, at_end = random.Random(seed), 0, 0
            for _ in range(trials):
                values = latencies(ITERATIONS, rng, spread=spread, tail=0, correlation=correlation)
                shown = _watched([max(value, 1.0) for value in values])
                ever += any(map(_is_alarm, shown))
                at_end += _is_alarm(shown[-1])
            where = f"{ITERATIONS} steady iterations, correlation {correlation}, CV {spread:.0%}"
            yield Cell("false alarm at any look or at the end", where, ever / trials, most=0.05)
            yield Cell("false alarm of the report", where, at_end / trials, most=0.01)


def short_runs(trials: int, seed: int) -> Iterator[Cell]:
    """Steady runs of few iterations: is anything else than STEADY reported at the end?"""
    for n in (10, 20, 50):
        for correlation in CORRELATIONS:
            rng, wrong = random.Random(seed), 0
            for _ in range(trials):
                values = latencies(n, rng, spread=0.05, tail=0, correlation=correlation)
                wrong += _is_alarm(assess_steadiness(batched(values)))
            # Few iterations with a correlation of 0.9 cannot be told from a trend in every case.
            most = 0.03 if correlation == 0.9 and n < 50 else 0.015
            where = f"{n} steady iterations, correlation {correlation}, CV 5%"
            yield Cell("false alarm of the report, short runs", where, wrong / trials, most=most)


def found_changes(trials: int, seed: int) -> Iterator[Cell]:
    """Runs that drift by 10 % or step by 5 %: are they found while they run, and named in the report?"""
    truths = (
        ("drift of 10 %", 0.1, 0, 0.02),
        ("drift of 10 %", 0.1, 0, 0.01),
        ("step of 5 %", 0.0, 60, 0.01),
    )
    for name, drift, after, spread in truths:
        for correlation in CORRELATIONS:
            rng, live, right = random.Random(seed), 0, 0
            for _ in range(trials):
                values = latencies(
                    ITERATIONS, rng, spread=spread, tail=0, correlation=correlation, drift=drift
                )
                values = [value * (1.05 if 0 < after <= i else 1) for i, value in enumerate(values)]
                *shown, report = _watched(values)
                live += any(one.change != 0 for one in shown)
                if report.step is None:
                    right += not after and report.verdict == "DRIFTING"
                else:
                    right += after > 0 and abs(report.step.after - after) <= 10
            least = 0.8 if correlation <= 0.6 else None
            where = f"{name}, correlation {correlation}, CV {spread:.0%}"
            yield Cell("found by a live screen", where, live / trials, least=least)
            yield Cell("rightly named by the report", where, right / trials, least=least)


def coverage_of_means(trials: int, seed: int) -> Iterator[Cell]:
    """The 95 % interval of the mean of correlated iterations: does it contain the true mean?"""
    targets = {(10, 0.7): 0.85, (10, 0.9): 0.8, (10, 0.0): 0.93, (10, 0.3): 0.93}
    for n in (10, 20, 50, 200):
        for correlation in (0.0, 0.3, 0.7, 0.9):
            rng, inside = random.Random(seed), 0
            for _ in range(trials):
                between = mean_of(latencies(n, rng, spread=0.01, tail=0, correlation=correlation)).interval()
                inside += between.low <= 100 <= between.high
            where = f"{n} iterations, correlation {correlation}"
            least = targets.get((n, correlation), 0.8)
            yield Cell("coverage of the 95 % interval of the mean", where, inside / trials, least=least)


def two_modes(trials: int, seed: int) -> Iterator[Cell]:
    """Runs with one mode and with two, with heavy tails: are two modes found?"""
    for n in (30, 60, 100, 200):
        for correlation in CORRELATIONS:
            rng, wrong = random.Random(seed), 0
            for _ in range(trials):
                wrong += _has_modes(latencies(n, rng, spread=0.02, correlation=correlation))
            where = f"{n} iterations of one mode, correlation {correlation}"
            yield Cell("two modes, false alarm", where, wrong / trials, most=0.02)
    for share, apart, enough in ((0.5, 0.05, 60), (0.5, 0.04, 200), (0.3, 0.05, None), (0.2, 0.1, 60)):
        for n in (30, 60, 100, 200):
            rng, found = random.Random(seed), 0
            for _ in range(trials):
                values = latencies(n, rng, spread=0.01)
                found += _has_modes([one * (1 + apart * (rng.random() < share)) for one in values])
            least = 0.8 if enough is not None and n >= enough else None
            where = f"{n} iterations, {share:.0%} of them {apart:.0%} slower, scatter 1%"
            yield Cell("two modes are found", where, found / trials, least=least)


def _has_modes(values: list[float]) -> bool:
    sample = Sample()
    for value in values:
        sample.add(value)
    return find_modes(sample) is not None


SIMULATIONS = (false_alarms, short_runs, found_changes, coverage_of_means, two_modes)

"""Latencies with a known truth, as benchmarks make them: correlated, with a heavy tail, drift and warm-up."""

from __future__ import annotations

import math
import random

from runner.stats import Batches


def latencies(
    n: int,
    rng: random.Random,
    *,
    mean: float = 100.0,
    spread: float = 0.005,
    tail: float = 0.05,
    correlation: float = 0.3,
    warm_up: float = 0.0,
    warm_up_iterations: float = 3.0,
    drift: float = 0.0,
) -> list[float]:
    """Milliseconds of `n` iterations.

    Args:
        n: how many.
        rng: where chance comes from.
        mean: level of a steady iteration, milliseconds.
        spread: standard deviation of the body as a share of the mean.
        tail: share of iterations that are slowed down, exponentially, by four spreads on average.
        correlation: of neighbours (autoregression of order one).
        warm_up: by what share of the mean the first iteration is slower; decays exponentially.
        warm_up_iterations: decay constant of that.
        drift: by what share of the mean the level moves from the first iteration to the last.
    """
    values = []
    state = rng.gauss(0, 1)
    fresh = math.sqrt(1 - correlation**2)
    for i in range(n):
        level = 1 + spread * state + warm_up * math.exp(-i / warm_up_iterations) + drift * i / n
        if rng.random() < tail:
            level += rng.expovariate(1 / (4 * spread))
        values.append(mean * level)
        state = correlation * state + fresh * rng.gauss(0, 1)
    return values


def batched(values: list[float]) -> Batches:
    batches = Batches()
    for value in values:
        batches.add(value)
    return batches

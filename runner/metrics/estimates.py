"""Metrics of one configuration that know how well they are known: those made of single iterations."""

from __future__ import annotations

import math

from runner.metrics.definitions import (
    GENERATION_TIME,
    GENERATION_TOKENS_PER_SEC,
    LATENCY,
    P50,
    P95,
    P99,
    PREFILL_TIME,
    TIME_PER_OUTPUT_TOKEN,
    TOKENS_PER_SEC,
    TOKENS_PER_SEC_RANK,
)
from runner.metrics.metric import Metric
from runner.state.configuration import ConfigurationState
from runner.stats import Batches
from runner.stats.intervals import Estimate, Mapped, PercentileEstimate, inefficiency, mean_of

Estimates = dict[Metric, Estimate]


def estimates(configuration: ConfigurationState, ranks: int) -> Estimates:
    """Estimates by metric; their values are those of the table, in its units.

    What is read once (memory, energy) or is an extreme has no entry: one run says nothing about its spread.
    """
    latency, generation, start = configuration.latency, configuration.generation, configuration.start
    if latency.n == 0:
        return {}
    mean = mean_of(configuration.batches.means, value=latency.mean)
    found: Estimates = {LATENCY: mean}
    effective = latency.n / _inefficiency(configuration.batches, latency.deviation)
    for metric, q in ((P50, 50), (P95, 95), (P99, 99)):
        found[metric] = PercentileEstimate(latency.percentile(q), q, effective, latency.percentile)
    if start.output_len:
        tokens = 1000 * start.batch_size * start.output_len
        found[TOKENS_PER_SEC] = Mapped(mean, lambda ms: tokens / ms)
        found[TOKENS_PER_SEC_RANK] = Mapped(mean, lambda ms: tokens / ms / max(1, ranks))
    if generation.n:
        found |= _of_generation(configuration)
    return found


def _of_generation(configuration: ConfigurationState) -> Estimates:
    latency, generation = configuration.latency, configuration.generation
    mean = mean_of(configuration.generation_batches.means, value=generation.mean)
    found: Estimates = {GENERATION_TIME: mean}
    if generation.n == latency.n:
        # Iteration by iteration: a slow iteration is slow in both, and that cancels in the difference.
        pairs = zip(configuration.batches.means, configuration.generation_batches.means, strict=True)
        found[PREFILL_TIME] = mean_of([a - b for a, b in pairs], value=latency.mean - generation.mean)
    steps, start = configuration.steps.mean, configuration.start
    if configuration.steps.n and steps > 0 and generation.mean > 0:
        tokens = 1000 * steps * start.batch_size * start.num_beams
        found[TIME_PER_OUTPUT_TOKEN] = Mapped(mean, lambda ms: ms / steps)
        found[GENERATION_TOKENS_PER_SEC] = Mapped(mean, lambda ms: tokens / ms)
    return found


def _inefficiency(batches: Batches, deviation: float) -> float:
    """Of single iterations, where the batches are means of `width` of them."""
    if math.isnan(deviation):
        return 1.0
    return inefficiency(batches.means, independent=deviation**2 / batches.width)

"""Metrics of the latency of batches of fixed size."""

from __future__ import annotations

from collections.abc import Callable

from runner.metrics.context import MetricContext
from runner.metrics.metric import Computed, Metric
from runner.stats.intervals import MeanEstimate, PercentileEstimate
from runner.stats.percentiles import Sample

ITERATIONS_SOURCE = "timed iterations of rank 0, as the measured program timed them"
TIMED = "timed iterations"
NO_TIME = "no time was measured"


def _approximate(latency: Sample) -> str:
    return "" if latency.exact else "from a histogram, within 0.05 %"


def _of_sample(number: Callable[[Sample], float]) -> Callable[[MetricContext], Computed | None]:
    """Compute a metric by a function of the latencies."""

    def compute(context: MetricContext) -> Computed | None:
        latency = context.configuration.latency
        return Computed(number(latency), latency.n) if latency.n else None

    return compute


def _percentile(q: int, least: int = 0) -> Callable[[MetricContext], Computed | None]:
    """Compute a percentile; with fewer than `least` values it is between the two largest."""

    def compute(context: MetricContext) -> Computed | None:
        latency = context.configuration.latency
        if not latency.n:
            return None
        few = f"unreliable below {least} iterations: nearly the maximum"
        note = _approximate(latency) or (few if latency.n < least else "")
        return Computed(latency.percentile(q), latency.n, note)

    return compute


def _percentile_estimate(q: int) -> Callable[[MetricContext], PercentileEstimate]:
    def estimate(context: MetricContext) -> PercentileEstimate:
        latency = context.configuration.latency
        return PercentileEstimate(latency.percentile(q), q, context.effective_iterations, latency.percentile)

    return estimate


def _upstream_percentile(q: int, maximum_up_to: int) -> Callable[[MetricContext], Computed | None]:
    def compute(context: MetricContext) -> Computed | None:
        latency = context.configuration.latency
        if not latency.n:
            return None
        note = "is the maximum" if latency.n <= maximum_up_to else _approximate(latency)
        return Computed(latency.upstream_percentile(q), latency.n, note)

    return compute


def _upstream_percentile_estimate(q: int) -> Callable[[MetricContext], PercentileEstimate]:
    def estimate(context: MetricContext) -> PercentileEstimate:
        latency = context.configuration.latency
        value = latency.upstream_percentile(q)
        return PercentileEstimate(value, q, context.effective_iterations, latency.percentile)

    return estimate


def _latency_estimate(context: MetricContext) -> MeanEstimate:
    return context.latency_estimate


def _deviation(context: MetricContext) -> Computed | None:
    latency = context.configuration.latency
    if latency.n < 2:
        return Computed(None, latency.n, "needs 2 iterations") if latency.n else None
    return Computed(latency.deviation, latency.n)


def _variation(context: MetricContext) -> Computed | None:
    latency = context.configuration.latency
    if latency.n < 2:
        return Computed(None, latency.n, "needs 2 iterations") if latency.n else None
    if latency.mean <= 0:
        return Computed(None, 0, NO_TIME)
    return Computed(100 * latency.deviation / latency.mean, latency.n)


LATENCY = Metric(
    name="latency_ms",
    title="latency, mean",
    unit="ms",
    group="latency",
    better="lower",
    formula="sum of latencies / number of timed iterations",
    source=ITERATIONS_SOURCE,
    upstream_key="latency(ms)",
    count=TIMED,
    conditions=(
        "The whole call: set-up, prefill and generation. Its interval describes this run alone, not"
        " the variation between runs."
    ),
    comparison_place=1,
    compute=_of_sample(lambda latency: latency.mean),
    estimate=_latency_estimate,
)
P50 = Metric(
    name="latency_p50_ms",
    title="p50",
    unit="ms",
    group="latency",
    better="lower",
    formula="median: linear interpolation at position (n - 1) x 0.50 of the sorted latencies",
    source=ITERATIONS_SOURCE,
    count=TIMED,
    conditions="Its interval needs 6 effectively independent iterations.",
    comparison_place=2,
    compute=_percentile(50),
    estimate=_percentile_estimate(50),
)
P95 = Metric(
    name="latency_p95_ms",
    title="p95",
    unit="ms",
    group="latency",
    better="lower",
    formula="linear interpolation at position (n - 1) x 0.95 of the sorted latencies",
    source=ITERATIONS_SOURCE,
    count=TIMED,
    conditions=(
        "Unreliable below 20 iterations: it then lies between the two slowest. Its interval has an"
        " upper bound from 72 independent iterations."
    ),
    comparison_place=3,
    compute=_percentile(95, least=20),
    estimate=_percentile_estimate(95),
)
P99 = Metric(
    name="latency_p99_ms",
    title="p99",
    unit="ms",
    group="latency",
    better="lower",
    formula="linear interpolation at position (n - 1) x 0.99 of the sorted latencies",
    source=ITERATIONS_SOURCE,
    count=TIMED,
    conditions=(
        "Unreliable below 100 iterations: with ten, it is practically the maximum. Its interval has an"
        " upper bound from 368 independent iterations."
    ),
    comparison_place=4,
    compute=_percentile(99, least=100),
    estimate=_percentile_estimate(99),
)
DEVIATION = Metric(
    name="latency_sd_ms",
    title="standard deviation",
    unit="ms",
    group="latency",
    better="lower",
    formula="square root of sum((latency - mean)^2) / (n - 1)",
    source=ITERATIONS_SOURCE,
    count=TIMED,
    conditions=(
        "Needs two iterations. Correlated iterations are less independent than it suggests. A smaller one is"
        " steadier, not faster."
    ),
    judged=False,
    as_measured=True,
    compute=_deviation,
)
VARIATION = Metric(
    name="latency_cv_percent",
    title="coefficient of variation",
    unit="%",
    group="latency",
    better="lower",
    formula="standard deviation / mean latency",
    source=ITERATIONS_SOURCE,
    digits=2,
    count=TIMED,
    conditions=(
        "Needs two iterations. How far single iterations scatter, not how well the mean is known. A smaller"
        " one is steadier, not faster."
    ),
    judged=False,
    as_measured=True,
    compute=_variation,
)
MINIMUM = Metric(
    name="latency_min_ms",
    title="minimum",
    unit="ms",
    group="latency",
    better="lower",
    formula="smallest latency",
    source=ITERATIONS_SOURCE,
    count=TIMED,
    conditions="One value; grows more extreme with more iterations.",
    judged=False,
    as_measured=True,
    compute=_of_sample(lambda latency: latency.minimum),
)
MAXIMUM = Metric(
    name="latency_max_ms",
    title="maximum",
    unit="ms",
    group="latency",
    better="lower",
    formula="largest latency",
    source=ITERATIONS_SOURCE,
    count=TIMED,
    conditions="One value; grows more extreme with more iterations.",
    judged=False,
    as_measured=True,
    compute=_of_sample(lambda latency: latency.maximum),
)
UPSTREAM_P95 = Metric(
    name="percentile95_ms",
    title="percentile95, upstream's",
    unit="ms",
    group="latency",
    better="lower",
    formula="sorted[int(n x 0.95)], as benchmark.py computes it: one rank high, the maximum for n <= 20",
    source=ITERATIONS_SOURCE,
    upstream_key="percentile95(ms)",
    count=TIMED,
    conditions=(
        "Kept to compare with what benchmark.py prints. Its interval is that of the percentile, extended to"
        " this value."
    ),
    judged=False,
    estimate=_upstream_percentile_estimate(95),
    compute=_upstream_percentile(95, maximum_up_to=20),
)
UPSTREAM_P99 = Metric(
    name="percentile99_ms",
    title="percentile99, upstream's",
    unit="ms",
    group="latency",
    better="lower",
    formula="sorted[int(n x 0.99)], as benchmark.py computes it: one rank high, the maximum for n <= 100",
    source=ITERATIONS_SOURCE,
    upstream_key="percentile99(ms)",
    count=TIMED,
    conditions=(
        "Kept to compare with what benchmark.py prints. Its interval is that of the percentile, extended to"
        " this value."
    ),
    judged=False,
    estimate=_upstream_percentile_estimate(99),
    compute=_upstream_percentile(99, maximum_up_to=100),
)
LATENCY_METRICS = (LATENCY, P50, P95, P99, DEVIATION, VARIATION, MINIMUM, MAXIMUM, UPSTREAM_P95, UPSTREAM_P99)

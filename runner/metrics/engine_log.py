"""Metrics of the engine's iteration log of trtllm-bench: single steps over all requests in flight."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from runner.metrics.context import MetricContext
from runner.metrics.metric import Computed, Metric
from runner.metrics.request_log import sample_mean, sample_percentile

if TYPE_CHECKING:
    from runner.state.serving import EngineLog, OrderedSample
    from runner.stats.intervals import Estimate
    from runner.stats.moments import Mean, Moments
    from runner.stats.percentiles import Sample

_SOURCE = "the engine's iteration log"
_ITERATIONS = "iterations of the engine in which requests were in flight"
_LOGGED = (
    "Needs the engine's iteration log (0.16, and from 0.19 on); iterations without a request do not count."
)


_Log = TypeVar("_Log", "Mean", "Moments", "Sample")


def _of_engine(
    log_of: Callable[[EngineLog], _Log], number: Callable[[_Log], float]
) -> Callable[[MetricContext], Computed | None]:
    """Compute a metric by a function of one column of the engine's iteration log."""

    def compute(context: MetricContext) -> Computed | None:
        serving = context.configuration.serving
        if serving is None or not serving.engine.latency.n:
            return None
        log = log_of(serving.engine)
        return Computed(number(log), log.n) if log.n else None

    return compute


def _estimate_of(
    log_of: Callable[[EngineLog], OrderedSample],
    estimate: Callable[[OrderedSample], Estimate | None],
) -> Callable[[MetricContext], Estimate | None]:
    """Estimate a number of one column of the engine's iteration log."""

    def compute(context: MetricContext) -> Estimate | None:
        serving = context.configuration.serving
        return estimate(log_of(serving.engine)) if serving is not None else None

    return compute


def _latency(log: EngineLog) -> OrderedSample:
    return log.latency


def _tokens(log: EngineLog) -> OrderedSample:
    return log.tokens


def _percentile(q: int, least: int = 0) -> Callable[[MetricContext], Computed | None]:
    """Compute a percentile of the iterations' times."""

    def compute(context: MetricContext) -> Computed | None:
        serving = context.configuration.serving
        latency = serving.engine.latency if serving is not None else None
        if latency is None or not latency.n:
            return None
        few = f"unreliable below {least} iterations" if latency.n < least else ""
        return Computed(latency.percentile(q), latency.n, few)

    return compute


def _percentile_of(q: float) -> Callable[[OrderedSample], Estimate | None]:
    return lambda sample: sample_percentile(sample, q)


ENGINE_ITERATION = Metric(
    name="engine_iteration_ms",
    title="engine iteration time, mean",
    unit="ms",
    group="generation",
    better="lower",
    formula=(
        "mean of iterLatencyMS: one step of the engine over all requests in flight, inputs and"
        " outputs together;"
        " not benchmark.py's iteration, which is a whole call"
    ),
    source=_SOURCE,
    count=_ITERATIONS,
    conditions=_LOGGED,
    compute=_of_engine(_latency, lambda latency: latency.mean),
    estimate=_estimate_of(_latency, sample_mean),
)
ENGINE_ITERATION_P50 = Metric(
    name="engine_iteration_p50_ms",
    title="engine iteration time, p50",
    unit="ms",
    group="generation",
    better="lower",
    formula="linear interpolation at position (n - 1) x 0.50",
    source=_SOURCE,
    count=_ITERATIONS,
    conditions=_LOGGED,
    compute=_percentile(50),
    estimate=_estimate_of(_latency, _percentile_of(50)),
)
ENGINE_ITERATION_P95 = Metric(
    name="engine_iteration_p95_ms",
    title="engine iteration time, p95",
    unit="ms",
    group="generation",
    better="lower",
    formula="linear interpolation at position (n - 1) x 0.95; needs n >= 20",
    source=_SOURCE,
    count=_ITERATIONS,
    conditions=_LOGGED,
    compute=_percentile(95, least=20),
    estimate=_estimate_of(_latency, _percentile_of(95)),
)
ENGINE_ITERATION_P99 = Metric(
    name="engine_iteration_p99_ms",
    title="engine iteration time, p99",
    unit="ms",
    group="generation",
    better="lower",
    formula="linear interpolation at position (n - 1) x 0.99; needs n >= 100",
    source=_SOURCE,
    count=_ITERATIONS,
    conditions=_LOGGED,
    compute=_percentile(99, least=100),
    estimate=_estimate_of(_latency, _percentile_of(99)),
)
TOKENS_PER_ITERATION = Metric(
    name="tokens_per_iteration",
    title="tokens per engine iteration",
    unit="tokens",
    group="generation",
    better="higher",
    formula="mean of input tokens processed + tokens generated in one step",
    source=_SOURCE,
    digits=1,
    count=_ITERATIONS,
    conditions=_LOGGED,
    compute=_of_engine(_tokens, lambda tokens: tokens.mean),
    estimate=_estimate_of(_tokens, sample_mean),
)
KV_CACHE = Metric(
    name="kv_cache_peak_percent",
    title="KV cache used, peak",
    unit="%",
    group="memory",
    better="neither",
    formula="most blocks of the KV cache in use in any iteration / all its blocks",
    source=_SOURCE,
    digits=1,
    count=_ITERATIONS,
    conditions=_LOGGED,
    as_measured=True,
    compute=_of_engine(lambda log: log.kv_share, lambda share: 100 * share.maximum),
)
ACTIVE_REQUESTS = Metric(
    name="active_requests",
    title="requests in flight, mean",
    unit="",
    group="sample",
    better="neither",
    formula="mean over the engine's iterations",
    source=_SOURCE,
    digits=1,
    count=_ITERATIONS,
    conditions=_LOGGED,
    as_measured=True,
    compute=_of_engine(lambda log: log.active, lambda active: active.mean),
)
QUEUED_REQUESTS = Metric(
    name="queued_requests_peak",
    title="requests queued, most",
    unit="",
    group="sample",
    better="neither",
    formula="most requests that waited in the engine in any iteration",
    source=_SOURCE,
    digits=0,
    count=_ITERATIONS,
    conditions=_LOGGED,
    as_measured=True,
    compute=_of_engine(lambda log: log.queued, lambda queued: queued.maximum),
)
ENGINE_METRICS = (
    ENGINE_ITERATION,
    ENGINE_ITERATION_P50,
    ENGINE_ITERATION_P95,
    ENGINE_ITERATION_P99,
    TOKENS_PER_ITERATION,
    KV_CACHE,
)
ENGINE_LOAD_METRICS = (
    ACTIVE_REQUESTS,
    QUEUED_REQUESTS,
)

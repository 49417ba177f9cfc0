"""Metrics of the time of one request among many in flight: request latency, first token, inter-token."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from runner.metrics.context import MetricContext
from runner.metrics.metric import Computed, Metric
from runner.metrics.request_log import (
    FILED,
    MEASURED,
    REQUESTS_SOURCE,
    mean_estimate,
    of_log,
    of_requests,
    percentile_estimate,
    streamed_mean,
)

if TYPE_CHECKING:
    from runner.state.serving import OrderedSample, RequestLog

_SENT = "sent is when it goes to the engine: waiting in the engine's queue counts, waiting for one of the"
_SENT += " concurrent places does not"
_PERCENTILE = f"{FILED} Requests that run together are not independent, so a percentile says less than its n."
_STREAMED = f"Needs streaming, which latency always does. {FILED}"
_INTERPOLATED = "linear interpolation of the sorted values; the printed value is sorted[int(n x p)]"


def _latency(log: RequestLog) -> OrderedSample:
    return log.latency


def _ttft(log: RequestLog) -> OrderedSample:
    return log.ttft


def _per_token(log: RequestLog) -> OrderedSample:
    return log.per_token


def _percentile(
    sample_of: Callable[[RequestLog], OrderedSample], q: int, least: int = 1
) -> Callable[[MetricContext], Computed | None]:
    """Compute a percentile of the requests."""

    def percentile(log: RequestLog) -> Computed:
        sample = sample_of(log)
        if not sample.n:
            return Computed(None, 0)
        few = f"unreliable below {least} requests" if sample.n < least else ""
        approximate = "" if sample.exact else "from a histogram, within 0.05 %"
        return Computed(sample.percentile(q), sample.n, few or approximate)

    return of_log(percentile)


REQUEST_LATENCY = Metric(
    name="request_latency_ms",
    title="request latency, mean",
    unit="ms",
    group="latency",
    better="lower",
    formula=(
        f"mean over requests of last token - sent; {_SENT}. Requests share the engine, so it is not"
        " benchmark.py's latency of one whole batch"
    ),
    source=REQUESTS_SOURCE,
    upstream_key="Average request latency (ms)",
    other_keys=("performance.avg_request_latency_ms",),
    count=MEASURED,
    conditions=FILED,
    comparison_place=13,
    compute=of_requests(lambda log: log.latency.mean),
    estimate=mean_estimate(_latency),
)
REQUEST_P50 = Metric(
    name="request_latency_p50_ms",
    title="request latency, p50",
    unit="ms",
    group="latency",
    better="lower",
    formula=f"median request latency: {_INTERPOLATED}",
    source=REQUESTS_SOURCE,
    upstream_key="[Latency] P50",
    other_keys=("performance.request_latency_percentiles_ms.p50",),
    count=MEASURED,
    conditions=_PERCENTILE,
    compute=_percentile(_latency, 50),
    estimate=percentile_estimate(_latency, 50),
)
REQUEST_P90 = Metric(
    name="request_latency_p90_ms",
    title="request latency, p90",
    unit="ms",
    group="latency",
    better="lower",
    formula=f"{_INTERPOLATED}; needs n >= 10",
    source=REQUESTS_SOURCE,
    upstream_key="[Latency] P90",
    other_keys=("performance.request_latency_percentiles_ms.p90",),
    count=MEASURED,
    conditions=_PERCENTILE,
    compute=_percentile(_latency, 90, least=10),
    estimate=percentile_estimate(_latency, 90),
)
REQUEST_P95 = Metric(
    name="request_latency_p95_ms",
    title="request latency, p95",
    unit="ms",
    group="latency",
    better="lower",
    formula=f"{_INTERPOLATED}; needs n >= 20",
    source=REQUESTS_SOURCE,
    upstream_key="[Latency] P95",
    other_keys=("performance.request_latency_percentiles_ms.p95",),
    count=MEASURED,
    conditions=_PERCENTILE,
    comparison_place=14,
    compute=_percentile(_latency, 95, least=20),
    estimate=percentile_estimate(_latency, 95),
)
REQUEST_P99 = Metric(
    name="request_latency_p99_ms",
    title="request latency, p99",
    unit="ms",
    group="latency",
    better="lower",
    formula=f"{_INTERPOLATED}; needs n >= 100",
    source=REQUESTS_SOURCE,
    upstream_key="[Latency] P99",
    other_keys=("performance.request_latency_percentiles_ms.p99",),
    count=MEASURED,
    conditions=_PERCENTILE,
    compute=_percentile(_latency, 99, least=100),
    estimate=percentile_estimate(_latency, 99),
)
REQUEST_MIN = Metric(
    name="request_latency_min_ms",
    title="request latency, minimum",
    unit="ms",
    group="latency",
    better="lower",
    formula="smallest of all requests",
    source=REQUESTS_SOURCE,
    upstream_key="[Latency] MINIMUM",
    other_keys=("performance.request_latency_percentiles_ms.minimum",),
    count=MEASURED,
    conditions=FILED,
    judged=False,
    as_measured=True,
    compute=of_requests(lambda log: log.latency.minimum),
)
REQUEST_MAX = Metric(
    name="request_latency_max_ms",
    title="request latency, maximum",
    unit="ms",
    group="latency",
    better="lower",
    formula="largest of all requests",
    source=REQUESTS_SOURCE,
    upstream_key="[Latency] MAXIMUM",
    other_keys=("performance.request_latency_percentiles_ms.maximum",),
    count=MEASURED,
    conditions=FILED,
    judged=False,
    as_measured=True,
    compute=of_requests(lambda log: log.latency.maximum),
)
TTFT = Metric(
    name="ttft_ms",
    title="time to first token, mean",
    unit="ms",
    group="latency",
    better="lower",
    formula=(
        "mean over requests of first token - sent; only when tokens are streamed. Other requests run"
        " meanwhile,"
        " so it is not benchmark.py's prefill time of one batch"
    ),
    source=REQUESTS_SOURCE,
    upstream_key="Average time-to-first-token [TTFT] (ms)",
    other_keys=("Average time-to-first-token (ms)", "streaming_metrics.avg_ttft_ms"),
    count=MEASURED,
    conditions=_STREAMED,
    comparison_place=15,
    compute=streamed_mean(_ttft),
    estimate=mean_estimate(_ttft),
)
TTFT_P50 = Metric(
    name="ttft_p50_ms",
    title="time to first token, p50",
    unit="ms",
    group="latency",
    better="lower",
    formula=f"median: {_INTERPOLATED}",
    source=REQUESTS_SOURCE,
    upstream_key="[TTFT] P50",
    other_keys=("streaming_metrics.ttft_percentiles.p50",),
    count=MEASURED,
    conditions=_STREAMED,
    compute=_percentile(_ttft, 50),
    estimate=percentile_estimate(_ttft, 50),
)
TTFT_P90 = Metric(
    name="ttft_p90_ms",
    title="time to first token, p90",
    unit="ms",
    group="latency",
    better="lower",
    formula=f"{_INTERPOLATED}; needs n >= 10",
    source=REQUESTS_SOURCE,
    upstream_key="[TTFT] P90",
    other_keys=("streaming_metrics.ttft_percentiles.p90",),
    count=MEASURED,
    conditions=_STREAMED,
    compute=_percentile(_ttft, 90, least=10),
    estimate=percentile_estimate(_ttft, 90),
)
TTFT_P95 = Metric(
    name="ttft_p95_ms",
    title="time to first token, p95",
    unit="ms",
    group="latency",
    better="lower",
    formula=f"{_INTERPOLATED}; needs n >= 20",
    source=REQUESTS_SOURCE,
    upstream_key="[TTFT] P95",
    other_keys=("streaming_metrics.ttft_percentiles.p95",),
    count=MEASURED,
    conditions=_STREAMED,
    compute=_percentile(_ttft, 95, least=20),
    estimate=percentile_estimate(_ttft, 95),
)
TTFT_P99 = Metric(
    name="ttft_p99_ms",
    title="time to first token, p99",
    unit="ms",
    group="latency",
    better="lower",
    formula=f"{_INTERPOLATED}; needs n >= 100",
    source=REQUESTS_SOURCE,
    upstream_key="[TTFT] P99",
    other_keys=("streaming_metrics.ttft_percentiles.p99",),
    count=MEASURED,
    conditions=_STREAMED,
    compute=_percentile(_ttft, 99, least=100),
    estimate=percentile_estimate(_ttft, 99),
)
INTER_TOKEN = Metric(
    name="inter_token_latency_ms",
    title="inter-token latency, mean",
    unit="ms",
    group="generation",
    better="lower",
    formula=(
        "mean over requests of (last token - first token) / (output tokens - 1). Other requests run"
        " at the same time; benchmark.py measures a batch of fixed size that is alone on the engine"
    ),
    source=REQUESTS_SOURCE,
    upstream_key="Average time-per-output-token [TPOT] (ms)",
    other_keys=("Average inter-token latency (ms)", "streaming_metrics.avg_tpot_ms"),
    count=MEASURED,
    conditions=_STREAMED,
    comparison_place=16,
    compute=streamed_mean(_per_token),
    estimate=mean_estimate(_per_token),
)
INTER_TOKEN_P50 = Metric(
    name="inter_token_latency_p50_ms",
    title="inter-token latency, p50",
    unit="ms",
    group="generation",
    better="lower",
    formula=f"median of the requests' means: {_INTERPOLATED}",
    source=REQUESTS_SOURCE,
    upstream_key="[TPOT] P50",
    other_keys=("streaming_metrics.tpot_percentiles.p50",),
    count=MEASURED,
    conditions=_STREAMED,
    compute=_percentile(_per_token, 50),
    estimate=percentile_estimate(_per_token, 50),
)
INTER_TOKEN_P90 = Metric(
    name="inter_token_latency_p90_ms",
    title="inter-token latency, p90",
    unit="ms",
    group="generation",
    better="lower",
    formula=f"of the requests' means: {_INTERPOLATED}; needs n >= 10",
    source=REQUESTS_SOURCE,
    upstream_key="[TPOT] P90",
    other_keys=("streaming_metrics.tpot_percentiles.p90",),
    count=MEASURED,
    conditions=_STREAMED,
    compute=_percentile(_per_token, 90, least=10),
    estimate=percentile_estimate(_per_token, 90),
)
INTER_TOKEN_P95 = Metric(
    name="inter_token_latency_p95_ms",
    title="inter-token latency, p95",
    unit="ms",
    group="generation",
    better="lower",
    formula=f"of the requests' means: {_INTERPOLATED}; needs n >= 20",
    source=REQUESTS_SOURCE,
    upstream_key="[TPOT] P95",
    other_keys=("streaming_metrics.tpot_percentiles.p95",),
    count=MEASURED,
    conditions=_STREAMED,
    compute=_percentile(_per_token, 95, least=20),
    estimate=percentile_estimate(_per_token, 95),
)
INTER_TOKEN_P99 = Metric(
    name="inter_token_latency_p99_ms",
    title="inter-token latency, p99",
    unit="ms",
    group="generation",
    better="lower",
    formula=f"of the requests' means: {_INTERPOLATED}; needs n >= 100",
    source=REQUESTS_SOURCE,
    upstream_key="[TPOT] P99",
    other_keys=("streaming_metrics.tpot_percentiles.p99",),
    count=MEASURED,
    conditions=_STREAMED,
    compute=_percentile(_per_token, 99, least=100),
    estimate=percentile_estimate(_per_token, 99),
)
REQUEST_METRICS = (
    REQUEST_LATENCY,
    REQUEST_P50,
    REQUEST_P90,
    REQUEST_P95,
    REQUEST_P99,
    REQUEST_MIN,
    REQUEST_MAX,
    TTFT,
    TTFT_P50,
    TTFT_P90,
    TTFT_P95,
    TTFT_P99,
)
INTER_TOKEN_METRICS = (
    INTER_TOKEN,
    INTER_TOKEN_P50,
    INTER_TOKEN_P90,
    INTER_TOKEN_P95,
    INTER_TOKEN_P99,
)

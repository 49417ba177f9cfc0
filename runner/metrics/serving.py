"""Metrics of a whole benchmark of many requests in flight (trtllm-bench): throughput, and its sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from runner.metrics.context import MetricContext
from runner.metrics.metric import Computed, Metric, as_number, printed_value
from runner.metrics.request_log import (
    FILED,
    MEASURED,
    REQUESTS_SOURCE,
    mean_estimate,
    of_requests,
    percentile_estimate,
    request_log,
    streamed_mean,
)

if TYPE_CHECKING:
    from runner import events as ev
    from runner.state.serving import OrderedSample, RequestLog

REPORTED_BY = "reported by"
"""Key of a result under which an import puts the program that measured, if it is not an engine."""
_WHOLE = (
    f"{FILED} Filling and draining the engine are in it and weigh less the more requests there are, so"
    " compare equal numbers of requests."
)
_NO_SLO = "no SLO is stated: benchmark.slo of the profile has its bounds"


def _per_user(log: RequestLog) -> OrderedSample:
    return log.per_user


def _speed(log: RequestLog) -> OrderedSample:
    return log.speed


def _slowest_users(context: MetricContext) -> Computed | None:
    log = request_log(context)
    if log is None:
        return None
    few = "unreliable below 20 requests" if log.per_user.n < 20 else ""
    return Computed(log.per_user.percentile(5), log.per_user.n, few)


def _goodput(number: Callable[[RequestLog], float]) -> Callable[[MetricContext], Computed | None]:
    """Compute a number of the requests that meet the SLO."""

    def compute(context: MetricContext) -> Computed | None:
        slo, log = context.configuration.start.slo, request_log(context)
        if slo is None:
            return Computed(None, 0, _NO_SLO)
        if log is None:
            return Computed(None, 0, "there is no request file")
        if (slo.ttft_ms is not None and not log.ttft.n) or (slo.tpot_ms is not None and not log.per_token.n):
            return Computed(None, 0, "tokens were not streamed, so ttft and tpot are not known")
        return Computed(number(log), log.latency.n, slo_text(slo))

    return compute


def slo_text(slo: ev.Slo) -> str:
    """Return the bounds: `ttft <= 200 ms, e2e <= 5000 ms`."""
    bounds = {"ttft": slo.ttft_ms, "tpot": slo.tpot_ms, "e2e": slo.e2e_ms}
    return ", ".join(f"{name} <= {bound:g} ms" for name, bound in bounds.items() if bound is not None)


def _output_per_gpu(context: MetricContext) -> Computed | None:
    log, ranks = request_log(context), max(1, context.ranks)
    if log is not None:
        return Computed(log.output_tokens / log.seconds / ranks, log.latency.n)
    if reported_value(context, OUTPUT_TOKENS_PER_SEC_GPU) is not None:
        return None
    total = reported_value(context, OUTPUT_TOKENS_PER_SEC)
    if total is None or total.value is None:
        return None
    if REPORTED_BY in (context.configuration.result or {}):
        return Computed(None, 0, "the result does not state the number of GPUs")
    return Computed(total.value / ranks, total.n, "from the reported total")


def reported_value(context: MetricContext, metric: Metric) -> Computed | None:
    """Return what the report of trtllm-bench, or an imported result, states; None: nothing.

    0 and nan are no numbers: the report states them as the time to first token of a run without streaming.
    """
    result = context.configuration.result or {}
    value = as_number(printed_value(metric, result))
    if not value:
        return None
    requests = as_number(printed_value(REQUESTS, result))
    program = result.get(REPORTED_BY)
    note = f"reported by {program}" if program else "reported by trtllm-bench: there is no request file"
    return Computed(value, round(requests), note)


OUTPUT_TOKENS_PER_SEC = Metric(
    name="output_tokens_per_sec",
    title="output tokens per second",
    unit="tokens/s",
    group="throughput",
    better="higher",
    formula=(
        "output tokens of all requests / (last request's end - first one's start), all GPUs"
        " together: tokens that"
        " were really generated, filling and draining the engine included. benchmark.py's tokens per"
        " second is"
        " the requested tokens of one batch / its mean latency"
    ),
    source=REQUESTS_SOURCE,
    upstream_key="Total Output Throughput (tokens/sec)",
    other_keys=(
        "Token Throughput (tokens/sec)",
        "THROUGHPUT OVERVIEW: Total Token Throughput (tokens/sec)",
        "performance.system_output_throughput_tok_s",
    ),
    digits=2,
    count=MEASURED,
    conditions=_WHOLE,
    comparison_place=11,
    compute=of_requests(lambda log: log.output_tokens / log.seconds),
)
OUTPUT_TOKENS_PER_SEC_GPU = Metric(
    name="output_tokens_per_sec_per_gpu",
    title="output per GPU",
    unit="tokens/s",
    group="throughput",
    better="higher",
    formula="output tokens per second / number of ranks",
    source=REQUESTS_SOURCE,
    upstream_key="Per GPU Output Throughput (tps/gpu)",
    other_keys=(
        "Per GPU Output Throughput (tokens/sec/gpu)",
        "performance.output_throughput_per_gpu_tok_s",
    ),
    digits=2,
    count=MEASURED,
    conditions=_WHOLE,
    compute=_output_per_gpu,
)
TOTAL_TOKENS_PER_SEC = Metric(
    name="total_tokens_per_sec",
    title="input and output tokens",
    unit="tokens/s",
    group="throughput",
    better="higher",
    formula="(input + output tokens of all requests) / (last request's end - first one's start)",
    source=REQUESTS_SOURCE,
    upstream_key="Total Token Throughput (tokens/sec)",
    other_keys=("performance.system_total_throughput_tok_s",),
    digits=2,
    count=MEASURED,
    conditions=_WHOLE,
    compute=of_requests(lambda log: (log.input_tokens + log.output_tokens) / log.seconds),
)
REQUESTS_PER_SEC = Metric(
    name="requests_per_sec",
    title="requests per second",
    unit="1/s",
    group="throughput",
    better="higher",
    formula="number of requests / (last request's end - first one's start)",
    source=REQUESTS_SOURCE,
    upstream_key="Request Throughput (req/sec)",
    other_keys=(
        "THROUGHPUT OVERVIEW: Request Throughput (req/sec)",
        "performance.request_throughput_req_s",
    ),
    count=MEASURED,
    conditions=_WHOLE,
    comparison_place=12,
    compute=of_requests(lambda log: log.latency.n / log.seconds),
)
PER_USER = Metric(
    name="output_tokens_per_sec_per_user",
    title="output per user",
    unit="tokens/s",
    group="throughput",
    better="higher",
    formula="mean over requests of output tokens / request latency: what one user sees, first token included",
    source=REQUESTS_SOURCE,
    upstream_key="Per User Output Throughput [w/ ctx] (tps/user)",
    other_keys=(
        "Per User Output Throughput (tokens/sec/user)",
        "performance.output_throughput_per_user_tok_s",
    ),
    digits=2,
    count=MEASURED,
    conditions=(
        f"{FILED} If more requests are sent than the engine takes at once, their waiting is in it: it falls"
        " as their number grows."
    ),
    compute=of_requests(lambda log: log.per_user.mean),
    estimate=mean_estimate(_per_user),
)
SLOW_USERS = Metric(
    name="output_tokens_per_sec_per_user_p5",
    title="output per user, slowest 5 %",
    unit="tokens/s",
    group="throughput",
    better="higher",
    formula="5th percentile over requests of output tokens / request latency, by linear interpolation",
    source=REQUESTS_SOURCE,
    digits=2,
    count=MEASURED,
    conditions=("As output per user; needs the request file (1.0 and later). Unreliable below 20 requests."),
    compute=_slowest_users,
    estimate=percentile_estimate(_per_user, 5),
)
OUTPUT_SPEED = Metric(
    name="output_speed_per_user",
    title="output speed per user",
    unit="tokens/s",
    group="generation",
    better="higher",
    formula=(
        "mean over requests of (output tokens - 1) / (last token - first token): what one user sees once the"
        " answer has begun. Its percentiles, which trtllm-bench prints as [GTPS], are those of inter-token"
        " latency from the other end: p90 is 1000 / p10"
    ),
    source=REQUESTS_SOURCE,
    upstream_key="Per User Output Speed (tps/user)",
    other_keys=(
        "THROUGHPUT OVERVIEW: Generation Token Throughput (tokens/sec)",
        "streaming_metrics.token_output_speed_tok_s",
    ),
    digits=2,
    count=MEASURED,
    conditions=f"Needs streaming, which latency always does. {FILED}",
    compute=streamed_mean(_speed),
    estimate=mean_estimate(_speed),
)
GOODPUT = Metric(
    name="goodput_requests_per_sec",
    title="goodput",
    unit="1/s",
    group="throughput",
    better="higher",
    formula=(
        "number of requests that meet every bound of the SLO / (last request's end - first one's start); a"
        " request of one token has no time per output token, and meets a bound of it"
    ),
    source="every request of trtllm-bench's request file",
    count=MEASURED,
    conditions=(
        "Needs an SLO in the profile (benchmark.slo: ttft_ms, tpot_ms, e2e_ms) and the request file (1.0 and"
        " later); ttft and tpot need streaming. Compare it only between equal bounds."
    ),
    compute=_goodput(lambda log: log.good / log.seconds),
)
SLO_SHARE = Metric(
    name="slo_attainment_percent",
    title="requests within the SLO",
    unit="%",
    group="throughput",
    better="higher",
    formula="number of requests that meet every bound of the SLO / number of requests",
    source="every request of trtllm-bench's request file",
    digits=1,
    count=MEASURED,
    conditions="As goodput.",
    compute=_goodput(lambda log: 100 * log.good / log.latency.n),
)
REQUESTS = Metric(
    name="requests",
    title="requests",
    unit="",
    group="sample",
    better="neither",
    formula="number of measured requests, without warm-up",
    source=REQUESTS_SOURCE,
    upstream_key="Number of requests",
    other_keys=("request_info.num_requests",),
    digits=0,
    count=MEASURED,
    conditions=FILED,
    as_measured=True,
    compute=of_requests(lambda log: log.latency.n),
)
DURATION = Metric(
    name="total_latency_ms",
    title="time for all requests",
    unit="ms",
    group="sample",
    better="neither",
    formula="last request's end - first one's start",
    source=REQUESTS_SOURCE,
    upstream_key="Total Latency (ms)",
    other_keys=("performance.total_latency_ms",),
    count=MEASURED,
    conditions=FILED,
    as_measured=True,
    compute=of_requests(lambda log: log.seconds * 1000),
)
MEAN_INPUT = Metric(
    name="mean_input_tokens",
    title="input tokens per request",
    unit="tokens",
    group="sample",
    better="neither",
    formula="mean over requests",
    source=REQUESTS_SOURCE,
    upstream_key="Average Input Length (tokens)",
    other_keys=("request_info.avg_input_length",),
    digits=1,
    count=MEASURED,
    conditions=FILED,
    as_measured=True,
    compute=of_requests(lambda log: log.input_tokens / log.latency.n),
)
MEAN_OUTPUT = Metric(
    name="mean_output_tokens",
    title="output tokens per request",
    unit="tokens",
    group="sample",
    better="neither",
    formula="mean over requests of the tokens that were generated",
    source=REQUESTS_SOURCE,
    upstream_key="Average Output Length (tokens)",
    other_keys=("request_info.avg_output_length",),
    digits=1,
    count=MEASURED,
    conditions=FILED,
    as_measured=True,
    compute=of_requests(lambda log: log.output_tokens / log.latency.n),
)
MEAN_CONCURRENCY = Metric(
    name="mean_concurrency",
    title="requests at a time, mean",
    unit="",
    group="sample",
    better="neither",
    formula="sum of request latencies / (last request's end - first one's start)",
    source=REQUESTS_SOURCE,
    upstream_key="Number of concurrent requests",
    other_keys=("request_info.avg_num_concurrent_requests",),
    digits=1,
    count=MEASURED,
    conditions=FILED,
    as_measured=True,
    compute=of_requests(lambda log: log.latency.total / 1000 / log.seconds),
)
SERVING_THROUGHPUT_METRICS = (
    OUTPUT_TOKENS_PER_SEC,
    OUTPUT_TOKENS_PER_SEC_GPU,
    TOTAL_TOKENS_PER_SEC,
    REQUESTS_PER_SEC,
    PER_USER,
    SLOW_USERS,
    OUTPUT_SPEED,
    GOODPUT,
    SLO_SHARE,
)
SERVING_SAMPLE_METRICS = (
    REQUESTS,
    DURATION,
    MEAN_INPUT,
    MEAN_OUTPUT,
    MEAN_CONCURRENCY,
)

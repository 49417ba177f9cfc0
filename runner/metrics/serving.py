"""Metrics of a whole benchmark of many requests in flight (trtllm-bench): throughput, and its sample."""

from __future__ import annotations

from runner.metrics.context import MetricContext
from runner.metrics.metric import Computed, Metric, as_number, printed_value
from runner.metrics.request_log import FILED, MEASURED, REQUESTS_SOURCE, of_requests, request_log

_WHOLE = f"{FILED} Grows with the number of requests, as filling and draining the engine weigh less."


def _output_per_gpu(context: MetricContext) -> Computed | None:
    log, ranks = request_log(context), max(1, context.ranks)
    if log is not None:
        return Computed(log.output_tokens / log.seconds / ranks, log.latency.n)
    if reported_value(context, OUTPUT_TOKENS_PER_SEC_GPU) is not None:
        return None
    total = reported_value(context, OUTPUT_TOKENS_PER_SEC)
    if total is None or total.value is None:
        return None
    return Computed(total.value / ranks, total.n, "from the reported total")


def reported_value(context: MetricContext, metric: Metric) -> Computed | None:
    """Return what trtllm-bench's report states; None: nothing.

    0 and nan are no numbers: the report states them as the time to first token of a run without streaming.
    """
    result = context.configuration.result or {}
    value = as_number(printed_value(metric, result))
    if not value:
        return None
    requests = as_number(printed_value(REQUESTS, result))
    return Computed(value, round(requests), "as trtllm-bench reports it: there is no request file")


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
    conditions=_WHOLE,
    compute=of_requests(lambda log: log.per_user.mean),
)
REQUESTS = Metric(
    name="requests",
    title="requests",
    unit="",
    group="sample",
    better="neither",
    formula=("how many were measured; warm-up requests are not among them"),
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
    conditions=_WHOLE,
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
)
SERVING_SAMPLE_METRICS = (
    REQUESTS,
    DURATION,
    MEAN_INPUT,
    MEAN_OUTPUT,
    MEAN_CONCURRENCY,
)

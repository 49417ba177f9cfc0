"""The values of a benchmark of many requests in flight: from its requests, else as its report states them."""

from __future__ import annotations

from collections.abc import Iterator

from runner.metrics.metric import Computed, Metric, Value, as_number
from runner.metrics.serving_definitions import (
    ACTIVE_REQUESTS,
    DURATION,
    ENGINE_ITERATION,
    ENGINE_ITERATION_P95,
    INTER_TOKEN,
    INTER_TOKEN_P50,
    INTER_TOKEN_P95,
    INTER_TOKEN_P99,
    KV_CACHE,
    MEAN_CONCURRENCY,
    MEAN_INPUT,
    MEAN_OUTPUT,
    OUTPUT_TOKENS_PER_SEC,
    OUTPUT_TOKENS_PER_SEC_GPU,
    PER_USER,
    QUEUED_REQUESTS,
    REQUEST_LATENCY,
    REQUEST_MAX,
    REQUEST_MIN,
    REQUEST_P50,
    REQUEST_P95,
    REQUEST_P99,
    REQUESTS,
    REQUESTS_PER_SEC,
    SERVING,
    TOKENS_PER_ITERATION,
    TOTAL_TOKENS_PER_SEC,
    TTFT,
    TTFT_P50,
    TTFT_P95,
    TTFT_P99,
)
from runner.state.configuration import ConfigurationState
from runner.state.serving import EngineLog, RequestLog, ServingState
from runner.stats import Sample

# What the same number is called in the report as JSON and in the wordings before 0.18. Before, the latency
# command called output tokens "Total Token Throughput", which later means input and output.
_OTHER_NAMES: dict[Metric, tuple[str, ...]] = {
    REQUEST_LATENCY: ("performance.avg_request_latency_ms",),
    REQUEST_P50: ("performance.request_latency_percentiles_ms.p50",),
    REQUEST_P95: ("performance.request_latency_percentiles_ms.p95",),
    REQUEST_P99: ("performance.request_latency_percentiles_ms.p99",),
    REQUEST_MIN: ("performance.request_latency_percentiles_ms.minimum",),
    REQUEST_MAX: ("performance.request_latency_percentiles_ms.maximum",),
    TTFT: ("Average time-to-first-token (ms)", "streaming_metrics.avg_ttft_ms"),
    TTFT_P50: ("streaming_metrics.ttft_percentiles.p50",),
    TTFT_P95: ("streaming_metrics.ttft_percentiles.p95",),
    TTFT_P99: ("streaming_metrics.ttft_percentiles.p99",),
    INTER_TOKEN: ("Average inter-token latency (ms)", "streaming_metrics.avg_tpot_ms"),
    INTER_TOKEN_P50: ("streaming_metrics.tpot_percentiles.p50",),
    INTER_TOKEN_P95: ("streaming_metrics.tpot_percentiles.p95",),
    INTER_TOKEN_P99: ("streaming_metrics.tpot_percentiles.p99",),
    OUTPUT_TOKENS_PER_SEC: (
        "Token Throughput (tokens/sec)",
        "THROUGHPUT OVERVIEW: Total Token Throughput (tokens/sec)",
        "performance.system_output_throughput_tok_s",
    ),
    OUTPUT_TOKENS_PER_SEC_GPU: ("performance.output_throughput_per_gpu_tok_s",),
    TOTAL_TOKENS_PER_SEC: ("performance.system_total_throughput_tok_s",),
    REQUESTS_PER_SEC: (
        "THROUGHPUT OVERVIEW: Request Throughput (req/sec)",
        "performance.request_throughput_req_s",
    ),
    PER_USER: ("performance.output_throughput_per_user_tok_s",),
    REQUESTS: ("request_info.num_requests",),
    MEAN_CONCURRENCY: ("request_info.avg_num_concurrent_requests",),
    MEAN_INPUT: ("request_info.avg_input_length",),
    MEAN_OUTPUT: ("request_info.avg_output_length",),
    DURATION: ("performance.total_latency_ms",),
}
_AS_REPORTED = "as trtllm-bench reports it: there is no request file"
_NOT_STREAMED = "tokens were not streamed"


def reported(metric: Metric, result: dict[str, str]) -> str:
    """What the tool itself states for a metric, as it wrote it; empty when it does not."""
    names = (metric.upstream_key, *_OTHER_NAMES.get(metric, ()))
    return next((result[name] for name in names if name in result), "")


def serving_values(configuration: ConfigurationState, ranks: int) -> list[Value]:
    """The table of one benchmark of requests in flight, in the order of `SERVING`."""
    serving, result = configuration.serving, configuration.result or {}
    assert serving is not None
    computed = _reported(result, ranks) | _requests(serving.requests, ranks) | _engine(serving.engine)
    rows = []
    for metric in SERVING:
        value, n, note = computed.get(metric, (None, 0, ""))
        rows.append(Value(metric, value, n, reported(metric, result), note))
    return rows


def _reported(result: dict[str, str], ranks: int) -> Computed:
    """What the report says; nan and a time to first token of a run that did not stream are no numbers."""
    count = as_number(reported(REQUESTS, result))
    table: Computed = {}
    for metric in SERVING:
        value = as_number(reported(metric, result))
        if value and value == value:
            table[metric] = (value, round(count), _AS_REPORTED)
    tokens = table.get(OUTPUT_TOKENS_PER_SEC)
    if tokens is not None and tokens[0] is not None and OUTPUT_TOKENS_PER_SEC_GPU not in table:
        table[OUTPUT_TOKENS_PER_SEC_GPU] = (tokens[0] / max(1, ranks), tokens[1], "from the reported total")
    return table


def _requests(log: RequestLog, ranks: int) -> Computed:
    n, seconds = log.latency.n, log.seconds
    if not n or seconds <= 0:
        return {}
    latency = log.latency
    table: Computed = {
        REQUEST_LATENCY: (latency.mean, n, ""),
        REQUEST_MIN: (latency.minimum, n, ""),
        REQUEST_MAX: (latency.maximum, n, ""),
        OUTPUT_TOKENS_PER_SEC: (log.output_tokens / seconds, n, ""),
        OUTPUT_TOKENS_PER_SEC_GPU: (log.output_tokens / seconds / max(1, ranks), n, ""),
        TOTAL_TOKENS_PER_SEC: ((log.input_tokens + log.output_tokens) / seconds, n, ""),
        REQUESTS_PER_SEC: (n / seconds, n, ""),
        PER_USER: (log.per_user.mean, n, ""),
        REQUESTS: (n, n, ""),
        DURATION: (seconds * 1000, n, ""),
        MEAN_INPUT: (log.input_tokens / n, n, ""),
        MEAN_OUTPUT: (log.output_tokens / n, n, ""),
        MEAN_CONCURRENCY: (latency.total / 1000 / seconds, n, ""),
    }
    table |= dict(_percentiles(latency, (REQUEST_P50, REQUEST_P95, REQUEST_P99)))
    for sample, mean, percentiles in (
        (log.ttft, TTFT, (TTFT_P50, TTFT_P95, TTFT_P99)),
        (log.per_token, INTER_TOKEN, (INTER_TOKEN_P50, INTER_TOKEN_P95, INTER_TOKEN_P99)),
    ):
        if sample.n:
            table[mean] = (sample.mean, sample.n, "")
            table |= dict(_percentiles(sample, percentiles))
        else:
            table[mean] = (None, 0, _NOT_STREAMED)
            table |= dict.fromkeys(percentiles, (None, 0, ""))
    return table


def _percentiles(
    sample: Sample, metrics: tuple[Metric, Metric, Metric]
) -> Iterator[tuple[Metric, tuple[float | None, int, str]]]:
    approximate = "" if sample.exact else "from a histogram, within 0.05 %"
    for metric, q, needed in zip(metrics, (50, 95, 99), (1, 20, 100), strict=True):
        few = f"needs {needed} requests to mean something" if sample.n < needed else ""
        yield metric, (sample.percentile(q), sample.n, few or approximate)


def _engine(log: EngineLog) -> Computed:
    n = log.latency.n
    if not n:
        return {}
    few = "needs 20 iterations to mean something" if n < 20 else ""
    table: Computed = {
        ENGINE_ITERATION: (log.latency.mean, n, ""),
        ENGINE_ITERATION_P95: (log.latency.percentile(95), n, few),
    }
    if log.tokens.n:
        table[TOKENS_PER_ITERATION] = (log.tokens.mean, log.tokens.n, "")
    if log.active.n:
        table[ACTIVE_REQUESTS] = (log.active.mean, log.active.n, "")
    if log.queued.n:
        table[QUEUED_REQUESTS] = (log.queued.maximum, log.queued.n, "")
    if log.kv_share.n:
        table[KV_CACHE] = (100 * log.kv_share.maximum, log.kv_share.n, "")
    return table


# --- reasons to distrust them -----------------------------------------------------------------------------

TOLERANCE = 0.005
"""Share by which a reported rate may differ from that of the requests: both are of the same times."""


def serving_flags(configuration: ConfigurationState, ranks: int) -> list[str]:
    """Reasons to distrust the numbers of a benchmark of requests in flight, in words."""
    start, serving = configuration.start, configuration.serving
    assert serving is not None
    values = {value.metric: value for value in serving_values(configuration, ranks)}
    found = list(_few(serving, values[REQUESTS].value, start.requests))
    if start.concurrency > 0 and (reached := values[MEAN_CONCURRENCY].value):
        if reached > 1.02 * start.concurrency:
            found.append(f"{reached:.1f} requests ran at a time, though concurrency was {start.concurrency}")
        elif reached < 0.8 * start.concurrency:
            found.append(
                f"only {reached:.1f} requests ran at a time on average, concurrency {start.concurrency} was"
                " asked for: more requests fill it better"
            )
    output = values[MEAN_OUTPUT].value
    if output is not None and start.output_len and output < 0.99 * start.output_len:
        found.append(
            f"requests ended early: {output:.1f} output tokens on average instead of {start.output_len}, as"
            " the model emitted its end token; compare only with runs that do the same"
        )
    for metric in (OUTPUT_TOKENS_PER_SEC, REQUEST_LATENCY, DURATION):
        value = values[metric]
        said = as_number(value.printed)
        if value.value and said and abs(said / value.value - 1) > TOLERANCE:
            found.append(
                f"{metric.title}: trtllm-bench reports {value.printed}, its requests say {value.value:.3f}"
            )
    return found


def _few(serving: ServingState, measured: float | None, asked: int) -> Iterator[str]:
    if measured is None:
        return
    if measured < asked:
        yield f"only {measured:.0f} of {asked} requests were measured"
    if serving.requests.latency.n and measured < 100:
        yield f"p99{' and p95 say' if measured < 20 else ' says'} little: {measured:.0f} requests"


def caveats(engines: set[str]) -> list[str]:
    """What to know before numbers of different engines are put side by side, in sentences.

    Args:
        engines: names of the engines that are compared (`trtllm`, `trtllm-bench`, `torch`).
    """
    found = []
    static = sorted(engines & {"trtllm", "torch"})
    if "trtllm-bench" in engines and static:
        names = " and ".join({"trtllm": "benchmark.py", "torch": "the torch engine"}[name] for name in static)
        found += [
            f"trtllm-bench keeps requests in flight: new ones join while others generate; {names} runs one"
            " batch of fixed size to its end, so its batch size is not a concurrency",
            "output tokens per second (trtllm-bench) divides tokens that were generated by the time from the"
            " first request to the last, ramp-up and waiting included; tokens per second (benchmark.py)"
            " divides the tokens requested of one batch by its mean latency: not the same quantity",
            "request latency (trtllm-bench) is one request's among others; latency (benchmark.py) is a whole"
            " batch's; they are comparable only at batch size 1 and concurrency 1",
            "time to first token (trtllm-bench) is one request's, waiting in the engine for others included;"
            " prefill time (benchmark.py) is a whole batch's latency less its generation time, so it ends"
            " when the first tokens of all of its sequences are there, and setting the batch up counts",
            "inter-token latency and time per output token agree in meaning only while the same number of"
            " sequences is generated at a time and no input is processed in between",
        ]
    if "torch" in engines and engines - {"torch"}:
        found.append(
            "the torch engine is a decoder of ours with random weights in plain PyTorch: it shows what the"
            " hardware does without TensorRT-LLM's kernels, not what TensorRT-LLM could do"
        )
    return found

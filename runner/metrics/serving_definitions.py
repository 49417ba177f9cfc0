"""Metrics of many requests in flight, as trtllm-bench measures them: names, formulas, printed names."""

from __future__ import annotations

from runner.metrics.metric import Metric

_REQUESTS = "every request of trtllm-bench's request file, else its report"
_SENT = "sent is when it goes to the engine: waiting in the engine's queue counts, waiting for one of the"
_SENT += " concurrent places does not"
_MEASURED = "requests that were measured"
_ITERATIONS = "iterations of the engine in which requests were in flight"
_FILED = "From the request file (1.0 and later) where there is one, else as trtllm-bench reports it."
_PERCENTILE = (
    f"{_FILED} Requests that run together are not independent, so a percentile says less than its n."
)
_STREAMED = f"Needs streaming, which latency always does. {_FILED}"
_WHOLE = f"{_FILED} Grows with the number of requests, as filling and draining the engine weigh less."
_LOGGED = (
    "Needs the engine's iteration log (0.16, and from 0.19 on); iterations without a request do not count."
)
_INTERPOLATED = "linear interpolation of the sorted values; printed beside it is sorted[int(n x p)]"
REQUEST_LATENCY = Metric(
    "request_latency_ms", "request latency, mean", "ms", "latency", "lower",
    f"mean over requests of last token - sent; {_SENT}. Requests share the engine, so it is not"
    " benchmark.py's latency of one whole batch", _REQUESTS, "Average request latency (ms)",
    count=_MEASURED, conditions=_FILED,
)  # fmt: skip
REQUEST_P50 = Metric(
    "request_latency_p50_ms", "request latency, p50", "ms", "latency", "lower",
    f"median request latency: {_INTERPOLATED}", _REQUESTS, "[Latency] P50",
    count=_MEASURED, conditions=_PERCENTILE,
)  # fmt: skip
REQUEST_P95 = Metric(
    "request_latency_p95_ms", "request latency, p95", "ms", "latency", "lower",
    f"{_INTERPOLATED}; needs n >= 20", _REQUESTS, "[Latency] P95",
    count=_MEASURED, conditions=_PERCENTILE,
)  # fmt: skip
REQUEST_P99 = Metric(
    "request_latency_p99_ms", "request latency, p99", "ms", "latency", "lower",
    f"{_INTERPOLATED}; needs n >= 100", _REQUESTS, "[Latency] P99",
    count=_MEASURED, conditions=_PERCENTILE,
)  # fmt: skip
REQUEST_MIN = Metric(
    "request_latency_min_ms", "request latency, minimum", "ms", "latency", "lower",
    "smallest of all requests", _REQUESTS, "[Latency] MINIMUM",
    count=_MEASURED, conditions=_FILED,
)  # fmt: skip
REQUEST_MAX = Metric(
    "request_latency_max_ms", "request latency, maximum", "ms", "latency", "lower",
    "largest of all requests", _REQUESTS, "[Latency] MAXIMUM",
    count=_MEASURED, conditions=_FILED,
)  # fmt: skip
TTFT = Metric(
    "ttft_ms", "time to first token, mean", "ms", "latency", "lower",
    "mean over requests of first token - sent; only when tokens are streamed. Other requests run meanwhile,"
    " so it is not benchmark.py's prefill time of one batch",
    _REQUESTS, "Average time-to-first-token [TTFT] (ms)",
    count=_MEASURED, conditions=_STREAMED,
)  # fmt: skip
TTFT_P50 = Metric(
    "ttft_p50_ms", "time to first token, p50", "ms", "latency", "lower", f"median: {_INTERPOLATED}",
    _REQUESTS, "[TTFT] P50",
    count=_MEASURED, conditions=_STREAMED,
)  # fmt: skip
TTFT_P95 = Metric(
    "ttft_p95_ms", "time to first token, p95", "ms", "latency", "lower", f"{_INTERPOLATED}; needs n >= 20",
    _REQUESTS, "[TTFT] P95",
    count=_MEASURED, conditions=_STREAMED,
)  # fmt: skip
TTFT_P99 = Metric(
    "ttft_p99_ms", "time to first token, p99", "ms", "latency", "lower", f"{_INTERPOLATED}; needs n >= 100",
    _REQUESTS, "[TTFT] P99",
    count=_MEASURED, conditions=_STREAMED,
)  # fmt: skip
INTER_TOKEN = Metric(
    "inter_token_latency_ms", "inter-token latency, mean", "ms", "generation", "lower",
    "mean over requests of (last token - first token) / (output tokens - 1), in flight with others:"
    " benchmark.py's time per output token is of a batch of fixed size that is alone on the engine",
    _REQUESTS, "Average time-per-output-token [TPOT] (ms)",
    count=_MEASURED, conditions=_STREAMED,
)  # fmt: skip
INTER_TOKEN_P50 = Metric(
    "inter_token_latency_p50_ms", "inter-token latency, p50", "ms", "generation", "lower",
    f"median of the requests' means: {_INTERPOLATED}", _REQUESTS, "[TPOT] P50",
    count=_MEASURED, conditions=_STREAMED,
)  # fmt: skip
INTER_TOKEN_P95 = Metric(
    "inter_token_latency_p95_ms", "inter-token latency, p95", "ms", "generation", "lower",
    f"of the requests' means: {_INTERPOLATED}; needs n >= 20", _REQUESTS, "[TPOT] P95",
    count=_MEASURED, conditions=_STREAMED,
)  # fmt: skip
INTER_TOKEN_P99 = Metric(
    "inter_token_latency_p99_ms", "inter-token latency, p99", "ms", "generation", "lower",
    f"of the requests' means: {_INTERPOLATED}; needs n >= 100", _REQUESTS, "[TPOT] P99",
    count=_MEASURED, conditions=_STREAMED,
)  # fmt: skip
OUTPUT_TOKENS_PER_SEC = Metric(
    "output_tokens_per_sec", "output tokens per second", "tokens/s", "throughput", "higher",
    "output tokens of all requests / (last request's end - first one's start), all GPUs together: tokens that"
    " were really generated, filling and draining the engine included. benchmark.py's tokens per second is"
    " the requested tokens of one batch / its mean latency",
    _REQUESTS, "Total Output Throughput (tokens/sec)", digits=2,
    count=_MEASURED, conditions=_WHOLE,
)  # fmt: skip
OUTPUT_TOKENS_PER_SEC_GPU = Metric(
    "output_tokens_per_sec_per_gpu", "output per GPU", "tokens/s", "throughput", "higher",
    "output tokens per second / number of ranks", _REQUESTS, "Per GPU Output Throughput (tps/gpu)", digits=2,
    count=_MEASURED, conditions=_WHOLE,
)  # fmt: skip
TOTAL_TOKENS_PER_SEC = Metric(
    "total_tokens_per_sec", "input and output tokens", "tokens/s", "throughput", "higher",
    "(input + output tokens of all requests) / (last request's end - first one's start)",
    _REQUESTS, "Total Token Throughput (tokens/sec)", digits=2,
    count=_MEASURED, conditions=_WHOLE,
)  # fmt: skip
REQUESTS_PER_SEC = Metric(
    "requests_per_sec", "requests per second", "1/s", "throughput", "higher",
    "number of requests / (last request's end - first one's start)",
    _REQUESTS, "Request Throughput (req/sec)",
    count=_MEASURED, conditions=_WHOLE,
)  # fmt: skip
PER_USER = Metric(
    "output_tokens_per_sec_per_user", "output per user", "tokens/s", "throughput", "higher",
    "mean over requests of output tokens / request latency: what one user sees, first token included",
    _REQUESTS, "Per User Output Throughput [w/ ctx] (tps/user)", digits=2,
    count=_MEASURED, conditions=_WHOLE,
)  # fmt: skip
ENGINE_ITERATION = Metric(
    "engine_iteration_ms", "engine iteration, mean", "ms", "generation", "lower",
    "mean of iterLatencyMS: one step of the engine over all requests in flight, inputs and outputs together;"
    " not benchmark.py's iteration, which is a whole call", "the engine's iteration log",
    count=_ITERATIONS, conditions=_LOGGED,
)  # fmt: skip
ENGINE_ITERATION_P95 = Metric(
    "engine_iteration_p95_ms", "engine iteration, p95", "ms", "generation", "lower",
    "linear interpolation at position (n - 1) x 0.95; needs n >= 20", "the engine's iteration log",
    count=_ITERATIONS, conditions=_LOGGED,
)  # fmt: skip
TOKENS_PER_ITERATION = Metric(
    "tokens_per_iteration", "tokens per engine iteration", "tokens", "generation", "higher",
    "mean of input tokens processed + tokens generated in one step", "the engine's iteration log", digits=1,
    count=_ITERATIONS, conditions=_LOGGED,
)  # fmt: skip
ACTIVE_REQUESTS = Metric(
    "active_requests", "requests in flight, mean", "", "sample", "neither",
    "mean over the engine's iterations", "the engine's iteration log", digits=1,
    count=_ITERATIONS, conditions=_LOGGED,
)  # fmt: skip
QUEUED_REQUESTS = Metric(
    "queued_requests_peak", "requests queued, most", "", "sample", "neither",
    "most requests that waited in the engine in any iteration", "the engine's iteration log", digits=0,
    count=_ITERATIONS, conditions=_LOGGED,
)  # fmt: skip
KV_CACHE = Metric(
    "kv_cache_peak_percent", "KV cache used, peak", "%", "memory", "neither",
    "most blocks of the KV cache in use in any iteration / all its blocks", "the engine's iteration log",
    digits=1,
    count=_ITERATIONS, conditions=_LOGGED,
)  # fmt: skip
REQUESTS = Metric(
    "requests", "requests", "", "sample", "neither", "how many were measured; warm-up requests are not among"
    " them", _REQUESTS, "Number of requests", digits=0,
    count=_MEASURED, conditions=_FILED,
)  # fmt: skip
MEAN_CONCURRENCY = Metric(
    "mean_concurrency", "requests at a time, mean", "", "sample", "neither",
    "sum of request latencies / (last request's end - first one's start)",
    _REQUESTS, "Number of concurrent requests", digits=1,
    count=_MEASURED, conditions=_FILED,
)  # fmt: skip
MEAN_INPUT = Metric(
    "mean_input_tokens", "input tokens per request", "tokens", "sample", "neither", "mean over requests",
    _REQUESTS, "Average Input Length (tokens)", digits=1,
    count=_MEASURED, conditions=_FILED,
)  # fmt: skip
MEAN_OUTPUT = Metric(
    "mean_output_tokens", "output tokens per request", "tokens", "sample", "neither",
    "mean over requests of the tokens that were generated", _REQUESTS, "Average Output Length (tokens)",
    digits=1,
    count=_MEASURED, conditions=_FILED,
)  # fmt: skip
DURATION = Metric(
    "total_latency_ms", "time for all requests", "ms", "sample", "neither",
    "last request's end - first one's start", _REQUESTS, "Total Latency (ms)",
    count=_MEASURED, conditions=_WHOLE,
)  # fmt: skip
SERVING = (
    REQUEST_LATENCY, REQUEST_P50, REQUEST_P95, REQUEST_P99, REQUEST_MIN, REQUEST_MAX,
    TTFT, TTFT_P50, TTFT_P95, TTFT_P99,
    OUTPUT_TOKENS_PER_SEC, OUTPUT_TOKENS_PER_SEC_GPU, TOTAL_TOKENS_PER_SEC, REQUESTS_PER_SEC, PER_USER,
    INTER_TOKEN, INTER_TOKEN_P50, INTER_TOKEN_P95, INTER_TOKEN_P99,
    ENGINE_ITERATION, ENGINE_ITERATION_P95, TOKENS_PER_ITERATION,
    KV_CACHE, REQUESTS, DURATION, MEAN_INPUT, MEAN_OUTPUT, MEAN_CONCURRENCY, ACTIVE_REQUESTS, QUEUED_REQUESTS,
)  # fmt: skip
"""Metrics of many requests in flight (trtllm-bench); none of them means what one of benchmark.py's does."""

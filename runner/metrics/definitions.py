"""Every metric of the final table: name, unit, direction, formula, source, and when it must not be shown.

The one definition behind the table, the `?` help and the documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runner.state import ConfigurationState

Group = Literal["latency", "throughput", "generation", "memory", "gpu", "sample"]


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    title: str
    unit: str
    group: Group
    better: Literal["lower", "higher", "neither"]
    formula: str
    source: str
    upstream_key: str = ""
    """key of the engine's printed line that states the same quantity"""
    digits: int = 3


@dataclass(frozen=True, slots=True)
class Value:
    """A metric of one configuration: a number, or the reason why there is none."""

    metric: Metric
    value: float | None
    n: int
    printed: str = ""
    """what the engine itself printed, verbatim"""
    note: str = ""


_ITERATIONS = "timed iterations of rank 0, as the measured program timed them"

ITERATIONS = Metric(
    "iterations", "timed iterations", "", "sample", "neither",
    "number of timed calls of the whole batch", _ITERATIONS, digits=0,
)  # fmt: skip
WARM_UP = Metric(
    "warm_up", "warm-up iterations", "", "sample", "neither",
    "calls before timing starts; in no other number of this table", "records of rank 0", digits=0,
)  # fmt: skip
LATENCY = Metric(
    "latency_ms", "latency, mean", "ms", "latency", "lower",
    "sum of latencies / number of timed iterations", _ITERATIONS, "latency(ms)",
)  # fmt: skip
DEVIATION = Metric(
    "latency_sd_ms", "standard deviation", "ms", "latency", "lower",
    "square root of sum((latency - mean)^2) / (n - 1)", _ITERATIONS,
)  # fmt: skip
MINIMUM = Metric("latency_min_ms", "minimum", "ms", "latency", "lower", "smallest latency", _ITERATIONS)
MAXIMUM = Metric("latency_max_ms", "maximum", "ms", "latency", "lower", "largest latency", _ITERATIONS)
P50 = Metric(
    "latency_p50_ms", "p50", "ms", "latency", "lower",
    "median: linear interpolation at position (n - 1) x 0.50 of the sorted latencies", _ITERATIONS,
)  # fmt: skip
P95 = Metric(
    "latency_p95_ms", "p95", "ms", "latency", "lower",
    "linear interpolation at position (n - 1) x 0.95 of the sorted latencies; needs n >= 20", _ITERATIONS,
)  # fmt: skip
P99 = Metric(
    "latency_p99_ms", "p99", "ms", "latency", "lower",
    "linear interpolation at position (n - 1) x 0.99 of the sorted latencies; needs n >= 100", _ITERATIONS,
)  # fmt: skip
UPSTREAM_P95 = Metric(
    "percentile95_ms", "percentile95, upstream's", "ms", "latency", "lower",
    "sorted[int(n x 0.95)], as benchmark.py computes it: one rank high, the maximum for n <= 20",
    _ITERATIONS, "percentile95(ms)",
)  # fmt: skip
UPSTREAM_P99 = Metric(
    "percentile99_ms", "percentile99, upstream's", "ms", "latency", "lower",
    "sorted[int(n x 0.99)], as benchmark.py computes it: one rank high, the maximum for n <= 100",
    _ITERATIONS, "percentile99(ms)",
)  # fmt: skip
TOKENS_PER_SEC = Metric(
    "tokens_per_sec", "tokens per second", "tokens/s", "throughput", "higher",
    "batch size x requested output length / mean latency: prefill included, all ranks together",
    "requested lengths and latency", "tokens_per_sec", digits=2,
)  # fmt: skip
TOKENS_PER_SEC_RANK = Metric(
    "tokens_per_sec_per_rank", "tokens per second and rank", "tokens/s", "throughput", "higher",
    "tokens per second / number of ranks", "requested lengths and latency", digits=2,
)  # fmt: skip
GENERATION_TIME = Metric(
    "generation_time_ms", "generation time, mean", "ms", "generation", "lower",
    "mean time from the first token to the last", _ITERATIONS, "generation_time(ms)",
)  # fmt: skip
PREFILL_TIME = Metric(
    "prefill_time_ms", "prefill time, mean", "ms", "generation", "lower",
    "mean latency - mean generation time: set-up, prefill and the first token", _ITERATIONS,
)  # fmt: skip
TIME_PER_OUTPUT_TOKEN = Metric(
    "time_per_output_token_ms", "time per output token", "ms", "generation", "lower",
    "mean generation time / decode steps after the first token", _ITERATIONS,
)  # fmt: skip
GENERATED_TOKENS = Metric(
    "total_generated_tokens", "generated tokens per iteration", "tokens", "generation", "neither",
    "mean decode steps x batch size x beams; the first token of a sequence comes from prefill and is not"
    " counted, so 16 x 1024 requested tokens are 16 x 1023 = 16368 here",
    "decode steps counted by the program", "total_generated_tokens", digits=1,
)  # fmt: skip
GENERATION_TOKENS_PER_SEC = Metric(
    "generation_tokens_per_second", "generation tokens per second", "tokens/s", "throughput", "higher",
    "generated tokens per iteration / mean generation time: prefill excluded, all ranks together",
    _ITERATIONS, "generation_tokens_per_second",
)  # fmt: skip
PEAK_MEMORY = Metric(
    "gpu_peak_mem_gb", "GPU memory, peak", "GB", "memory", "lower",
    "as the engine printed it; its 0.0 means that it was not measured", "the engine", "gpu_peak_mem(gb)",
)  # fmt: skip

_SAMPLES = "NVML, samples of the measured phase"
GPU_MEMORY = Metric(
    "gpu_memory_sampled_gib", "GPU memory, sampled peak", "GiB", "gpu", "lower",
    "most memory in use in any sample, of the GPU that used most; a peak between two samples is not seen;"
    " what the driver reserves is apart", _SAMPLES, digits=1,
)  # fmt: skip
GPU_POWER = Metric(
    "gpu_power_mean_w", "GPU power, mean", "W", "gpu", "lower",
    "mean of the samples, summed over the GPUs of the ranks", _SAMPLES, digits=1,
)  # fmt: skip
GPU_POWER_PEAK = Metric(
    "gpu_power_peak_w", "GPU power, peak of one GPU", "W", "gpu", "neither",
    "largest sample of any of the GPUs", _SAMPLES, digits=1,
)  # fmt: skip
GPU_ENERGY = Metric(
    "gpu_energy_j", "total energy", "J", "gpu", "lower",
    "energy counters at the end of the measured phase - at its begin, summed over the GPUs of the ranks; the"
    " error is (0.1 s + distance to the nearest reading) x mean power at each end",
    "NVML, energy counter", digits=0,
)  # fmt: skip
JOULES_PER_TOKEN = Metric(
    "joules_per_token", "energy per generated token", "J", "gpu", "lower",
    "total energy / (timed iterations x batch size x requested output length)", "NVML, energy counter",
)  # fmt: skip
TOKENS_PER_SEC_PER_W = Metric(
    "tokens_per_sec_per_w", "tokens per second and watt", "tokens/s/W", "gpu", "higher",
    "tokens per second / (total energy / duration of the measured phase); tps/W in TensorRT-LLM's report",
    "NVML, energy counter",
)  # fmt: skip
GPU_THROTTLED = Metric(
    "gpu_throttled_percent", "time throttled", "%", "gpu", "lower",
    "time in which clocks were held down for one reason / duration, of the GPU and reason with most of it;"
    " the power cap alone is usual at full load",
    "NVML, cumulative counters, else share of samples", digits=1,
)  # fmt: skip
GPU_CLOCK = Metric(
    "gpu_sm_clock_mhz", "SM clock, mean", "MHz", "gpu", "higher", "mean of the samples and GPUs", _SAMPLES,
    digits=0,
)  # fmt: skip
GPU_BUSY = Metric(
    "gpu_busy_percent", "GPU busy", "%", "gpu", "neither",
    "time in which at least one kernel ran, however small: not how well the GPU was used", _SAMPLES, digits=1,
)  # fmt: skip
GPU_SM_ACTIVE = Metric(
    "gpu_sm_active_percent", "multiprocessors active", "%", "gpu", "neither",
    "share of time and multiprocessors with work: what busy hides", "NVML GPM, samples", digits=1,
)  # fmt: skip
GPU_TENSOR_ACTIVE = Metric(
    "gpu_tensor_active_percent", "tensor cores active", "%", "gpu", "neither",
    "share of time in which a tensor pipe had work", "NVML GPM, samples", digits=1,
)  # fmt: skip
GPU_DRAM_ACTIVE = Metric(
    "gpu_dram_active_percent", "memory bandwidth used, measured", "%", "gpu", "neither",
    "share of peak DRAM bandwidth that was in use", "NVML GPM, samples", digits=1,
)  # fmt: skip
GPU = (
    GPU_MEMORY, GPU_POWER, GPU_POWER_PEAK, GPU_ENERGY, JOULES_PER_TOKEN, TOKENS_PER_SEC_PER_W,
    GPU_THROTTLED, GPU_CLOCK, GPU_BUSY, GPU_SM_ACTIVE, GPU_TENSOR_ACTIVE, GPU_DRAM_ACTIVE,
)  # fmt: skip
"""Metrics of the GPUs that the ranks computed on; `runner.telemetry.measured` computes them."""

ALL = (
    LATENCY, P50, P95, P99, DEVIATION, MINIMUM, MAXIMUM, UPSTREAM_P95, UPSTREAM_P99,
    TOKENS_PER_SEC, TOKENS_PER_SEC_RANK, GENERATION_TOKENS_PER_SEC,
    GENERATION_TIME, PREFILL_TIME, TIME_PER_OUTPUT_TOKEN, GENERATED_TOKENS,
    PEAK_MEMORY, *GPU, ITERATIONS, WARM_UP,
)  # fmt: skip
BY_NAME = {metric.name: metric for metric in ALL}


def values(configuration: ConfigurationState, ranks: int, gpus: Computed | None = None) -> list[Value]:
    """The table of one configuration, in the order of `ALL`.

    Args:
        configuration: what was measured.
        ranks: how many processes measured together.
        gpus: metrics of `GPU` as `runner.telemetry.measured` has them; None: a run without GPU readings.
    """
    computed = _computed(configuration, ranks) | (gpus or {})
    printed = configuration.result or {}
    latency = configuration.latency
    rows = []
    for metric in ALL:
        if metric in GPU and gpus is None:
            continue
        value, n, note = computed.get(metric, (None, latency.n, ""))
        rows.append(Value(metric, value, n, printed.get(metric.upstream_key, ""), note))
    return rows


Computed = dict[Metric, tuple[float | None, int, str]]


def _computed(configuration: ConfigurationState, ranks: int) -> Computed:
    latency, generation, steps, start = (
        configuration.latency,
        configuration.generation,
        configuration.steps,
        configuration.start,
    )
    n = latency.n
    warmups = len(configuration.warmup)
    table: Computed = {ITERATIONS: (n, n, ""), WARM_UP: (warmups, warmups, "")}
    peak = configuration.result and configuration.result.get("gpu_peak_mem(gb)")
    if peak and _number(peak):
        table[PEAK_MEMORY] = (_number(peak), 1, "")
    elif peak:
        table[PEAK_MEMORY] = (None, 0, "not measured by the engine")
    if n == 0:
        return table | _as_printed(configuration, ranks)
    approximate = "" if latency.exact else "from a histogram, within 0.05 %"
    table |= {
        LATENCY: (latency.mean, n, ""),
        MINIMUM: (latency.minimum, n, ""),
        MAXIMUM: (latency.maximum, n, ""),
        DEVIATION: (latency.deviation, n, "") if n > 1 else (None, n, "needs 2 iterations"),
        P50: (latency.percentile(50), n, approximate),
        P95: (latency.percentile(95), n, approximate or _too_few(n, 20)),
        P99: (latency.percentile(99), n, approximate or _too_few(n, 100)),
        UPSTREAM_P95: (latency.upstream_percentile(95), n, "is the maximum" if n <= 20 else approximate),
        UPSTREAM_P99: (latency.upstream_percentile(99), n, "is the maximum" if n <= 100 else approximate),
    }
    if start.output_len:
        tokens_per_sec = start.batch_size * start.output_len / (latency.mean / 1000)
        table[TOKENS_PER_SEC] = (tokens_per_sec, n, "")
        table[TOKENS_PER_SEC_RANK] = (tokens_per_sec / max(1, ranks), n, "")
    else:
        table[TOKENS_PER_SEC] = (None, 0, _NO_TOKENS)
    if generation.n:
        table[GENERATION_TIME] = (generation.mean, generation.n, "")
        table[PREFILL_TIME] = (latency.mean - generation.mean, generation.n, "")
    if steps.n:
        tokens = steps.mean * start.batch_size * start.num_beams
        table[GENERATED_TOKENS] = (tokens, steps.n, "")
        if generation.n and generation.mean > 0 and steps.mean > 0:
            table[TIME_PER_OUTPUT_TOKEN] = (generation.mean / steps.mean, generation.n, "")
            table[GENERATION_TOKENS_PER_SEC] = (tokens * 1000 / generation.mean, generation.n, "")
        else:
            table[TIME_PER_OUTPUT_TOKEN] = (None, 0, "no token after the first")
            table[GENERATION_TOKENS_PER_SEC] = (None, 0, "no token after the first")
    return table


LOGGED_ITERATIONS = "iterations"
"""Key of a printed result under which an import puts how many timed iterations the log speaks of."""
_NO_TOKENS = "an encoder generates no tokens"
_AS_PRINTED = "as printed: no iterations were observed"
_FROM_PRINTED = "from printed values: no iterations were observed"
_PRINTED = (
    LATENCY, UPSTREAM_P95, UPSTREAM_P99, TOKENS_PER_SEC,
    GENERATION_TIME, GENERATED_TOKENS, GENERATION_TOKENS_PER_SEC,
)  # fmt: skip


def _as_printed(configuration: ConfigurationState, ranks: int) -> Computed:
    """What can be said of a configuration from the engine's printed line alone; nothing about its spread."""
    result, start = configuration.result, configuration.start
    if result is None:
        return {}
    n = int(result.get(LOGGED_ITERATIONS, "0"))
    table: Computed = {ITERATIONS: (n, n, "as logged") if n else (None, 0, "not observed")}
    if not configuration.warmup:
        table[WARM_UP] = (None, 0, "not observed")
    for metric in _PRINTED:
        value = _number(result.get(metric.upstream_key, ""))
        if value:
            table[metric] = (value, n, _AS_PRINTED)
    latency, tokens_per_sec, generation, tokens = (
        table.get(metric, (None, 0, ""))[0]
        for metric in (LATENCY, TOKENS_PER_SEC, GENERATION_TIME, GENERATED_TOKENS)
    )
    if start.output_len == 0:
        table[TOKENS_PER_SEC] = (None, 0, _NO_TOKENS)
    if tokens_per_sec:
        table[TOKENS_PER_SEC_RANK] = (tokens_per_sec / max(1, ranks), n, _FROM_PRINTED)
    if latency and generation:
        table[PREFILL_TIME] = (latency - generation, n, _FROM_PRINTED)
    if generation and tokens:
        steps = tokens / (start.batch_size * start.num_beams)
        table[TIME_PER_OUTPUT_TOKEN] = (generation / steps, n, _FROM_PRINTED)
    return table


def _too_few(n: int, needed: int) -> str:
    return f"needs {needed} iterations to mean something" if n < needed else ""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


# --- flags: reasons to distrust a number -------------------------------------------------------------------


def flags(configuration: ConfigurationState, ranks: int) -> list[str]:
    """Reasons to distrust numbers of one configuration, in words."""
    found = []
    n = configuration.latency.n
    found += _small_sample(n)
    start = configuration.start
    if n == 0 and configuration.result is not None:
        return found + _flags_of_printed(configuration.result, start.output_len, start.batch_size)
    if n and n < start.num_runs:
        found.append(f"only {n} of {start.num_runs} iterations were measured")
    for value in values(configuration, ranks):
        found += _disagreement(value, configuration.latency.mean)
    expected = start.output_len - 1
    steps = configuration.steps
    if steps.n and round(steps.mean, 6) < expected:
        found.append(
            f"stopped early: {steps.mean:g} decode steps instead of {expected}, so tokens per second,"
            " which count the requested tokens, are overstated"
        )
    return found


def _small_sample(n: int) -> list[str]:
    if 0 < n < 20:
        return [f"p95 and p99 say little: {n} iterations; upstream's percentile95 and 99 are the maximum"]
    return [f"p99 says little: {n} iterations"] if 0 < n < 100 else []


def _flags_of_printed(result: dict[str, str], output_len: int, batch_size: int) -> list[str]:
    found = []
    n = int(result.get(LOGGED_ITERATIONS, "0"))
    if n:
        found += _small_sample(n)
    elif (p95 := result.get(UPSTREAM_P95.upstream_key)) and p95 == result.get(UPSTREAM_P99.upstream_key):
        found.append(
            f"percentile95 = percentile99 = {p95}: upstream prints the maximum for both up to 20 iterations;"
            " how many there were is not known here"
        )
    tokens, expected = _number(result.get(GENERATED_TOKENS.upstream_key, "")), (output_len - 1) * batch_size
    if 0 < tokens < expected:
        found.append(
            f"stopped early: {tokens:g} generated tokens instead of {expected}, so tokens per second, which"
            " count the requested tokens, are overstated"
        )
    return found


def _disagreement(value: Value, latency_ms: float) -> list[str]:
    """Upstream's printed number against ours, beyond the rounding of what was printed."""
    if value.value is None or not value.printed or value.metric is PEAK_MEMORY:
        return []
    try:
        printed = float(value.printed)
    except ValueError:
        return [f"{value.metric.title}: the engine printed {value.printed!r}, which is not a number"]
    decimals = len(value.printed.partition(".")[2])
    # Upstream derives rates from times that it already rounded to 0.001 ms, so rates can be off by that.
    tolerance = 0.51 * 10**-decimals + abs(value.value) * 0.001 / latency_ms
    if abs(printed - value.value) <= tolerance:
        return []
    return [f"{value.metric.title}: the engine printed {value.printed}, the iterations say {value.value:.3f}"]

"""Every metric of the final table: name, unit, direction, formula, source, what n counts, and conditions.

The one text behind the table, the `?` help, `trtbench-tui help metrics`, reports and `METRICS.md`.
"""

from __future__ import annotations

from runner.metrics.metric import Metric as Metric
from runner.metrics.serving_definitions import SERVING

_ITERATIONS = "timed iterations of rank 0, as the measured program timed them"
_TIMED = "timed iterations"
_READINGS = "readings of the GPUs while iterations were measured"

ITERATIONS = Metric(
    "iterations", "timed iterations", "", "sample", "neither",
    "number of timed calls of the whole batch", _ITERATIONS, digits=0,
    count=_TIMED,
    conditions="As logged, where a result was imported without its iterations.",
)  # fmt: skip
WARM_UP = Metric(
    "warm_up", "warm-up iterations", "", "sample", "neither",
    "calls before timing starts; in no other number of this table", "records of rank 0", digits=0,
    count="warm-up iterations",
    conditions="The engine decides how many; see the warm-up effect for whether they were enough.",
)  # fmt: skip
LATENCY = Metric(
    "latency_ms", "latency, mean", "ms", "latency", "lower",
    "sum of latencies / number of timed iterations", _ITERATIONS, "latency(ms)",
    count=_TIMED,
    conditions="The whole call: set-up, prefill and generation. Its interval speaks of this run alone, not"
    " of how another run of the same would come out.",
)  # fmt: skip
DEVIATION = Metric(
    "latency_sd_ms", "standard deviation", "ms", "latency", "lower",
    "square root of sum((latency - mean)^2) / (n - 1)", _ITERATIONS,
    count=_TIMED,
    conditions="Needs two iterations. Correlated iterations are less independent than it suggests.",
)  # fmt: skip
MINIMUM = Metric(
    "latency_min_ms", "minimum", "ms", "latency", "lower", "smallest latency", _ITERATIONS,
    count=_TIMED,
    conditions="One value; grows more extreme with more iterations.",
)  # fmt: skip
MAXIMUM = Metric(
    "latency_max_ms", "maximum", "ms", "latency", "lower", "largest latency", _ITERATIONS,
    count=_TIMED,
    conditions="One value; grows more extreme with more iterations.",
)  # fmt: skip
VARIATION = Metric(
    "latency_cv_percent", "coefficient of variation", "%", "latency", "lower",
    "standard deviation / mean latency", _ITERATIONS, digits=2,
    count=_TIMED,
    conditions="Needs two iterations. How far single iterations scatter, not how well the mean is known.",
)  # fmt: skip
DRIFT = Metric(
    "latency_drift_percent", "drift while measured", "%", "sample", "neither",
    "exp(slope of a least-squares line through the logarithms of the means of up to 20 equal parts x length)"
    " - 1: the last latency against the first, on that line",
    _ITERATIONS, digits=2,
    count=_TIMED,
    conditions="Needs 8 iterations. From 1 % on, when its interval excludes 0, the mean depends on how long"
    " one measures, and that is flagged. Iterations of the warm-up effect are not part of it.",
)  # fmt: skip
WARM_UP_EFFECT = Metric(
    "warm_up_effect_percent", "warm-up effect on the mean", "%", "sample", "neither",
    "(mean latency without the first k - mean latency) / mean latency; k is where the rest's mean is known"
    " best (MSER), and 0 unless their median is too far from the rest's to be chance (1 in 10,000)",
    _ITERATIONS, digits=2,
    count=_TIMED,
    conditions="Needs 8 iterations. Nothing is left out of any number: this says what leaving out would do.",
)  # fmt: skip
P50 = Metric(
    "latency_p50_ms", "p50", "ms", "latency", "lower",
    "median: linear interpolation at position (n - 1) x 0.50 of the sorted latencies", _ITERATIONS,
    count=_TIMED,
    conditions="Its interval needs 6 iterations that are worth as many independent ones.",
)  # fmt: skip
P95 = Metric(
    "latency_p95_ms", "p95", "ms", "latency", "lower",
    "linear interpolation at position (n - 1) x 0.95 of the sorted latencies", _ITERATIONS,
    count=_TIMED,
    conditions="Means something from 20 iterations on: below, it lies between the two slowest. Its interval"
    " has an upper bound from 72 independent iterations on.",
)  # fmt: skip
P99 = Metric(
    "latency_p99_ms", "p99", "ms", "latency", "lower",
    "linear interpolation at position (n - 1) x 0.99 of the sorted latencies", _ITERATIONS,
    count=_TIMED,
    conditions="Means something from 100 iterations on: of ten, it is the maximum in all but name. Its"
    " interval has an upper bound from 368 independent iterations on.",
)  # fmt: skip
UPSTREAM_P95 = Metric(
    "percentile95_ms", "percentile95, upstream's", "ms", "latency", "lower",
    "sorted[int(n x 0.95)], as benchmark.py computes it: one rank high, the maximum for n <= 20",
    _ITERATIONS, "percentile95(ms)",
    count=_TIMED,
    conditions="Kept to compare with what benchmark.py prints; it has no interval.",
)  # fmt: skip
UPSTREAM_P99 = Metric(
    "percentile99_ms", "percentile99, upstream's", "ms", "latency", "lower",
    "sorted[int(n x 0.99)], as benchmark.py computes it: one rank high, the maximum for n <= 100",
    _ITERATIONS, "percentile99(ms)",
    count=_TIMED,
    conditions="Kept to compare with what benchmark.py prints; it has no interval.",
)  # fmt: skip
TOKENS_PER_SEC = Metric(
    "tokens_per_sec", "tokens per second", "tokens/s", "throughput", "higher",
    "batch size x requested output length / mean latency: prefill included, all ranks together",
    "requested lengths and latency", "tokens_per_sec", digits=2,
    count=_TIMED,
    conditions="Counts requested tokens: overstated when generation stops early, which is flagged. None for"
    " encoders.",
)  # fmt: skip
TOKENS_PER_SEC_RANK = Metric(
    "tokens_per_sec_per_rank", "tokens per second and rank", "tokens/s", "throughput", "higher",
    "tokens per second / number of ranks", "requested lengths and latency", digits=2,
    count=_TIMED,
    conditions="As tokens per second.",
)  # fmt: skip
GENERATION_TIME = Metric(
    "generation_time_ms", "generation time, mean", "ms", "generation", "lower",
    "mean time from the first token to the last", _ITERATIONS, "generation_time(ms)",
    count=_TIMED,
    conditions="Only where the program reports when the first token came.",
)  # fmt: skip
PREFILL_TIME = Metric(
    "prefill_time_ms", "prefill time, mean", "ms", "generation", "lower",
    "mean latency - mean generation time: set-up, prefill and the first token", _ITERATIONS,
    count=_TIMED,
    conditions="Only where the program reports when the first token came.",
)  # fmt: skip
TIME_PER_OUTPUT_TOKEN = Metric(
    "time_per_output_token_ms", "time per output token", "ms", "generation", "lower",
    "mean generation time / decode steps after the first token", _ITERATIONS,
    count=_TIMED,
    conditions="Needs a token after the first. Prefill is not in it.",
)  # fmt: skip
GENERATED_TOKENS = Metric(
    "total_generated_tokens", "generated tokens per iteration", "tokens", "generation", "neither",
    "mean decode steps x batch size x beams; the first token of a sequence comes from prefill and is not"
    " counted, so 16 x 1024 requested tokens are 16 x 1023 = 16368 here",
    "decode steps counted by the program", "total_generated_tokens", digits=1,
    count=_TIMED,
    conditions="Only where the program counts its decode steps.",
)  # fmt: skip
GENERATION_TOKENS_PER_SEC = Metric(
    "generation_tokens_per_second", "generation tokens per second", "tokens/s", "throughput", "higher",
    "generated tokens per iteration / mean generation time: prefill excluded, all ranks together",
    _ITERATIONS, "generation_tokens_per_second",
    count=_TIMED,
    conditions="Needs a token after the first. Not comparable with tokens per second, which includes"
    " prefill.",
)  # fmt: skip
PEAK_MEMORY = Metric(
    "gpu_peak_mem_gb", "GPU memory, peak", "GB", "memory", "lower",
    "as the engine printed it; its 0.0 means that it was not measured", "the engine", "gpu_peak_mem(gb)",
    count="one value",
    conditions="What it covers is the engine's business: compare it only between runs of one engine version.",
)  # fmt: skip

_SAMPLES = "NVML, samples of the measured phase"
GPU_MEMORY = Metric(
    "gpu_memory_sampled_gib", "GPU memory, sampled peak", "GiB", "gpu", "lower",
    "most memory in use in any sample, of the GPU that used most; a peak between two samples is not seen;"
    " what the driver reserves is apart; of a run on a MIG device that device's own", _SAMPLES, digits=1,
    count=_READINGS,
    conditions="Needs three readings. Engines reserve their cache ahead, so it says little about what was"
    " needed.",
)  # fmt: skip
GPU_POWER = Metric(
    "gpu_power_mean_w", "GPU power, mean", "W", "gpu", "lower",
    "total energy / duration of the measured phase, summed over the GPUs of the ranks; without an energy"
    " counter the mean of the samples",
    "NVML, energy counter, else samples", digits=1,
    count="1, a difference of two counters; without them readings of the GPUs",
    conditions="As total energy. By samples it needs three, and misses what lies between those of a moment.",
)  # fmt: skip
GPU_POWER_PEAK = Metric(
    "gpu_power_peak_w", "GPU power, peak of one GPU", "W", "gpu", "neither",
    "largest sample of any of the GPUs", _SAMPLES, digits=1,
    count=_READINGS,
    conditions="Needs three readings; peaks between two readings are not seen.",
)  # fmt: skip
GPU_ENERGY = Metric(
    "gpu_energy_j", "total energy", "J", "gpu", "lower",
    "energy counters at the end of the measured phase - at its begin, summed over the GPUs of the ranks; the"
    " error is (0.1 s + distance to the nearest reading) x mean power at each end",
    "NVML, energy counter", digits=0,
    count="1, a difference of two counters",
    conditions="Needs an energy counter, a second of measuring, and an error below a quarter of the value.",
)  # fmt: skip
JOULES_PER_TOKEN = Metric(
    "joules_per_token", "energy per generated token", "J", "gpu", "lower",
    "total energy / (timed iterations x batch size x requested output length); of trtllm-bench: / all output"
    " tokens of the measured requests", "NVML, energy counter",
    count="1, a difference of two counters",
    conditions="As total energy. Idle power is in it: it depends on how full the GPU was.",
)  # fmt: skip
TOKENS_PER_SEC_PER_W = Metric(
    "tokens_per_sec_per_w", "tokens per second and watt", "tokens/s/W", "gpu", "higher",
    "tokens per second (of trtllm-bench output tokens per second) / (total energy / duration of the measured"
    " phase); tps/W in TensorRT-LLM's report",
    "NVML, energy counter",
    count="1, a difference of two counters",
    conditions="As total energy.",
)  # fmt: skip
GPU_THROTTLED = Metric(
    "gpu_throttled_percent", "time throttled", "%", "gpu", "lower",
    "time in which clocks were held down for one reason / duration, of the GPU and reason with most of it;"
    " the power cap alone is usual at full load",
    "NVML, cumulative counters, else share of samples", digits=1,
    count=_READINGS,
    conditions="Compare runs only where it is about the same; heat of a run before shows here.",
)  # fmt: skip
GPU_CLOCK = Metric(
    "gpu_sm_clock_mhz", "SM clock, mean", "MHz", "gpu", "higher", "mean of the samples and GPUs", _SAMPLES,
    digits=0,
    count=_READINGS,
    conditions="Needs three readings. Two runs at different clocks do not compare engines.",
)  # fmt: skip
GPU_BUSY = Metric(
    "gpu_busy_percent", "GPU busy", "%", "gpu", "neither",
    "time in which at least one kernel ran, however small: not how well the GPU was used", _SAMPLES, digits=1,
    count=_READINGS,
    conditions="Needs three readings.",
)  # fmt: skip
GPU_SM_ACTIVE = Metric(
    "gpu_sm_active_percent", "multiprocessors active", "%", "gpu", "neither",
    "share of time and multiprocessors with work: what busy hides", "NVML GPM, samples", digits=1,
    count=_READINGS,
    conditions="Needs three readings of a GPU with performance monitoring (Hopper and newer).",
)  # fmt: skip
GPU_TENSOR_ACTIVE = Metric(
    "gpu_tensor_active_percent", "tensor cores active", "%", "gpu", "neither",
    "share of time in which a tensor pipe had work", "NVML GPM, samples", digits=1,
    count=_READINGS,
    conditions="Needs three readings of a GPU with performance monitoring (Hopper and newer).",
)  # fmt: skip
GPU_DRAM_ACTIVE = Metric(
    "gpu_dram_active_percent", "memory bandwidth used, measured", "%", "gpu", "neither",
    "share of peak DRAM bandwidth that was in use while iterations were measured, prefill included",
    "NVML GPM, samples", digits=1,
    count=_READINGS,
    conditions="Needs three readings of a GPU with performance monitoring (Hopper and newer).",
)  # fmt: skip
GPU_DRAM_MODELLED = Metric(
    "gpu_dram_modelled_percent", "memory bandwidth used, modelled", "%", "gpu", "neither",
    "(weight bytes of a rank + batch size x mean tokens so far x KV cache bytes of a token) / time per output"
    " token / (memory bus width x 2 x maximal memory clock): decode steps alone, without prefill; activations"
    " and what is read twice are not in it; not shown where a step's reads do not follow from the model's"
    " shape, as with a mixture of experts",
    "the model's shape, timed iterations of rank 0, NVML", digits=1,
    count=_TIMED,
    conditions="A model, not a measurement: read it beside the measured one.",
)  # fmt: skip
GPU = (
    GPU_MEMORY, GPU_POWER, GPU_POWER_PEAK, GPU_ENERGY, JOULES_PER_TOKEN, TOKENS_PER_SEC_PER_W,
    GPU_THROTTLED, GPU_CLOCK, GPU_BUSY, GPU_SM_ACTIVE, GPU_TENSOR_ACTIVE, GPU_DRAM_ACTIVE,
    GPU_DRAM_MODELLED,
)  # fmt: skip
"""Metrics of the GPUs that the ranks computed on; `runner.metrics.gpu_metrics` computes them."""

ALL = (
    LATENCY, P50, P95, P99, DEVIATION, VARIATION, MINIMUM, MAXIMUM, UPSTREAM_P95, UPSTREAM_P99,
    TOKENS_PER_SEC, TOKENS_PER_SEC_RANK, GENERATION_TOKENS_PER_SEC,
    GENERATION_TIME, PREFILL_TIME, TIME_PER_OUTPUT_TOKEN, GENERATED_TOKENS,
    PEAK_MEMORY, *GPU, ITERATIONS, WARM_UP, WARM_UP_EFFECT, DRIFT,
)  # fmt: skip
BY_NAME = {metric.name: metric for metric in (*ALL, *SERVING)}

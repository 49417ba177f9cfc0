"""The values of one configuration: computed from its iterations, or taken from what the engine printed."""

from __future__ import annotations

from math import isfinite

from runner.metrics.definitions import (
    ALL,
    DEVIATION,
    DRIFT,
    GENERATED_TOKENS,
    GENERATION_TIME,
    GENERATION_TOKENS_PER_SEC,
    GPU,
    ITERATIONS,
    LATENCY,
    MAXIMUM,
    MINIMUM,
    P50,
    P95,
    P99,
    PEAK_MEMORY,
    PREFILL_TIME,
    TIME_PER_OUTPUT_TOKEN,
    TOKENS_PER_SEC,
    TOKENS_PER_SEC_RANK,
    UPSTREAM_P95,
    UPSTREAM_P99,
    VARIATION,
    WARM_UP,
    WARM_UP_EFFECT,
)
from runner.metrics.estimates import estimates
from runner.metrics.metric import Computed, Metric, Value, as_number
from runner.metrics.serving import serving_values
from runner.state.configuration import ConfigurationState
from runner.stats import Sample
from runner.stats.intervals import Interval
from runner.stats.steady_state import FEWEST, course


def values(configuration: ConfigurationState, ranks: int, gpus: Computed | None = None) -> list[Value]:
    """The table of one configuration, in the order of `ALL`.

    Args:
        configuration: what was measured.
        ranks: how many processes measured together.
        gpus: metrics of `GPU` as `runner.metrics.gpu_metrics` has them; None: a run without GPU readings.
    """
    if configuration.serving is not None:
        rows = serving_values(configuration, ranks)
        of_gpus = [(metric, gpus[metric]) for metric in GPU if metric in gpus] if gpus else []
        return rows + [Value(metric, value, n, "", note) for metric, (value, n, note) in of_gpus]
    computed = of_iterations(configuration, ranks) | _of_course(configuration) | (gpus or {})
    printed = configuration.result or {}
    latency = configuration.latency
    bounds = _bounds(configuration, ranks)
    rows = []
    for metric in ALL:
        if metric in GPU and gpus is None:
            continue
        value, n, note = computed.get(metric, (None, latency.n, ""))
        between = bounds.get(metric)
        low, high = (None, None) if between is None or value is None else _finite(between)
        rows.append(Value(metric, value, n, printed.get(metric.upstream_key, ""), note, low, high))
    return rows


def _bounds(configuration: ConfigurationState, ranks: int) -> dict[Metric, Interval]:
    found = {metric: one.interval() for metric, one in estimates(configuration, ranks).items()}
    drift = course(configuration.batches).drift
    if drift is not None:
        found[DRIFT] = Interval(100 * drift.low, 100 * drift.high)
    return found


def _finite(between: Interval) -> tuple[float | None, float | None]:
    low, high = between.low, between.high
    return low if isfinite(low) else None, high if isfinite(high) else None


def of_iterations(configuration: ConfigurationState, ranks: int) -> Computed:
    """What the iterations say by themselves, without intervals and course: cheap enough for every frame."""
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
    if peak and as_number(peak):
        table[PEAK_MEMORY] = (as_number(peak), 1, "")
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
        VARIATION: _variation(latency),
        P50: (latency.percentile(50), n, approximate),
        P95: (latency.percentile(95), n, approximate or _too_few(n, 20)),
        P99: (latency.percentile(99), n, approximate or _too_few(n, 100)),
        UPSTREAM_P95: (latency.upstream_percentile(95), n, "is the maximum" if n <= 20 else approximate),
        UPSTREAM_P99: (latency.upstream_percentile(99), n, "is the maximum" if n <= 100 else approximate),
    }
    if start.output_len and latency.mean <= 0:
        table[TOKENS_PER_SEC] = (None, n, _NO_TIME)
    elif start.output_len:
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
            why = _NO_TIME if generation.n and steps.mean > 0 else "no token after the first"
            table |= dict.fromkeys((TIME_PER_OUTPUT_TOKEN, GENERATION_TOKENS_PER_SEC), (None, 0, why))
    return table


def _variation(latency: Sample) -> tuple[float | None, int, str]:
    if latency.n < 2:
        return None, latency.n, "needs 2 iterations"
    return (
        (100 * latency.deviation / latency.mean, latency.n, "") if latency.mean > 0 else (None, 0, _NO_TIME)
    )


def _of_course(configuration: ConfigurationState) -> Computed:
    n = configuration.latency.n
    if not n:
        return {}
    if n < FEWEST:
        return dict.fromkeys((DRIFT, WARM_UP_EFFECT), (None, n, f"needs {FEWEST} iterations"))
    seen = course(configuration.batches)
    differ = f"the first {seen.first} differ" if seen.first else ""
    drift = (None, n, "") if seen.drift is None else (100 * seen.drift.change, n, "")
    return {DRIFT: drift, WARM_UP_EFFECT: (100 * seen.effect, n, differ)}


LOGGED_ITERATIONS = "iterations"
"""Key of a printed result under which an import puts how many timed iterations the log speaks of."""
_NO_TIME = "no time was measured"
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
        value = as_number(result.get(metric.upstream_key, ""))
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
    """Why a percentile says little: with fewer than `needed` values it lies between the two largest."""
    return f"needs {needed} iterations to mean something: it is nearly the maximum" if n < needed else ""

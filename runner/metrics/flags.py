"""Flags: reasons to doubt a number, as sentences."""

from __future__ import annotations

from runner.metrics.compute import values
from runner.metrics.context import LOGGED_ITERATIONS
from runner.metrics.flag import Effect, Flag, NodeFinding, by_effect, join_nodes
from runner.metrics.latency import UPSTREAM_P95, UPSTREAM_P99
from runner.metrics.memory import PEAK_MEMORY
from runner.metrics.metric import MetricValue, as_number
from runner.metrics.mode_text import two_modes
from runner.metrics.serving_flags import serving_flags
from runner.metrics.throughput import GENERATED_TOKENS, GENERATION_TOKENS_PER_SEC
from runner.state.configuration import ConfigurationState
from runner.state.outliers import STOLEN, WAITING
from runner.stats.autocorrelation import correlation_of
from runner.stats.modes import find_modes
from runner.stats.steady_state import FEWEST, assess_steadiness
from runner.util.bounds import parse_count

WARM_UP_THAT_MATTERS = 0.002
"""Share by which the first iterations must change the mean to be flagged."""

STRONG_CORRELATION, FEW_INDEPENDENT = 0.6, 20
"""Correlation of neighbours that is flagged if the iterations are worth at most so many independent ones."""


def flags(configuration: ConfigurationState, ranks: int) -> list[str]:
    """Return reasons to doubt the numbers of one configuration, those with the largest effect first."""
    return by_effect(_flags(configuration, ranks))


def _flags(configuration: ConfigurationState, ranks: int) -> list[str]:
    short = _short_of_processors(configuration)
    if configuration.serving is not None:
        return serving_flags(configuration, ranks) + short
    found = short
    n = configuration.latency.n
    found += _small_sample(n)
    start = configuration.start
    if n == 0 and configuration.result is not None:
        return found + _flags_of_printed(configuration.result, start.output_len, start.batch_size)
    if n and n < start.num_runs:
        text = f"only {n} of {start.num_runs} iterations were measured"
        found.append(Flag(text, Effect.UNCERTAIN, 1 - n / start.num_runs))
    found += _unsteady(configuration)
    for value in values(configuration, ranks):
        of = configuration.generation if value.metric is GENERATION_TOKENS_PER_SEC else configuration.latency
        found += _disagreement(value, of.mean)
    expected = start.output_len - 1
    steps = configuration.steps
    if steps.n and round(steps.mean, 6) < expected:
        text = (
            f"stopped early: {steps.mean:g} decode steps instead of {expected}, so tokens per second,"
            " which count the requested tokens, are overstated"
        )
        found.append(Flag(text, Effect.WRONG, 1 - steps.mean / expected))
    return found


def _short_of_processors(configuration: ConfigurationState) -> list[str]:
    """Flag processor shortage, from other programs or from more ranks than cores; one for several nodes."""
    stolen, waited = [], []
    for node, load in configuration.slowest.loads.items():
        if load.steal.n and load.steal.mean >= STOLEN:
            text = (
                f"latencies hold a wait: the hypervisor gave {load.steal.mean:.0f} % of the processors to"
                " others"
            )
            stolen.append(NodeFinding(node, text, load.steal.mean / 100))
        elif load.waiting.n and load.waiting.mean >= WAITING:
            text = (
                "CPU overloaded: latencies include scheduling delay; a process of this machine waited for a"
                f" CPU {load.waiting.mean:.0f} % of the time"
            )
            waited.append(NodeFinding(node, text, load.waiting.mean / 100))
    joined = [join_nodes(found) for found in (stolen, waited) if found]
    return [Flag(one.text, Effect.DISTORTED, one.share) for one in joined]


def _small_sample(n: int) -> list[str]:
    if 0 < n < 20:
        count = "1 iteration" if n == 1 else f"{n} iterations"
        text = f"p95 and p99 say little: {count}; upstream's percentile95 and 99 are the maximum"
        return [Flag(text, Effect.UNCERTAIN)]
    return [Flag(f"p99 says little: {n} iterations", Effect.UNCERTAIN)] if 0 < n < 100 else []


def _unsteady(configuration: ConfigurationState) -> list[str]:
    seen = assess_steadiness(configuration.batches)
    if seen.n < FEWEST:
        return []
    if seen.change:
        return [Flag(seen.sentence, Effect.DISTORTED, seen.change)]  # a step has two modes, too
    found = _correlated(configuration) if seen.verdict == "STEADY" and not seen.first else []
    if seen.verdict != "STEADY" or abs(seen.effect) >= WARM_UP_THAT_MATTERS:
        found.append(Flag(seen.sentence, Effect.UNCERTAIN, seen.effect))
    modes = find_modes(configuration.latency)
    if modes is not None:
        found.append(Flag(two_modes(modes), Effect.UNCERTAIN, modes.high.median / modes.low.median - 1))
    return found


def _correlated(configuration: ConfigurationState) -> list[str]:
    """Flag strong correlation: few iterations then say much less about the mean than they seem to."""
    means = configuration.batches.means
    found = correlation_of(means)
    if not found.certain or found.lag_one < STRONG_CORRELATION or found.worth > FEW_INDEPENDENT:
        return []
    text = (
        f"neighbouring iterations are correlated by {found.lag_one:.2f}: {configuration.latency.n} iterations"
        f" say as much about the mean as {found.worth:.1f} independent ones"
    )
    return [Flag(text, Effect.UNCERTAIN, 1 - found.worth / len(means))]


def _flags_of_printed(result: dict[str, str], output_len: int, batch_size: int) -> list[str]:
    found = []
    n = parse_count(result.get(LOGGED_ITERATIONS, "")) or 0
    if n:
        found += _small_sample(n)
    elif (p95 := result.get(UPSTREAM_P95.upstream_key)) and p95 == result.get(UPSTREAM_P99.upstream_key):
        text = (
            f"percentile95 = percentile99 = {p95}: upstream prints the maximum for both up to 20 iterations;"
            " how many there were is not known here"
        )
        found.append(Flag(text, Effect.UNCERTAIN))
    tokens, expected = as_number(result.get(GENERATED_TOKENS.upstream_key, "")), (output_len - 1) * batch_size
    if 0 < tokens < expected:
        text = (
            f"stopped early: {tokens:g} tokens after the first instead of {expected}, so tokens per second,"
            " which count the requested tokens, are overstated"
        )
        found.append(Flag(text, Effect.WRONG, 1 - tokens / expected))
    return found


def _disagreement(value: MetricValue, time_ms: float) -> list[str]:
    """Flag a printed number that differs from the computed one by more than the rounding.

    Args:
        time_ms: the time that a rate is derived from, milliseconds.
    """
    if value.value is None or not value.printed or value.metric is PEAK_MEMORY:
        return []
    try:
        printed = float(value.printed)
    except ValueError:
        text = f"{value.metric.title}: reported by the engine: {value.printed!r}, which is not a number"
        return [Flag(text, Effect.WRONG)]
    decimals = len(value.printed.partition(".")[2])
    # Upstream derives rates from times that it already rounded to 0.001 ms, so rates can be off by that.
    of_time = abs(value.value) * 0.001 / time_ms if time_ms > 0 else 0.0
    tolerance = 0.51 * 10**-decimals + of_time
    if abs(printed - value.value) <= tolerance:
        return []
    told = f"reported by the engine {value.printed}, by the iterations {value.value:.3f}"
    text = f"{value.metric.title}: {told}"
    return [Flag(text, Effect.WRONG, printed / value.value - 1 if value.value else 0.99)]

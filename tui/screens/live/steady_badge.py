"""When the badge of steadiness is shown, and what it says. The statistics are in `runner.stats.steady_state`.

A verdict in green needs enough iterations, a spread that lets a trend be seen, and a machine without
problems. Without these the badge gives the facts: the number of iterations and their spread.
"""

from __future__ import annotations

import math

from runner.state.configuration import ConfigurationState
from runner.stats.modes import find_modes
from runner.stats.steady_state import FEWEST, Steadiness, assess_steadiness, watch_steadiness
from tui.screens.live.health_line import Severity, SteadyBadge

FEWEST_FOR_STEADY = 30
"""Below this many iterations nothing is called steady: a trend would not be seen."""
LARGEST_CV = 0.1
"""Coefficient of variation (standard deviation / mean) above which nothing is called steady."""
_MARKS: dict[str, tuple[Severity, str]] = {
    "WARMING": ("quiet", "WARMING"), "STEADY": ("good", "STEADY"), "DRIFTING": ("warn", "DRIFTING"),
    "STEP": ("warn", "STEP"),
}  # fmt: skip


def find_steadiness(configuration: ConfigurationState) -> Steadiness | None:
    """Return the verdict on the latencies of a configuration; None: there are none.

    A configuration that is done has the verdict of its report. A growing one is watched: looking after every
    iteration with the test of the report would raise false alarms in most steady runs.
    """
    if not configuration.latency.n:
        return None
    look = assess_steadiness if configuration.done else watch_steadiness
    return look(configuration.batches)


def make_badge(
    configuration: ConfigurationState, steady: Steadiness, *, disturbed: bool
) -> SteadyBadge | None:
    """Return the badge of a configuration.

    Args:
        configuration: the present configuration.
        steady: the verdict about its latencies.
        disturbed: a problem of the machine or the run affects the latencies.
    """
    if configuration.latency.n < FEWEST:
        return _too_few(configuration)
    kind, word = _MARKS[steady.verdict]
    if steady.verdict == "STEADY" and not _is_clear(configuration, steady, disturbed=disturbed):
        variation = _variation(configuration, steady.first)
        facts = f"n {configuration.latency.n}" + (
            "" if variation is None else f", CV {100 * variation:.2g} %"
        )
        word = "no trend seen" if configuration.done else "no trend seen yet"
        return SteadyBadge("quiet", word, facts, facts)
    if steady.verdict == "DRIFTING" and steady.drift is not None:
        change = _percent(steady.drift.change)
        return SteadyBadge(kind, word, f"by {change} over {steady.n} iterations", change)
    if steady.step is not None:
        change = _percent(steady.step.change)
        return SteadyBadge(kind, word, f"by {change} after iteration {steady.step.after}", change)
    if steady.first:
        first, effect = f"first {steady.first}", _percent(steady.effect)
        return SteadyBadge(
            kind, word, f"without the {first} the mean would move by {effect}", f"{first}: {effect}"
        )
    two = "two modes" if find_modes(configuration.latency) is not None else ""
    return SteadyBadge(kind, word, two, two)


def _is_clear(configuration: ConfigurationState, steady: Steadiness, *, disturbed: bool) -> bool:
    if disturbed or configuration.latency.n < FEWEST_FOR_STEADY:
        return False
    variation = _variation(configuration, steady.first)
    return variation is not None and variation <= LARGEST_CV


def _variation(configuration: ConfigurationState, first: int) -> float | None:
    """Return the coefficient of variation, without the first iterations if it can."""
    batches, sample = configuration.batches, configuration.latency
    mean, deviation = sample.mean, sample.deviation
    rest = batches.means[first:] if batches.width == 1 and first else []
    if len(rest) >= 2:
        mean = sum(rest) / len(rest)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in rest) / (len(rest) - 1))
    return deviation / mean if sample.n >= 2 and mean > 0 else None


def _too_few(configuration: ConfigurationState) -> SteadyBadge:
    """Say how many are missing, or that there will never be enough."""
    n, expected = configuration.latency.n, _expected_iterations(configuration)
    if expected >= FEWEST:
        return SteadyBadge("quiet", "WARMING", f"{n} of {FEWEST} iterations", f"{n}/{FEWEST}")
    return SteadyBadge("quiet", "too few iterations", f"{n} of {expected}", f"{n} of {expected}")


def _expected_iterations(configuration: ConfigurationState) -> int:
    """Return how many iterations the configuration will have: both minima, at the mean latency until now."""
    start, latency = configuration.start, configuration.latency
    if configuration.done or latency.mean <= 0:
        return max(latency.n, 0 if configuration.done else start.num_runs)
    return max(latency.n, start.num_runs, math.ceil(start.duration * 1000 / latency.mean))


def _percent(share: float) -> str:
    return f"{100 * share:+.1f} %"

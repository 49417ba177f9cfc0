"""The verdict on one number of two sides: its change, the interval of the change, and the conclusion.

Changes are ratios, so all computations use logarithms. `run_difference` estimates the change and its error
from runs, sessions and earlier sessions; docs/statistics.md describes the model and what it costs.

The verdict: SAME if the whole 95 % interval is within the threshold. FASTER or SLOWER if the change reaches
the threshold and its p-value is small enough: below 1 % alone (with 5 %, five of a hundred comparisons of
equal things would be wrong), and corrected by Holm's method if one answer shows many changes, so that at most
5 of 100 answers contain a wrong one. Else INCONCLUSIVE, with what would decide it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runner.compare.run_difference import RunDifference, RunValue, run_difference
from runner.metrics import Metric
from runner.stats.intervals import LEVEL
from runner.stats.repeats import middle
from runner.stats.student import t_quantile
from runner.stats.variation import ASSUMED, LEAST_DF, Variation

Verdict = Literal["FASTER", "SLOWER", "BETTER", "WORSE", "SAME", "INCONCLUSIVE", "NOT JUDGED"]
"""FASTER, SLOWER: times and rates; BETTER, WORSE: memory and energy; NOT JUDGED: see `why`."""

THRESHOLD = 0.01
"""Changes below this share do not matter: from 1 / 1.01 to 1.01 of the first side."""
DECISION = 0.99
"""Confidence level that FASTER and SLOWER need."""
CHANCE = 0.01
"""The same as a p-value."""
FAMILY = 0.05
"""Probability that an answer without any true change contains a FASTER or SLOWER, at most."""
POWER = 0.8
"""Probability of a verdict after the stated number of further repeats."""
_ROUNDING = 1e-12
"""Rounding tolerance of logarithms: 100 to 101 ms equals 10 to 9.90 tokens per second."""
_MOST_REPEATS = 200
INTERLEAVE = "measured in different sessions: interleave them with `ab`"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The change from the first side to the second, as shares: 0.02 is 2 % more.

    Attributes:
        change: second / first - 1.
        low: lower end of the 95 % interval; None: unknown.
        high: its upper end.
        verdict: None if neither direction is better.
        why: why it is INCONCLUSIVE or NOT JUDGED; else empty.
        repeats: number of further repeats of each side, measured alternately, that would decide an
            INCONCLUSIVE one with a probability of 80 %; None: not known, or more than 200.
    """

    change: float
    low: float | None
    high: float | None
    verdict: Verdict | None
    why: str = ""
    repeats: int | None = None


def judge(
    metric: Metric,
    first: Sequence[RunValue],
    second: Sequence[RunValue],
    *,
    variation: Variation = ASSUMED,
    threshold: float = THRESHOLD,
) -> Judgement:
    """Judge one metric of two sides, each of one or more runs, as the only change of an answer.

    Args:
        metric: defines which direction is better.
        first: the reference side; not empty.
        second: the other side; not empty.
        variation: from earlier runs.
        threshold: the share below which a change does not matter.
    """
    difference = find_difference(metric, first, second, variation=variation)
    return difference if isinstance(difference, Judgement) else conclude(metric, difference, threshold)


def find_difference(
    metric: Metric, first: Sequence[RunValue], second: Sequence[RunValue], *, variation: Variation = ASSUMED
) -> RunDifference | Judgement:
    """Return the difference of a metric that can be judged, else the judgement without a verdict."""
    values = [one.value for one in (*first, *second)]
    before, after = (middle([one.value for one in side]) for side in (first, second))
    if not metric.judged:
        change = after / before - 1 if before > 0 else math.nan
        return Judgement(change, None, None, None)
    if min(values) <= 0:
        if before == after:
            return Judgement(0.0, 0.0, 0.0, None if metric.better == "neither" else "SAME")
        change = after / before - 1 if before > 0 else math.nan
        return Judgement(change, None, None, "NOT JUDGED", "a ratio needs numbers above 0")
    together = first[0].session == second[0].session and variation.run is not None
    no_interval = first[0].estimate is None or second[0].estimate is None
    if len(values) == 2 and no_interval and not (variation.known or together):
        change = second[0].value / first[0].value - 1
        why = "one run each, and its iterations give no interval for this number; repeat both"
        return Judgement(change, None, None, "NOT JUDGED", why)
    return run_difference(first, second, variation)


def allowed_chances(chances: Sequence[float]) -> list[float]:
    """Return the largest p-value with which each change of one answer is a FASTER or SLOWER.

    Holm's method: the smallest of m p-values is held against 5 % / m, the next against 5 % / (m - 1), and so
    on until one is too large; none may exceed 1 %, which a single change needs. Equal p-values are the same
    statement in two units (a time and its rate) and count once.

    Args:
        chances: p-values.
    """
    distinct = sorted({_rounded(chance) for chance in chances})
    allowed: dict[float, float] = {}
    for index, chance in enumerate(distinct):
        limit = min(CHANCE, FAMILY / (len(distinct) - index))
        allowed[chance] = limit
        if chance > limit:
            allowed.update(dict.fromkeys(distinct[index:], limit))
            break
    return [allowed[_rounded(chance)] for chance in chances]


def _rounded(chance: float) -> float:
    return float(f"{chance:.6e}")


def conclude(
    metric: Metric, found: RunDifference, threshold: float = THRESHOLD, allowed: float = CHANCE
) -> Judgement:
    """Return the verdict on a difference.

    Args:
        metric: defines which direction is better.
        found: the difference.
        threshold: the share below which a change does not matter.
        allowed: largest p-value of a FASTER or SLOWER, from `allowed_chances`.
    """
    under, over = found.bounds()
    change, low, high = (math.expm1(min(value, 700.0)) for value in (found.value, under, over))
    bounds = (low if low > -1 else None, high if math.isfinite(over) else None)
    if metric.better == "neither":
        return Judgement(change, *bounds, None)
    # On the logarithm, so that a time and its rate, and A-B and B-A, get the same verdict.
    limit = math.log1p(threshold) - _ROUNDING
    if under > -limit and over < limit:
        return Judgement(change, *bounds, "SAME")
    matters = abs(found.value) >= limit
    direction = direction_verdict(metric, more=change > 0)
    if matters and found.chance <= allowed:
        return Judgement(change, *bounds, direction)
    if None in bounds:
        why = "too few iterations to bound it; measure more"
        return Judgement(change, *bounds, "INCONCLUSIVE", why)
    repeats = _repeats_to_decide(found, threshold, allowed)
    why = _what_decides(found, repeats)
    if matters and found.chance <= CHANCE:
        why = f"{direction} if it were the only change; not among all changes of this answer; {why}"
    elif matters and (under > 0 or over < 0):
        why = f"probably {direction}, but not with {100 * DECISION:g} % confidence; {why}"
    return Judgement(change, *bounds, "INCONCLUSIVE", why, repeats)


def direction_verdict(metric: Metric, *, more: bool) -> Verdict:
    """Return the verdict for a number that increased (`more`) or decreased."""
    improved = more == (metric.better == "higher")
    if metric.group in ("memory", "gpu"):
        return "BETTER" if improved else "WORSE"
    return "FASTER" if improved else "SLOWER"


def _what_decides(found: RunDifference, repeats: int | None) -> str:
    how = INTERLEAVE if found.design == "sessions" else "measure more repeats of each"
    if found.assumed:
        if found.within > 1.5 * math.sqrt(found.below.error**2 / 2):
            return f"{how}; more iterations also help"
        return f"{how}; how much runs vary is not known"
    if found.run is None or found.run.df < LEAST_DF:
        return how
    if repeats is None:
        return f"more than {_MOST_REPEATS} repeats of each are needed"
    more = f"about {repeats} more repeat{'' if repeats == 1 else 's'} of each"
    return f"{how}, {more}" if found.design == "sessions" else f"needs {more}"


def _repeats_to_decide(found: RunDifference, threshold: float, allowed: float) -> int | None:
    """Return how many more runs on each side, measured alternately, decide with a probability of 80 %.

    The plan is for a change of the same size with the variation of runs that was found. None if that is not
    estimated, or if more than `_MOST_REPEATS` are needed.
    """
    run = found.run
    if run is None or run.df < LEAST_DF or found.assumed:
        return None
    size, limit = abs(found.value), math.log1p(threshold)
    wanted, chance = (size, allowed) if size >= limit else (limit - size, 1 - LEVEL)
    start = 0 if found.design == "sessions" else found.runs
    for count in range(max(3, start + 1), _MOST_REPEATS):
        df = max(1.0, 2 * count - 3)
        error = run.deviation * math.sqrt(2 / count)
        if (t_quantile(1 - chance / 2, df) + t_quantile(POWER, df)) * error < wanted:
            return count - start
    return None

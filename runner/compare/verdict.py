"""The verdict on one number of two sides: its change, the interval of the change, and the conclusion.

Changes are ratios, so all computations use logarithms. A change is compared with the run-to-run variation of
the number, which the iterations of a single run do not show (each run has its own clocks, memory layout and
neighbours):

- **repeats** (three or more runs together): each run counts once, with its own number. Student's t of the
  difference of the means of the logarithms, variance pooled over both sides. A hierarchical bootstrap is too
  narrow for so few runs (with three runs a side it covers the truth in 7 to 8 of 10 cases); t is exact.
- **pairs** (three or more, measured alternately A B A B): the same on the differences within the pairs, so
  that slow drift (heat, neighbours) cancels.
- **one run each**: the run-to-run variation of earlier repeats of the same profile on the same machine, else
  an assumed one (as large as that of single iterations, at least `ASSUMED_SPREAD`), combined with the
  interval from the iterations of each run (block bootstrap of means, order statistics of percentiles;
  combined by the square-and-add rule MOVER).

The verdict: SAME if the whole 95 % interval is within the threshold. FASTER or SLOWER if the change reaches
the threshold and even the 99 % interval excludes no change (with 95 %, five of a hundred comparisons of equal
things would be wrong). Else INCONCLUSIVE, with an estimate of what would decide it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runner.metrics import Metric
from runner.stats.intervals import LEVEL, Estimate
from runner.stats.repeats import middle
from runner.stats.student import t_quantile

Verdict = Literal["FASTER", "SLOWER", "BETTER", "WORSE", "SAME", "INCONCLUSIVE", "NOT JUDGED"]
"""FASTER, SLOWER: times and rates; BETTER, WORSE: memory and energy; NOT JUDGED: see `why`."""

THRESHOLD = 0.01
"""Changes below this share do not matter: from 1 / 1.01 to 1.01 of the first side."""
DECISION = 0.99
"""Confidence level that FASTER and SLOWER need."""
ASSUMED_SPREAD = 0.02
"""Minimum standard deviation from run to run, as a share, that is assumed if it is unknown.

It is cautious: equal runs that vary by 2 % then get a wrong verdict in 1 to 2 of 100 cases; with an
assumption of 1 %, in 20 (`tests/runner/compare/test_truth.py`). One run each then decides from a change of
about 7 %.
"""
FEWEST_PAIRS = 3
_ROUNDING = 1e-12
"""Rounding tolerance of logarithms: 100 to 101 ms equals 10 to 9.90 tokens per second."""
_MOST_REPEATS = 200


@dataclass(frozen=True, slots=True)
class RunValue:
    """A number of one run; `estimate` is None if the run has no interval for it."""

    value: float
    estimate: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """Run-to-run variation of a number: standard deviation of its logarithm, about the relative one.

    Attributes:
        deviation: of the logarithm; 0.01 is 1 %.
        df: degrees of freedom of the estimate; infinite for an assumption.
        runs: number of earlier runs that it is from; 0: it is assumed.
    """

    deviation: float
    df: float
    runs: int


ASSUMED = Spread(ASSUMED_SPREAD, math.inf, 0)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The change from the first side to the second, as shares: 0.02 is 2 % more.

    Attributes:
        change: second / first - 1.
        low: lower end of the 95 % interval; None: unknown.
        high: its upper end.
        verdict: None if neither direction is better.
        why: why it is INCONCLUSIVE or NOT JUDGED; else empty.
        repeats: estimated number of further repeats of each side that would decide an INCONCLUSIVE one; None:
            unknown, or more than 200.
    """

    change: float
    low: float | None
    high: float | None
    verdict: Verdict | None
    why: str = ""
    repeats: int | None = None


@dataclass(frozen=True, slots=True)
class _Difference:
    """Difference of logarithms with its bounds, and what is needed to estimate them for more runs."""

    value: float
    low: float
    high: float
    deviation: float
    """of one run, logarithm"""
    runs: int
    """on the smaller side"""
    df_of: Literal["pairs", "sides"]
    within: float = 0.0
    """part of the half width that is due to the iterations of single runs, if it is the larger part"""


def judge(
    metric: Metric,
    first: Sequence[RunValue],
    second: Sequence[RunValue],
    *,
    spread: Spread = ASSUMED,
    paired: bool = False,
    threshold: float = THRESHOLD,
    decision: float = DECISION,
) -> Judgement:
    """Judge one metric of two sides, each of one or more runs.

    Args:
        metric: defines which direction is better.
        first: the reference side; not empty.
        second: the other side; not empty.
        spread: run-to-run variation from earlier runs.
        paired: the i-th runs of both sides were measured one after the other.
        threshold: the share below which a change does not matter.
        decision: confidence level that FASTER and SLOWER need.
    """
    values = [one.value for one in (*first, *second)]
    if min(values) <= 0:
        before, after = (middle([one.value for one in side]) for side in (first, second))
        if before == after:
            return Judgement(0.0, 0.0, 0.0, None if metric.better == "neither" else "SAME")
        change = after / before - 1 if before > 0 else math.nan
        return Judgement(change, None, None, "NOT JUDGED", "a ratio needs numbers above 0")
    if len(values) == 2 and (first[0].estimate is None or second[0].estimate is None):
        change = second[0].value / first[0].value - 1
        why = "one run each, and its iterations give no interval for this number; repeat both"
        return Judgement(change, None, None, "NOT JUDGED", why)

    def difference(level: float) -> _Difference:
        if len(values) == 2:
            return _of_single_runs(first[0], second[0], spread, level)
        return _of_repeats(first, second, spread, paired, level)

    return _judged(metric, difference(LEVEL), difference(decision), threshold, decision)


def _of_repeats(
    first: Sequence[RunValue], second: Sequence[RunValue], spread: Spread, paired: bool, level: float
) -> _Difference:
    a, b = [math.log(one.value) for one in first], [math.log(one.value) for one in second]
    if paired and len(a) == len(b) >= FEWEST_PAIRS:
        steps = [y - x for x, y in zip(a, b, strict=True)]
        mean = sum(steps) / len(steps)
        df: float = len(steps) - 1
        deviation = math.sqrt(_squares(steps) / df)
        half = t_quantile((1 + level) / 2, df) * deviation / math.sqrt(len(steps))
        return _Difference(mean, mean - half, mean + half, deviation, len(steps), "pairs")
    mean = sum(b) / len(b) - sum(a) / len(a)
    df = len(a) + len(b) - 2
    squares = _squares(a) + _squares(b)
    if spread.runs:
        # Earlier repeats count as further repeats; with two runs a side they decide.
        df, squares = df + spread.df, squares + spread.df * spread.deviation**2
    deviation = math.sqrt(squares / df)
    half = t_quantile((1 + level) / 2, df) * deviation * math.sqrt(1 / len(a) + 1 / len(b))
    return _Difference(mean, mean - half, mean + half, deviation, min(len(a), len(b)), "sides")


def _squares(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values)


def _of_single_runs(first: RunValue, second: RunValue, spread: Spread, level: float) -> _Difference:
    assert first.estimate is not None
    assert second.estimate is not None
    a, b = first.estimate.interval(level), second.estimate.interval(level)
    value = math.log(second.value / first.value)
    between = t_quantile((1 + level) / 2, spread.df) * spread.deviation * math.sqrt(2)
    low = -math.hypot(_above(first.value, a.high), _above(b.low, second.value), between)
    high = math.hypot(_above(a.low, first.value), _above(second.value, b.high), between)
    half = (high - low) / 2
    deviation = half / t_quantile((1 + level) / 2, math.inf) / math.sqrt(2)
    within = math.sqrt(max(0.0, half**2 - between**2))
    return _Difference(
        value, value + low, value + high, deviation, 1, "sides", within if within > between else 0.0
    )


def _above(low: float, high: float) -> float:
    """Return the difference of the logarithms; infinite if `low` is not positive or a bound is open."""
    return math.log(high / low) if low > 0 and math.isfinite(high) else math.inf


def _judged(
    metric: Metric, known: _Difference, firm: _Difference, threshold: float, decision: float
) -> Judgement:
    change, low, high = (math.expm1(value) for value in (known.value, known.low, known.high))
    bounds = (low if low > -1 else None, high if math.isfinite(high) else None)
    if metric.better == "neither":
        return Judgement(change, *bounds, None)
    # On the logarithm, so that a time and its rate, and A-B and B-A, get the same verdict.
    limit = math.log1p(threshold) - _ROUNDING
    if known.low > -limit and known.high < limit:
        return Judgement(change, *bounds, "SAME")
    matters = abs(known.value) >= limit
    direction = direction_verdict(metric, more=change > 0)
    if matters and (firm.low > 0 or firm.high < 0):
        return Judgement(change, *bounds, direction)
    if None in bounds:
        why = "too few iterations to bound it; measure more"
        return Judgement(change, *bounds, "INCONCLUSIVE", why)
    repeats = _repeats_to_decide(known, threshold, decision)
    if repeats is None:
        why = f"more than {_MOST_REPEATS} repeats of each are needed"
    else:
        why = f"needs about {repeats} more repeat{'' if repeats == 1 else 's'} of each"
    width = _deciding_width(known, threshold)
    if known.within > width > 0:
        why += f", or first about {math.ceil((known.within / width) ** 2)} times as many iterations"
    if matters and (low > 0 or high < 0):
        why = f"probably {direction}, but not with {100 * decision:g} % confidence; {why}"
    return Judgement(change, *bounds, "INCONCLUSIVE", why, repeats)


def direction_verdict(metric: Metric, *, more: bool) -> Verdict:
    """Return the verdict for a number that increased (`more`) or decreased."""
    improved = more == (metric.better == "higher")
    if metric.group in ("memory", "gpu"):
        return "BETTER" if improved else "WORSE"
    return "FASTER" if improved else "SLOWER"


def _deciding_width(known: _Difference, threshold: float) -> float:
    """Return the half width that would decide: the change itself, or its distance to the threshold."""
    size, limit = abs(known.value), math.log1p(threshold)
    return size if size >= limit else limit - size


def _repeats_to_decide(known: _Difference, threshold: float, decision: float) -> int | None:
    """Estimate how many more runs on each side lead to a verdict if the change stays the same."""
    wanted = _deciding_width(known, threshold)
    level = decision if abs(known.value) >= math.log1p(threshold) else LEVEL
    for count in range(max(2, known.runs + 1), _MOST_REPEATS):
        df = count - 1 if known.df_of == "pairs" else 2 * (count - 1)
        error = known.deviation * math.sqrt((1 if known.df_of == "pairs" else 2) / count)
        if t_quantile((1 + level) / 2, df) * error < wanted:
            return count - known.runs
    return None

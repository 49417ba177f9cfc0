"""The verdict on one number of two sides: by how much it changed, how well that is known, and what it means.

Changes are ratios, so everything happens on logarithms. What a change must be held against is how much the
number varies from run to run, which the iterations of a single run cannot tell (a run has its own clocks,
its own memory layout, its own neighbours):

- **repeats** (three or more runs together): each run counts once, with its own number. Student's t of the
  difference of the means of the logarithms, variance pooled over both sides. A hierarchical bootstrap over so
  few runs is too narrow (three runs on a side hold the truth in 7 to 8 of 10 cases); t is exact.
- **pairs** (three or more, measured alternately A B A B): the same on the differences within the pairs, so
  that what drifts slowly (heat, neighbours) cancels.
- **one run each**: the run-to-run variation of earlier repeats of the same profile on the same machine, else
  an assumed one (as large as that of single iterations, at least `ASSUMED_SPREAD`), together with the
  interval that each run's iterations give (block bootstrap of means, order statistics of percentiles;
  combined by the square-and-add rule MOVER).

The verdict: SAME when the whole 95 % interval lies within the threshold. FASTER or SLOWER when the change
reaches the threshold and even the 99 % interval excludes no change: of a hundred comparisons of a thing with
itself, five would fool 95 %. Else INCONCLUSIVE, with what would decide it.
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
"""FASTER and SLOWER of times and rates, BETTER and WORSE of memory and energy; NOT JUDGED: `why` says why."""

THRESHOLD = 0.01
"""A change below this share is no change that matters: from 1 / 1.01 of the first side to 1.01 of it."""
DECISION = 0.99
"""Confidence that FASTER and SLOWER need."""
ASSUMED_SPREAD = 0.02
"""Standard deviation from run to run, as a share, that is assumed at least where none is known.

Cautious: with it, runs of the same that really vary by 2 % are told apart in 1 to 2 of 100 cases; assumed to
vary by 1 %, in 20 (`tests/runner/compare/test_truth.py`). One run each then decides from about 7 % on.
"""
FEWEST_PAIRS = 3
_ROUNDING = 1e-12
"""What logarithms of equal ratios may differ by: 100 to 101 ms is as much as 10 to 9.90 tokens per second."""
_MOST_REPEATS = 200


@dataclass(frozen=True, slots=True)
class Measured:
    """A number of one run; `estimate` is missing when the run says nothing about how well it is known."""

    value: float
    estimate: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """How much a number varies from run to run: standard deviation of its logarithm, about its share.

    Attributes:
        deviation: of the logarithm; 0.01 is 1 %.
        df: degrees of freedom that it was estimated with; infinite for an assumption.
        runs: earlier runs that it comes from; 0: it is assumed.
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
        verdict: None for a number of which neither direction is better.
        why: why it is INCONCLUSIVE or NOT JUDGED, in a sentence; else empty.
        repeats: about how many more repeats of each side would decide an INCONCLUSIVE one; None: not known,
            or more than 200.
    """

    change: float
    low: float | None
    high: float | None
    verdict: Verdict | None
    why: str = ""
    repeats: int | None = None


@dataclass(frozen=True, slots=True)
class _Difference:
    """Difference of logarithms with its bounds, and how it would shrink: half width with k runs a side."""

    value: float
    low: float
    high: float
    deviation: float
    """of one run, logarithm"""
    runs: int
    """on the smaller side"""
    df_of: Literal["pairs", "sides"]
    within: float = 0.0
    """part of the half width that single runs owe to their iterations, where that is the larger part"""


def judge(
    metric: Metric,
    first: Sequence[Measured],
    second: Sequence[Measured],
    *,
    spread: Spread = ASSUMED,
    paired: bool = False,
    threshold: float = THRESHOLD,
    decision: float = DECISION,
) -> Judgement:
    """Judge one metric of two sides, each of one or more runs.

    Args:
        metric: which decides what is better.
        first: the side that is compared with; not empty.
        second: the other side; not empty.
        spread: what earlier runs say about run-to-run variation.
        paired: the i-th runs of both sides were measured one after the other.
        threshold: the share below which a change does not matter.
        decision: confidence that FASTER and SLOWER need.
    """
    values = [one.value for one in (*first, *second)]
    if min(values) <= 0:
        before, after = (middle([one.value for one in side]) for side in (first, second))
        if before == after:
            return Judgement(0.0, 0.0, 0.0, None if metric.better == "neither" else "SAME")
        change = after / before - 1 if before > 0 else math.nan
        return Judgement(change, None, None, "NOT JUDGED", "a number that is not above 0 has no ratio")
    if len(values) == 2 and (first[0].estimate is None or second[0].estimate is None):
        change = second[0].value / first[0].value - 1
        why = "one run each, and its iterations do not tell how well this number is known; repeat both"
        return Judgement(change, None, None, "NOT JUDGED", why)

    def difference(level: float) -> _Difference:
        if len(values) == 2:
            return _of_single_runs(first[0], second[0], spread, level)
        return _of_repeats(first, second, spread, paired, level)

    return _judged(metric, difference(LEVEL), difference(decision), threshold, decision)


def _of_repeats(
    first: Sequence[Measured], second: Sequence[Measured], spread: Spread, paired: bool, level: float
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
        # Earlier repeats of the same are more of the same: with two runs a side they decide.
        df, squares = df + spread.df, squares + spread.df * spread.deviation**2
    deviation = math.sqrt(squares / df)
    half = t_quantile((1 + level) / 2, df) * deviation * math.sqrt(1 / len(a) + 1 / len(b))
    return _Difference(mean, mean - half, mean + half, deviation, min(len(a), len(b)), "sides")


def _squares(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values)


def _of_single_runs(first: Measured, second: Measured, spread: Spread, level: float) -> _Difference:
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
    """Distance of the logarithms; infinite when the lower one is no positive number or a bound is open."""
    return math.log(high / low) if low > 0 and math.isfinite(high) else math.inf


def _judged(
    metric: Metric, known: _Difference, firm: _Difference, threshold: float, decision: float
) -> Judgement:
    change, low, high = (math.expm1(value) for value in (known.value, known.low, known.high))
    bounds = (low if low > -1 else None, high if math.isfinite(high) else None)
    if metric.better == "neither":
        return Judgement(change, *bounds, None)
    # On the logarithm, so that a time and its rate, and A against B and B against A, are judged alike.
    limit = math.log1p(threshold) - _ROUNDING
    if known.low > -limit and known.high < limit:
        return Judgement(change, *bounds, "SAME")
    matters = abs(known.value) >= limit
    called = word(metric, more=change > 0)
    if matters and (firm.low > 0 or firm.high < 0):
        return Judgement(change, *bounds, called)
    if None in bounds:
        why = "so few iterations do not bound it; measure more of them"
        return Judgement(change, *bounds, "INCONCLUSIVE", why)
    repeats = _repeats_to_decide(known, threshold, decision)
    if repeats is None:
        why = f"more than {_MOST_REPEATS} repeats of each would be needed"
    else:
        why = f"needs about {repeats} more repeat{'' if repeats == 1 else 's'} of each"
    width = _deciding_width(known, threshold)
    if known.within > width > 0:
        why += f", or first about {math.ceil((known.within / width) ** 2)} times as many iterations"
    if matters and (low > 0 or high < 0):
        why = f"probably {called}, but not with {100 * decision:g} % confidence; {why}"
    return Judgement(change, *bounds, "INCONCLUSIVE", why, repeats)


def word(metric: Metric, *, more: bool) -> Verdict:
    """What it is called when a number went up (`more`) or down."""
    improved = more == (metric.better == "higher")
    if metric.group in ("memory", "gpu"):
        return "BETTER" if improved else "WORSE"
    return "FASTER" if improved else "SLOWER"


def _deciding_width(known: _Difference, threshold: float) -> float:
    """The half width that would decide: the change itself, or what is left of the threshold."""
    size, limit = abs(known.value), math.log1p(threshold)
    return size if size >= limit else limit - size


def _repeats_to_decide(known: _Difference, threshold: float, decision: float) -> int | None:
    """More runs on each side until a verdict comes into reach, if the change stays what it is."""
    wanted = _deciding_width(known, threshold)
    level = decision if abs(known.value) >= math.log1p(threshold) else LEVEL
    for count in range(max(2, known.runs + 1), _MOST_REPEATS):
        df = count - 1 if known.df_of == "pairs" else 2 * (count - 1)
        error = known.deviation * math.sqrt((1 if known.df_of == "pairs" else 2) / count)
        if t_quantile((1 + level) / 2, df) * error < wanted:
            return count - known.runs
    return None

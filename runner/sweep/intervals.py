"""The 95 % interval of a number of a board, from the repeats of all its points.

Runs of a sweep vary alike: the standard deviation of the logarithms is taken as equal for all points, so that
two or three repeats of each point are enough to know it.
"""

from __future__ import annotations

import math

from runner.metrics import Metric
from runner.stats.intervals import LEVEL, Interval
from runner.stats.student import t_quantile
from runner.stats.variation import ASSUMED_SPREAD, LEAST_DF, Spread
from runner.sweep.board import Board, MetricSummary


def run_spread(board: Board, metric: Metric) -> Spread:
    """Return how much a number varies from run to run; assumed if the repeats are too few to show it."""
    spread = measured_spread(board, metric.name)
    if spread is None or spread.df < LEAST_DF:
        return Spread(ASSUMED_SPREAD, math.inf, 0)
    return spread


def measured_spread(board: Board, name: str) -> Spread | None:
    """Return how much a metric varies from run to run, from the repeats of all points; None: no repeats."""
    squares = df = 0.0
    runs = 0
    for point in board.points:
        value = point.numbers.get(name)
        if value is not None and value.deviation is not None and value.mean > 0:
            squares += (value.n - 1) * (value.deviation / value.mean) ** 2
            df, runs = df + value.n - 1, runs + value.n
    return Spread(math.sqrt(squares / df), df, runs) if df else None


def range_of(value: MetricSummary, spread: Spread) -> Interval:
    """Return the range of 95 % of a number, which is above 0."""
    half = t_quantile((1 + LEVEL) / 2, spread.df) * spread.deviation / math.sqrt(value.n)
    low = math.hypot(half, _log_ratio(value.low, value.mean))
    high = math.hypot(half, _log_ratio(value.mean, value.high))
    return Interval(value.mean * math.exp(-low), value.mean * math.exp(high))


def _log_ratio(low: float | None, high: float | None) -> float:
    return math.log(high / low) if low is not None and high is not None and 0 < low < high else 0.0


def measured_interval(value: MetricSummary, spread: Spread | None) -> Interval | None:
    """Return the 95 % interval that measurements support; nothing is assumed.

    Args:
        value: the number.
        spread: of `measured_spread`. With it, the interval is that of the mean over the runs (Student's t on
            logarithms). Without repeats it is from the iterations of the only run, and another run may
            differ more.

    Returns:
        None without repeats and without an interval of the iterations.
    """
    if spread is not None and value.mean > 0:
        return range_of(value, spread)
    if value.deviation is not None:  # a mean of 0 or below has no logarithm
        half = t_quantile((1 + LEVEL) / 2, value.n - 1.0) * value.deviation / math.sqrt(value.n)
        return Interval(value.mean - half, value.mean + half)
    if value.low is None or value.high is None:
        return None
    return Interval(value.low, value.high)


def margin_of(value: MetricSummary, spread: Spread | None) -> float | None:
    """Return the wider half of the 95 % interval, for `±`, in the unit of the number; None: not known."""
    interval = measured_interval(value, spread)
    if interval is None:
        return None
    return max(value.mean - interval.low, interval.high - value.mean)

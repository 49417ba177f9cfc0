"""The Pareto-optimal trades between latency and throughput: points that no other one beats beyond noise.

Each number of a point has a range of 95 %: that of its (geometric) mean over the runs of the point, with the
variation from run to run that the repeats of all points show together; without repeats it is assumed, as in a
comparison. Of a single run, what its iterations leave open is added. Two numbers whose ranges overlap are
equal within noise. A point beats another one of the same lengths if it is better in one number and not worse
in the other. What remains is Pareto-optimal; two such points that are equal in both numbers are a tie.

Throughput counts per GPU, so that points with more GPUs are not optimal only because they have more.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, NamedTuple, get_args

from runner.metrics import LATENCY, OUTPUT_TOKENS_PER_SEC, REQUEST_LATENCY, TOKENS_PER_SEC, Metric
from runner.metrics.serving import OUTPUT_TOKENS_PER_SEC_GPU
from runner.metrics.throughput import TOKENS_PER_SEC_RANK
from runner.stats.intervals import Interval
from runner.stats.variation import ASSUMED_SPREAD, Spread
from runner.sweep.board import Board, BoardPoint, MetricSummary
from runner.sweep.intervals import range_of, run_spread

Per = Literal["gpu", "system"]
"""What throughput is counted for: one GPU, or all GPUs together."""
EVERY_PER: tuple[Per, ...] = get_args(Per)
PER_TEXT: dict[Per, str] = {"gpu": "tokens/s per GPU", "system": "total tokens/s"}

TRADED: dict[Per, tuple[tuple[Metric, Metric], ...]] = {
    "gpu": ((LATENCY, TOKENS_PER_SEC_RANK), (REQUEST_LATENCY, OUTPUT_TOKENS_PER_SEC_GPU)),
    "system": ((LATENCY, TOKENS_PER_SEC), (REQUEST_LATENCY, OUTPUT_TOKENS_PER_SEC)),
}
"""Latency and throughput of static batches, and of requests in flight; the two kinds are not compared."""


class Ranges(NamedTuple):
    """The ranges of a point."""

    latency: Interval
    throughput: Interval


@dataclass(frozen=True)
class Trade:
    """Latency and throughput of a point."""

    point: BoardPoint
    latency: MetricSummary
    throughput: MetricSummary
    best: bool
    """no other point of the same lengths beats it"""
    ties: tuple[BoardPoint, ...] = ()
    """other best points that are equal within noise in both numbers"""


def trades(board: Board, per: Per = "gpu") -> list[Trade]:
    """Return every point that has a latency and a throughput, marked if it is Pareto-optimal."""
    groups: dict[tuple[str, Metric], list[tuple[BoardPoint, MetricSummary, MetricSummary, Ranges]]] = {}
    spreads: dict[Metric, Spread] = {}
    for point, pair in _with_both(board, per):
        for metric in pair:
            if metric not in spreads:
                spreads[metric] = run_spread(board, metric)
        latency, throughput = (point.numbers[metric.name] for metric in pair)
        ranges = Ranges(
            range_of(latency, spreads[pair[0]]),
            range_of(throughput, spreads[pair[1]]),
        )
        groups.setdefault((point.lengths, pair[0]), []).append((point, latency, throughput, ranges))
    found = []
    for alike in groups.values():
        every = [ranges for *_, ranges in alike]
        best = set(unbeaten(every))
        for number, (point, latency, throughput, ranges) in enumerate(alike):
            ties = [
                alike[other][0]
                for other in sorted(best)
                if number in best and other != number and equal(ranges, every[other])
            ]
            found.append(Trade(point, latency, throughput, number in best, tuple(ties)))
    return found


def _with_both(board: Board, per: Per) -> Iterator[tuple[BoardPoint, tuple[Metric, Metric]]]:
    """Yield the points that have a latency and a throughput, with the metrics of both.

    With requests in flight, the latency is that of one request, the throughput that of all requests.
    """
    for point in board.points:
        for pair in TRADED[per]:
            if all(metric.name in point.numbers for metric in pair):
                yield point, pair
                break


def unbeaten(points: Sequence[Ranges]) -> list[int]:
    """Return the indices of the points that no other point beats.

    Ranges that are compared like this are interval orders, in which no cycle of points that beat each other
    exists, so at least one point remains.
    """
    by_latency = sorted(points, key=lambda one: one.latency.high)
    latency_ends = [one.latency.high for one in by_latency]
    most_throughput = list(accumulate((one.throughput.high for one in by_latency), max))
    by_throughput = sorted(points, key=lambda one: one.throughput.low, reverse=True)
    throughput_begins = [-one.throughput.low for one in by_throughput]
    least_latency = list(accumulate((one.latency.low for one in by_throughput), min))

    def is_beaten(one: Ranges) -> bool:
        faster = bisect_left(latency_ends, one.latency.low)
        if faster and most_throughput[faster - 1] >= one.throughput.low:
            return True
        larger = bisect_left(throughput_begins, -one.throughput.high)
        return bool(larger) and least_latency[larger - 1] <= one.latency.high

    return [number for number, one in enumerate(points) if not is_beaten(one)]


def equal(one: Ranges, other: Ranges) -> bool:
    """Whether two points are equal within noise in both numbers."""
    return all(a.low <= b.high and b.low <= a.high for a, b in zip(one, other, strict=True))


def noise_text(board: Board, per: Per) -> str:
    """Return where the noise is known from, for the lines below the Pareto-optimal points."""
    metric = next((pair[1] for _, pair in _with_both(board, per)), None)
    spread = run_spread(board, metric) if metric is not None else Spread(ASSUMED_SPREAD, math.inf, 0)
    if not spread.runs:
        return f"runs are assumed to vary by {100 * ASSUMED_SPREAD:g} %; --repeat 3 measures it"
    return f"runs vary by {100 * spread.deviation:.2g} %, from {spread.runs} repeats"

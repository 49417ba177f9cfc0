"""One number from repeated runs, each of which counts once.

The mean is geometric, because changes are judged as ratios: a board, a comparison and a gate show the same
number for the same runs, the change between two sides is that of the shown numbers, and tokens per second
agree with the shown latency (the mean of inverse values is the inverse of the mean). Numbers that are not all
above 0 (a share of time throttled, a drift) have no logarithm: their mean is arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def middle(values: Sequence[float]) -> float:
    """Return the geometric mean of the values of runs; the arithmetic mean if one of them is not above 0.

    Args:
        values: one per run; not empty.
    """
    if min(values) == max(values):
        return values[0]  # to the last bit
    if min(values) <= 0:
        return math.fsum(values) / len(values)
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def deviation(values: Sequence[float]) -> float | None:
    """Return the standard deviation (n - 1) from run to run around `middle`, in the unit of the values.

    From logarithms if the mean is geometric; None for a single run.
    """
    if len(values) < 2:
        return None
    centre = middle(values)
    if min(values) <= 0:
        return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))
    squares = math.fsum(math.log(value / centre) ** 2 for value in values)
    return centre * math.sqrt(squares / (len(values) - 1))

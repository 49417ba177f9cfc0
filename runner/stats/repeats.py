"""One number of several runs of the same thing, each of which counts once: wherever repeats become one.

The mean is geometric, because changes are judged as ratios: what a board, a comparison and a gate show of the
same runs is the same number, the change between two sides is that of the shown numbers, and tokens per second
remain what the latency beside them says (the mean of turned over values is the mean turned over). Numbers
that are not all above 0 (a share of time throttled, a drift) have no logarithm: theirs is arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def middle(values: Sequence[float]) -> float:
    """Geometric mean of what runs measured; arithmetic where one of them is not above 0.

    Args:
        values: one a run; not empty.
    """
    if min(values) == max(values):
        return values[0]  # to the last bit
    if min(values) <= 0:
        return math.fsum(values) / len(values)
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def deviation(values: Sequence[float]) -> float | None:
    """Standard deviation (n - 1) from run to run around `middle`, in the unit of the values.

    Of logarithms, as a share of the mean, where that is geometric; None for a single run.
    """
    if len(values) < 2:
        return None
    centre = middle(values)
    if min(values) <= 0:
        return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))
    squares = math.fsum(math.log(value / centre) ** 2 for value in values)
    return centre * math.sqrt(squares / (len(values) - 1))

"""What the runs of a tuning say about its points, without any prediction from other points.

The logarithm of a number of a run is a level of its point plus a level of its block plus the deviation of
the run; the levels are fitted by least squares. So what a block adds (drift, another day) cancels in a
difference of two points as far as blocks have points in common, and is part of its error otherwise. The
deviation of runs is pooled over all points. With fewer than `LEAST_DF` degrees of freedom it is assumed, as
in a comparison, or larger if two runs differ by more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.stats.intervals import LEVEL, Interval
from runner.stats.student import t_quantile
from runner.stats.variation import ASSUMED_SPREAD, LEAST_DF, Spread
from runner.sweep.tune.surrogate import Sample

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

_TINY = 1e-9
_LEAST_BLOCKS = 4
"""Fewest blocks whose levels show how much blocks vary."""


@dataclass(frozen=True)
class Levels:
    """Fitted levels.

    Attributes:
        points: the measured points, in the order of the columns.
        spread: deviation of a run; its `runs` are those of repeated points, 0: assumed.
        blocks: deviation of the levels of blocks.
    """

    points: tuple[int, ...]
    spread: Spread
    blocks: Spread
    _fitted: Array
    _inverse: Array
    _rank: Array
    _counts: dict[int, tuple[int, int]]

    def level(self, point: int) -> float:
        """Return the level of a point in the mean block."""
        return float(self._mean_block(point) @ self._fitted)

    def runs(self, point: int) -> int:
        return self._counts[point][0]

    def difference(self, point: int, other: int, level: float = LEVEL) -> tuple[float, Interval]:
        """Return the level of a point minus that of another one, with its interval.

        The interval is open if no chain of blocks with common points connects the two.
        """
        contrast = self._mean_block(point) - self._mean_block(other)
        value = float(contrast @ self._fitted)
        if not self._is_known(contrast):
            return value, Interval(-math.inf, math.inf)
        error = self.spread.deviation * math.sqrt(max(0.0, float(contrast @ self._inverse @ contrast)))
        half = t_quantile((1 + level) / 2, self.spread.df) * error
        return value, Interval(value - half, value + half)

    def bound(self, point: int, level: float = LEVEL) -> float:
        """Return the lower bound of the level of a point on another day: blocks vary, too.

        The level rests on all blocks if a chain of common points connects it with them, else on those in
        which the point was measured.
        """
        runs, blocks = self._counts[point]
        share, row = 1 / runs, self._mean_block(point)
        if self._is_known(row):
            share, blocks = float(row @ self._inverse @ row), len(self._fitted) - len(self.points)
        parts = [(self.spread, share), (self.blocks, 1 / blocks)]
        variance = sum(spread.deviation**2 * part for spread, part in parts)
        df = min(spread.df for spread, _ in parts)
        return self.level(point) - t_quantile((1 + level) / 2, df) * math.sqrt(variance)

    def _is_known(self, contrast: Array) -> bool:
        """Whether the runs determine a weighted sum of the fitted levels."""
        return bool(abs(contrast - self._rank @ contrast).max() <= _TINY)

    def _mean_block(self, point: int) -> Array:
        import numpy as np

        blocks = len(self._fitted) - len(self.points)
        row = np.full(len(self._fitted), 1 / blocks)
        row[: len(self.points)] = 0.0
        row[self.points.index(point)] = 1.0
        return row


def fit_levels(samples: Sequence[Sample]) -> Levels:
    """Return the levels of points and blocks; there is at least one sample."""
    import numpy as np

    points = tuple(dict.fromkeys(one.point for one in samples))
    blocks = tuple(dict.fromkeys(one.block for one in samples))
    design = np.zeros((len(samples), len(points) + len(blocks)))
    for row, one in enumerate(samples):
        design[row, points.index(one.point)] = 1.0
        design[row, len(points) + blocks.index(one.block)] = 1.0
    values = np.array([one.value for one in samples])
    gram = design.T @ design
    inverse = np.linalg.pinv(gram, hermitian=True)
    fitted = inverse @ design.T @ values
    left = values - design @ fitted
    df = len(samples) - int(np.linalg.matrix_rank(gram, hermitian=True))
    own = math.sqrt(float(left @ left) / df) if df else 0.0
    spread = Spread(own, float(df), df)
    if df < LEAST_DF:
        spread = Spread(max(ASSUMED_SPREAD, own), math.inf, 0)
    counts = {
        point: (
            sum(one.point == point for one in samples),
            len({one.block for one in samples if one.point == point}),
        )
        for point in points
    }
    deviation = _block_spread(fitted[len(points) :])
    return Levels(points, spread, deviation, fitted, inverse, inverse @ gram, counts)


def _block_spread(levels: Array) -> Spread:
    """Return the deviation of blocks; it includes the error of their levels, which makes it cautious."""
    count = len(levels)
    if count < _LEAST_BLOCKS:
        return Spread(ASSUMED_SPREAD, math.inf, 0)
    return Spread(float(levels.std(ddof=1)), count - 1.0, count)

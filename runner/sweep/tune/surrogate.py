"""A Gaussian process over the points of a search space, with a level for each block of runs.

The logarithm of a number of a run is a level of its point, plus a deviation of its block of runs, plus a
deviation of the run. Levels of points are correlated by a Matérn kernel (smoothness 5/2) with a length for
each axis, as in Rasmussen & Williams 2006, equations 2.25, 2.26 and 4.17. Lengths and deviations are those
with the largest posterior density, found by a pattern search from fixed starting values: the same runs always
give the same prediction.

Needs numpy, which comes with Optuna.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.sweep.tune.space import CODES

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

_START_LENGTH, _LENGTH_SPREAD = 0.7, 0.8
_START_SIZE, _SIZE_SPREAD = 0.3, 1.0
"""typical standard deviation of the levels of points, as a logarithm, and how far it may be from that"""
_START_NOISE, _NOISE_SPREAD = 0.01, 0.8
_CONSTANT = 1.0
"""variance of the unknown mean level"""
_STEPS = (math.log(3.0), math.log(1.5))
_LEAST_NOISE = 1e-4


@dataclass(frozen=True)
class Sample:
    """A number of one run.

    Attributes:
        point: index of the point.
        block: number of the block of runs.
        value: logarithm.
    """

    point: int
    block: int
    value: float


@dataclass(frozen=True)
class Prediction:
    """What is expected of every point, without the deviations of runs and blocks.

    Attributes:
        mean: expected logarithm.
        deviation: standard deviation of it.
        weights: mean = prior + cross @ weights; with `factor` for the covariance of points.
        noise: standard deviation of a run.
        blocks: standard deviation of blocks.
    """

    mean: Array
    deviation: Array
    noise: float
    blocks: float
    cross: Array
    factor: Array
    size: float
    lengths: Array
    coordinates: Array

    def covariance(self, weights: Array) -> tuple[float, float]:
        """Return expected value and standard deviation of a weighted sum of the levels of all points."""
        import numpy as np

        used = np.flatnonzero(weights)
        part = weights[used]
        prior = kernel(self.coordinates[used], self.coordinates[used], self.lengths, self.size)
        seen = np.linalg.solve(self.factor, self.cross[used].T @ part)
        variance = float(part @ (prior + _CONSTANT) @ part - seen @ seen)
        return float(self.mean[used] @ part), math.sqrt(max(0.0, variance))


def predict(coordinates: Array, samples: Sequence[Sample]) -> Prediction:
    """Return the prediction for all points.

    Args:
        coordinates: of all points, one row each, as `Space.coordinates` returns them.
        samples: at least one.
    """
    import numpy as np

    at = np.array([one.point for one in samples])
    values = np.array([one.value for one in samples])
    blocks = np.array([one.block for one in samples])
    middle = float(np.mean(values))
    same_block = (blocks[:, None] == blocks[None, :]).astype(float)
    apart = distances(coordinates[at], coordinates[at])
    logs = _fit(apart, same_block, values - middle)
    lengths, (size, noise, block) = np.exp(logs[:-3]), np.exp(logs[-3:])
    own = _matern(apart, lengths, size) + _CONSTANT + block**2 * same_block
    own[np.diag_indices_from(own)] += noise**2
    factor = np.linalg.cholesky(own)
    weights = np.linalg.solve(own, values - middle)
    cross = kernel(coordinates, coordinates[at], lengths, size) + _CONSTANT
    seen = np.linalg.solve(factor, cross.T)
    variance = size**2 + _CONSTANT - (seen**2).sum(axis=0)
    return Prediction(
        middle + cross @ weights,
        np.sqrt(np.maximum(variance, 0.0)),
        float(noise),
        float(block),
        cross,
        factor,
        float(size),
        lengths,
        coordinates,
    )


def distances(one: Array, other: Array) -> Array:
    """Return distances on each axis: shape (axes, rows of one, rows of the other)."""
    import numpy as np

    a, b = one.T[:, :, None], other.T[:, None, :]
    numbers = (a >= 0) & (b >= 0) & (a < CODES) & (b < CODES)
    result: Array = np.where(numbers, np.abs(a - b), (a != b).astype(float))
    return result


def _matern(apart: Array, lengths: Array, size: float) -> Array:
    import numpy as np

    r = np.sqrt(5.0 * ((apart / lengths[:, None, None]) ** 2).sum(axis=0))
    result: Array = size**2 * (1 + r + r**2 / 3) * np.exp(-r)
    return result


def kernel(one: Array, other: Array, lengths: Array, size: float) -> Array:
    return _matern(distances(one, other), lengths, size)


def _fit(apart: Array, same_block: Array, values: Array) -> Array:
    """Return the logarithms of the lengths, the size, the noise and the deviation of blocks."""
    import numpy as np

    axes = len(apart)
    starts: Array = np.log([*[_START_LENGTH] * axes, _START_SIZE, _START_NOISE, _START_NOISE])
    spreads = np.array([*[_LENGTH_SPREAD] * axes, _SIZE_SPREAD, _NOISE_SPREAD, _NOISE_SPREAD])
    diagonal = np.eye(len(values))

    def loss(logs: Array) -> float:
        size, noise, block = np.exp(logs[-3:])
        own = _matern(apart, np.exp(logs[:-3]), size) + _CONSTANT + block**2 * same_block
        own += max(noise, _LEAST_NOISE) ** 2 * diagonal
        factor = np.linalg.cholesky(own)
        seen = np.linalg.solve(factor, values)
        prior = (((logs - starts) / spreads) ** 2).sum()
        return float(seen @ seen / 2 + np.log(np.diag(factor)).sum() + prior / 2)

    best, at = loss(starts), starts
    for step in _STEPS:
        for _ in range(2):
            for number in range(len(at)):
                for sign in (step, -step):
                    moved = at.copy()
                    moved[number] += sign
                    found = loss(moved)
                    while found < best:
                        best, at = found, moved
                        moved = at.copy()
                        moved[number] += sign
                        found = loss(moved)
    return at

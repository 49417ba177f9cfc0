"""Which axes of a tuning matter, with what confidence, as the surrogate of its runs predicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from runner.stats.intervals import LEVEL
from runner.stats.student import t_quantile
from runner.sweep.tune.space import Point, Space
from runner.sweep.tune.surrogate import Prediction

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

MATTERS = 0.01
"""Effects below 1 % do not matter, as in a comparison."""
_SAMPLE = 128
"""Most combinations of the other axes that an effect is averaged over."""
Answer = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class AxisEffect:
    """How much the best value of an axis gains over its worst one, averaged over the other axes.

    Attributes:
        path: of the axis.
        best: index of the value with the best expected level.
        effect: share, 0.1 is 10 %.
        low: lower end of the 95 % interval, under the assumptions of the surrogate.
        high: upper end of it.
        matters: whether the whole interval is above `MATTERS`, or below it.
    """

    path: str
    best: int
    effect: float
    low: float
    high: float
    matters: Answer


def axis_effects(space: Space, points: Sequence[Point], prediction: Prediction) -> list[AxisEffect]:
    """Return the effect of every axis, the largest first."""
    index = {point: number for number, point in enumerate(points)}
    found = [
        _effect(space, points, index, prediction, number)
        for number, axis in enumerate(space.axes)
        if len(axis.values) > 1
    ]
    return sorted((one for one in found if one is not None), key=lambda one: -one.effect)


def _effect(
    space: Space, points: Sequence[Point], index: dict[Point, int], prediction: Prediction, number: int
) -> AxisEffect | None:
    import numpy as np

    axis = space.axes[number]
    others: dict[Point, list[int]] = {}
    for point in points:
        if point[number] is not None:
            others.setdefault((*point[:number], None, *point[number + 1 :]), []).append(index[point])
    whole = [rows for rows in others.values() if len(rows) == len(axis.values)]
    if not whole:
        return None  # conditions of later axes leave no combination that has every value
    chosen = whole[:: max(1, len(whole) // _SAMPLE)]
    levels = [
        float(np.mean([prediction.mean[rows[at]] for rows in chosen])) for at in range(len(axis.values))
    ]
    best, worst = int(np.argmax(levels)), int(np.argmin(levels))
    weights = np.zeros(len(points))
    for rows in chosen:
        weights[rows[best]] += 1 / len(chosen)
        weights[rows[worst]] -= 1 / len(chosen)
    value, deviation = prediction.covariance(weights)
    half = t_quantile((1 + LEVEL) / 2, math.inf) * deviation
    low, high = math.expm1(max(0.0, value - half)), math.expm1(value + half)
    matters: Answer = "yes" if low > MATTERS else "no" if high < MATTERS else "unknown"
    return AxisEffect(axis.path, best, math.expm1(value), low, high, matters)

"""The search space of a tuning: every combination of the values of its axes. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.util.bounds import is_reading

Point = tuple[int | None, ...]
"""the index of its value on every axis; None: a condition of the axis does not hold, the profile decides"""


@dataclass(frozen=True, slots=True)
class Axis:
    """A field of the profile and the values that it may have.

    Attributes:
        path: of the field.
        values: at least one.
        only_if: path of another axis -> values of it at which this axis varies.
    """

    path: str
    values: tuple[Any, ...]
    only_if: Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Space:
    """The axes of a tuning; conditions name earlier axes only."""

    axes: tuple[Axis, ...]

    @property
    def size(self) -> int:
        """An upper bound of the number of points, without enumerating them."""
        return math.prod(len(axis.values) for axis in self.axes)

    def points(self) -> list[Point]:
        """Return every point once, in the order of the axes."""
        found: dict[Point, None] = {}
        for indices in itertools.product(*(range(len(axis.values)) for axis in self.axes)):
            found[self._without_inactive(indices)] = None
        return list(found)

    def _without_inactive(self, indices: Sequence[int]) -> Point:
        point: list[int | None] = []
        values: dict[str, Any] = {}
        for axis, index in zip(self.axes, indices, strict=True):
            holds = all(values.get(path) in allowed for path, allowed in axis.only_if.items())
            point.append(index if holds else None)
            if holds:
                values[axis.path] = axis.values[index]
        return tuple(point)

    def values_at(self, point: Point) -> dict[str, Any]:
        """Return the value of every path that a point sets."""
        return {
            axis.path: axis.values[index]
            for axis, index in zip(self.axes, point, strict=True)
            if index is not None
        }

    def coordinates(self, points: Sequence[Point]) -> list[list[float]]:
        """Return the coordinates of points, one row each.

        Numbers have their rank from 0 to 1, because ranges of options are mostly geometric. Other values have
        codes from 2 on, and are all equally far from each other and from numbers.
        """
        return [
            [_coordinate(axis, index) for axis, index in zip(self.axes, point, strict=True)]
            for point in points
        ]


CODES = 2.0
"""Coordinates from here on are codes of values without an order."""
INACTIVE = -1.0


def _coordinate(axis: Axis, index: int | None) -> float:
    if index is None:
        return INACTIVE
    if not _is_number(axis.values[index]):
        return CODES + index
    numbers = sorted({float(value) for value in axis.values if _is_number(value)})
    return numbers.index(float(axis.values[index])) / max(1, len(numbers) - 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and is_reading(value)

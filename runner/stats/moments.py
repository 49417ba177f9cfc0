"""Count, mean and standard deviation of values that arrive one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec


@dataclass(slots=True)
class Mean:
    """Count, mean and last of values that arrive one by one; cheaper than `Moments`."""

    n: int = 0
    total: float = 0.0
    last: float = math.nan

    def add(self, value: float) -> None:
        self.n += 1
        self.total += value
        self.last = value

    def extend(self, values: Sequence[float]) -> None:
        """Add values; as `add` of each, to the last digit, which `sum` of some versions of Python is not."""
        if not values:
            return
        total = self.total
        for value in values:
            total += value
        self.n, self.total, self.last = self.n + len(values), total, values[-1]

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else math.nan


class Moments(msgspec.Struct):
    """Count, mean, standard deviation, minimum, maximum and last of values that arrive one by one; exact."""

    n: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    last: float = math.nan
    _shift: float = 0.0
    _sum: float = 0.0
    _squares: float = 0.0

    def add(self, value: float) -> None:
        if self.n == 0:
            # Sums are relative to the first value, so that a small spread on a large mean keeps its digits.
            self._shift = value
        self.n += 1
        self.last = value
        if value < self.minimum:
            self.minimum = value
        if value > self.maximum:
            self.maximum = value
        distance = value - self._shift
        self._sum += distance
        self._squares += distance * distance

    def extend(self, values: Sequence[float]) -> None:
        """Add values; as `add` of each, to the last digit."""
        if not values:
            return
        if self.n == 0:
            self._shift = values[0]
        self.n += len(values)
        self.last = values[-1]
        self.minimum = min(self.minimum, min(values))
        self.maximum = max(self.maximum, max(values))
        shift, total, squares = self._shift, self._sum, self._squares
        for value in values:
            distance = value - shift
            total += distance
            squares += distance * distance
        self._sum, self._squares = total, squares

    @property
    def mean(self) -> float:
        return self._shift + self._sum / self.n if self.n else math.nan

    @property
    def total(self) -> float:
        return self._shift * self.n + self._sum

    @property
    def deviation(self) -> float:
        """Standard deviation of the sample (n - 1); nan for fewer than two values."""
        if self.n < 2:
            return math.nan
        return math.sqrt(max(0.0, self._squares - self._sum * self._sum / self.n) / (self.n - 1))

"""Count, mean and standard deviation of values that arrive one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass


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

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else math.nan


@dataclass(slots=True)
class Moments:
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

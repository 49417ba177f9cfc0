"""The course of a growing sample, in bounded memory: for the eye (extremes) and for statistics (means)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Bucket:
    """Neighbouring points of a series, merged: nothing between `low` and `high` is lost to the eye."""

    t: int
    """time of the first point, nanoseconds"""
    low: float
    high: float


@dataclass(slots=True)
class Series:
    """A line over points in order, in bounded memory: when it is full, neighbours merge in pairs.

    Up to `capacity` points each has a bucket of its own; afterwards every bucket spans `width` points and
    keeps their minimum and maximum, so a single spike survives any number of merges.
    """

    capacity: int = 4096
    width: int = 1
    n: int = 0
    buckets: list[Bucket] = field(default_factory=list)
    _open: int = 0

    def add(self, t: int, value: float) -> None:
        self.n += 1
        if self._open:
            bucket = self.buckets[-1]
            if value < bucket.low:
                bucket.low = value
            elif value > bucket.high:
                bucket.high = value
            self._open -= 1
            return
        if len(self.buckets) == self.capacity:
            self._merge()
        self.buckets.append(Bucket(t, value, value))
        self._open = self.width - 1

    def _merge(self) -> None:
        pairs = zip(self.buckets[::2], self.buckets[1::2], strict=True)
        self.buckets = [Bucket(a.t, min(a.low, b.low), max(a.high, b.high)) for a, b in pairs]
        self.width *= 2


@dataclass(slots=True)
class Batches:
    """Means of `width` neighbouring values in order: what intervals, drift and warm-up are estimated from.

    Up to `capacity` values each is a batch of its own; afterwards neighbours merge in pairs. Sums lose
    nothing by that; correlation between neighbours, which is what makes a plain standard error too small,
    moves into the batches. Values behind the last whole batch (fewer than `width`) are not in `means` yet.
    """

    capacity: int = 1024
    width: int = 1
    n: int = 0
    means: list[float] = field(default_factory=list)
    _sum: float = 0.0
    _open: int = 0

    def add(self, value: float) -> None:
        self.n += 1
        self._sum += value
        self._open += 1
        if self._open < self.width:
            return
        self.means.append(self._sum / self.width)
        self._sum = 0.0
        self._open = 0
        if len(self.means) == self.capacity:
            self.means = [(a + b) / 2 for a, b in zip(self.means[::2], self.means[1::2], strict=True)]
            self.width *= 2

"""A growing sample over time, in bounded memory: for plots (extremes) and for statistics (means)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class SeriesBucket(msgspec.Struct):
    """Neighbouring points of a series, merged to their minimum and maximum."""

    t: int
    """time of the first point, nanoseconds"""
    low: float
    high: float


class Series(msgspec.Struct):
    """A line of points in order, in bounded memory: when it is full, neighbours merge in pairs.

    Up to `capacity`, each point has its own bucket; afterwards every bucket spans `width` points and
    keeps their minimum and maximum, so a single spike survives any number of merges.
    """

    capacity: int = 4096
    width: int = 1
    n: int = 0
    buckets: list[SeriesBucket] = []
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
        self.buckets.append(SeriesBucket(t, value, value))
        self._open = self.width - 1

    def extend(self, times: Sequence[int], values: Sequence[float]) -> None:
        """Add points; as `add` of each."""
        at = 0
        while at < len(values):
            if not self._open:
                self.add(times[at], values[at])
                at += 1
                continue
            inside = values[at : at + self._open]
            bucket = self.buckets[-1]
            bucket.low = min(bucket.low, min(inside))
            bucket.high = max(bucket.high, max(inside))
            self.n += len(inside)
            self._open -= len(inside)
            at += len(inside)

    def _merge(self) -> None:
        pairs = zip(self.buckets[::2], self.buckets[1::2], strict=True)
        self.buckets = [SeriesBucket(a.t, min(a.low, b.low), max(a.high, b.high)) for a, b in pairs]
        self.width *= 2


class Batches(msgspec.Struct):
    """Means of `width` neighbouring values in order, for intervals, drift and warm-up.

    Up to `capacity`, each value is a batch; afterwards neighbours merge in pairs. Sums stay exact; the
    correlation between neighbours, which makes a plain standard error too small, moves into the batches.
    Values after the last full batch (fewer than `width`) are not in `means` yet.
    """

    capacity: int = 1024
    width: int = 1
    n: int = 0
    means: list[float] = []
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

    def extend(self, values: Sequence[float]) -> None:
        """Add values; as `add` of each, to the last digit."""
        at = 0
        while at < len(values):
            # All but the last of a batch are only summed.
            inside = values[at : at + self.width - self._open - 1]
            total = self._sum
            for value in inside:
                total += value
            self._sum = total
            self.n += len(inside)
            self._open += len(inside)
            at += len(inside)
            if at < len(values):
                self.add(values[at])
                at += 1

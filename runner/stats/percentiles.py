"""Percentiles and histogram of a growing sample, in bounded memory; exact up to a limit."""

from __future__ import annotations

import itertools
import math
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from runner.stats.moments import Moments

EXACT_LIMIT = 200_000
"""Up to this many values a percentile is exact (8 bytes each); beyond, it comes from a histogram."""
BIN_RATIO = 1.001
"""Neighbouring histogram bins differ by 0.1 %, so a percentile from it is within 0.05 % of the sample's."""

_LOG_RATIO = math.log(BIN_RATIO)
_BIN_OF_ZERO = -(1 << 30)


class Bin(msgspec.Struct, frozen=True):
    """One bin of a histogram and the number of its values; the upper edge belongs to the next bin."""

    low: float
    high: float
    n: int


class Sample(Moments):
    """Moments and percentiles of values that arrive one by one.

    Percentiles use linear interpolation between order statistics (Hyndman & Fan type 7, numpy's default).
    They are exact up to `EXACT_LIMIT` values, then within 0.05 % of the nearest value below; the moments are
    exact for any number.
    """

    _new: array[float] = msgspec.field(default_factory=lambda: array("d"))
    """values that are not in `_sorted` yet"""
    _sorted: array[float] = msgspec.field(default_factory=lambda: array("d"))
    _bins: Counter[int] = msgspec.field(default_factory=Counter)

    def add(self, value: float) -> None:
        Moments.add(self, value)
        if self.n <= EXACT_LIMIT:
            self._new.append(value)
        elif self._bins:
            self._bins[_bin_of(value)] += 1
        else:
            self._add_to_histogram((value,))

    def extend(self, values: Sequence[float]) -> None:
        """Add values; as `add` of each, to the last digit."""
        room = max(0, EXACT_LIMIT - self.n)
        Moments.extend(self, values)
        self._new.extend(values[:room])
        if len(values) > room:
            self._add_to_histogram(values[room:])

    @property
    def exact(self) -> bool:
        return self.n <= EXACT_LIMIT

    def percentile(self, q: float) -> float:
        """The q-th percentile, q in 0..100, by linear interpolation; nan for an empty sample."""
        if self.n == 0:
            return math.nan
        if not self.exact:
            return self._from_histogram([q])[0]
        return interpolated(self._ordered(), q)

    def percentiles(self, shares: Sequence[float]) -> list[float]:
        """Return the percentiles at ascending `shares` (0 to 100) of a sample with values, in one pass."""
        if not self.exact:
            return self._from_histogram(shares)
        ordered = self._ordered()
        return [interpolated(ordered, q) for q in shares]

    def upstream_percentile(self, q: float) -> float:
        """`sorted[int(n * q)]` as TensorRT-LLM's benchmark.py computes it (no interpolation, one rank high).

        Above `EXACT_LIMIT` values the difference is below the histogram's resolution.
        """
        if self.n == 0:
            return math.nan
        if not self.exact:
            return self._from_histogram([q])[0]
        return self._ordered()[min(self.n - 1, int(self.n * (q / 100)))]

    def histogram(self, most: int) -> list[Bin]:
        """Return at most `most` bins of equal width from the minimum to the maximum, with their counts.

        Above `EXACT_LIMIT` values, bins are at least as wide as the resolution of the stored histogram.
        """
        span = self.maximum - self.minimum
        if self.n == 0 or span <= 0:
            return [Bin(self.minimum, self.maximum, self.n)] if self.n else []
        if not self.exact:
            most = max(1, min(most, int(span / (2 * (BIN_RATIO - 1) * self.maximum))))
        edges = [self.minimum + span * index / most for index in range(most + 1)]
        counts = self.counts([*edges[:-1], math.inf])
        return [Bin(*values) for values in zip(edges, edges[1:], counts, strict=False)]

    def counts(self, edges: Sequence[float]) -> list[int]:
        """Return the number of values in each interval between ascending `edges`, without its upper edge.

        Above `EXACT_LIMIT` values, each value counts at the middle of its bin in the stored histogram.
        """
        if self.exact:
            ordered = self._ordered()
            below = [bisect_left(ordered, edge) for edge in edges]
            return [upper - lower for lower, upper in itertools.pairwise(below)]
        counts = [0] * (len(edges) - 1)
        for middle, count in self._middles():
            place = bisect_right(edges, middle) - 1
            if 0 <= place < len(counts):
                counts[place] += count
        return counts

    def _ordered(self) -> array[float]:
        """Return all values in order.

        New values are inserted in place, from the highest down: a list of numbers takes four times the
        memory, and a copy at each call leaves holes in the heap.
        """
        if not self._new:
            return self._sorted
        new, ordered, end = sorted(self._new), self._sorted, len(self._sorted)
        self._new = array("d")
        ordered.extend(new)
        with memoryview(ordered) as view:  # its slices move in place, those of an array are copies
            for after in range(len(new) - 1, -1, -1) if end else ():
                place = bisect_right(ordered, new[after], 0, end)
                view[place + after + 1 : end + after + 1] = view[place:end]
                ordered[place + after] = new[after]
                end = place
        return ordered

    def _add_to_histogram(self, values: Sequence[float]) -> None:
        if not self._bins:
            self._bins.update(map(_bin_of, self._ordered()))
            self._sorted = array("d")
        self._bins.update(map(_bin_of, values))

    def _from_histogram(self, shares: Sequence[float]) -> list[float]:
        """Return the percentiles at ascending `shares` (0 to 100)."""
        found: list[float] = []
        seen = 0
        for middle, count in self._middles():
            seen += count
            while len(found) < len(shares) and seen > (self.n - 1) * shares[len(found)] / 100:
                found.append(middle)
            if len(found) == len(shares):
                break
        return found + [self.maximum] * (len(shares) - len(found))

    def _middles(self) -> Iterator[tuple[float, int]]:
        """Yield the bins of the histogram in order: the value that represents a bin, and its count."""
        for bin_ in sorted(self._bins):
            middle = math.exp((bin_ + 0.5) * _LOG_RATIO) if bin_ != _BIN_OF_ZERO else 0.0
            yield min(max(middle, self.minimum), self.maximum), self._bins[bin_]


def _bin_of(value: float) -> int:
    """Return the bin of the histogram that a value belongs to."""
    return math.floor(math.log(value) / _LOG_RATIO) if value > 0 else _BIN_OF_ZERO


def interpolated(ordered: Sequence[float], q: float) -> float:
    """Return a percentile of ordered values by linear interpolation: position (n - 1) * q / 100."""
    position = (len(ordered) - 1) * q / 100
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)

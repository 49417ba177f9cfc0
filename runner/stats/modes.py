"""Whether a sample has two modes: two levels that single iterations switch between."""

from __future__ import annotations

import math

import msgspec

from runner.stats.dip import dip
from runner.stats.percentiles import Sample

FEWEST = 30
"""Fewest values that can have two modes."""
LEAST_SHARE = 0.05
"""Smallest share of the values in a mode; less are outliers."""
_FEWEST_OF_MODE = 5
_SEPARATION = 5.0
"""Ashman's D: distance of the medians x sqrt(2) / root of the sum of squared deviations."""
_LEAST_SEPARATION = 3.0
"""The same, if the dip rejects one mode."""
_LEAST_DISTANCE = 0.01
"""Smallest distance of the medians as a share of the lower one."""
_VALLEY = 0.1
"""Largest share, of the smaller mode, of values in the middle third between the medians."""
_LARGEST_VALLEY = 0.25
"""The same, if the dip rejects one mode."""
_DIP = 0.5
"""The dip rejects one mode from this on, divided by the root of the number of values."""
_MOST_FOR_DIP = 1000
"""More values do not lower that bound: the dip is of `_POINTS` percentiles."""
_POINTS = 200
_SHARES = [1 + 97 * (i + 0.5) / _POINTS for i in range(_POINTS)]
_DEVIATION_FROM_QUARTILES = 1.349


class Mode(msgspec.Struct, frozen=True):
    """One of two modes.

    Attributes:
        median: of its values.
        share: of all values, 0 to 1.
        lower, upper: quartiles of its values.
    """

    median: float
    share: float
    lower: float
    upper: float

    @property
    def deviation(self) -> float:
        """Standard deviation, from the quartiles."""
        return (self.upper - self.lower) / _DEVIATION_FROM_QUARTILES


class Modes(msgspec.Struct, frozen=True):
    """Two modes, the lower one first."""

    low: Mode
    high: Mode


def find_modes(sample: Sample) -> Modes | None:
    """Return the two modes of a sample of values above 0; None: it may have one.

    The values between the 1st and the 98th percentile, without extremes, are split where the two parts have
    the least squared deviations (Otsu 1979). The parts are modes if each is large enough, their medians are
    far apart compared with their quartiles (Ashman, Bird & Zepf 1994), and hardly a value lies between them.
    Modes that are closer, or have more values between them, must also be rejected as one mode by the dip of
    the sample (Hartigan & Hartigan 1985).
    """
    global _last
    known, n, found = _last
    if known is not sample or n != sample.n:
        found = _find_modes(sample)
        _last = sample, sample.n, found
    return found


_last: tuple[Sample | None, int, Modes | None] = None, 0, None
"""the last sample, its size and its modes: fence, count and title of one frame ask for the same"""


def _find_modes(sample: Sample) -> Modes | None:
    if sample.n < FEWEST or sample.minimum <= 0:
        return None
    points = sample.percentiles(_SHARES)
    split = _best_split(points)
    below, _, above = sample.counts((-math.inf, split, split, math.inf))
    if min(below, above) < max(_FEWEST_OF_MODE, LEAST_SHARE * sample.n):
        return None
    share = below / sample.n
    low, high = _mode(sample, 0.0, share), _mode(sample, share, 1.0)
    distance = high.median - low.median
    if distance < _LEAST_DISTANCE * low.median:
        return None
    deviations = math.hypot(low.deviation, high.deviation)
    separation = distance * math.sqrt(2) / deviations if deviations else math.inf
    third = distance / 3
    [between] = sample.counts((low.median + third, high.median - third))
    valley = between / min(below, above)
    if separation >= _SEPARATION and valley <= _VALLEY:
        return Modes(low, high)
    possible = separation >= _LEAST_SEPARATION and valley <= _LARGEST_VALLEY
    return Modes(low, high) if possible and _rejects_one_mode(sample) else None


def _rejects_one_mode(sample: Sample) -> bool:
    points = min(sample.n, _POINTS)
    ordered = sample.percentiles([100 * i / (points - 1) for i in range(points)])
    return dip(ordered) >= _DIP / math.sqrt(min(sample.n, _MOST_FOR_DIP))


def _best_split(points: list[float]) -> float:
    """Return the value that splits points, in order, into two parts with the least squared deviations."""
    n, total, before = len(points), sum(points), 0.0
    best, split = -1.0, points[-1]
    for k in range(1, n):
        before += points[k - 1]
        mean = before / k - (total - before) / (n - k)
        explained = mean * mean * k * (n - k)
        if explained > best:
            best, split = explained, (points[k - 1] + points[k]) / 2
    return split


def _mode(sample: Sample, begin: float, end: float) -> Mode:
    """Return the mode of the values from one share of the sample to another."""
    lower, median, upper = (
        sample.percentile(100 * (begin + (end - begin) * part)) for part in (0.25, 0.5, 0.75)
    )
    return Mode(median, end - begin, lower, upper)

"""Whether latencies are still warming up, steady, or drifting.

Pure and cheap (about a millisecond for the 1024 batches of a run), so the live screen can call it after every
iteration and the report shows the same at the end. No iteration is removed: the verdict about the first
iterations does not change the mean.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runner.stats.samples import interpolated
from runner.stats.series import Batches
from runner.stats.student import t_quantile

SteadinessVerdict = Literal["WARMING", "STEADY", "DRIFTING"]

FEWEST = 8
"""Fewest iterations for a verdict; with fewer it is WARMING."""
FEWEST_FOR_DRIFT = 5
DRIFT_THAT_MATTERS = 0.01
"""Share of the mean by which the latency must move over the measured phase to be DRIFTING."""
_SEGMENTS = 20
_DEVIATION_OF_MEDIAN = math.sqrt(math.pi / 2)
_DEVIATION_FROM_QUARTILES = 1.349


@dataclass(frozen=True, slots=True)
class Drift:
    """The share by which the level changes from the first value to the last: -0.02 is 2 % less.

    A straight line through the logarithms, so that no bound is below -100 %: ordinary least squares over the
    means of up to 20 equal segments, which are nearly independent even if neighbouring iterations are not.
    `low` and `high` bound it with 95 % confidence, by Student's t.
    """

    change: float
    low: float
    high: float

    @property
    def certain(self) -> bool:
        """Whether the interval excludes no drift at all."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Steadiness:
    """Warm-up and drift of the iterations until now.

    Attributes:
        n: number of timed iterations.
        first: how many of the first iterations differ from the rest; 0: none.
        effect: the share by which the mean would change without these; 0.0 if there are none.
        drift: change of the rest over its length; None below `FEWEST` iterations.
    """

    verdict: SteadinessVerdict
    n: int
    first: int
    effect: float
    drift: Drift | None

    @property
    def sentence(self) -> str:
        """The verdict as text, for a screen or a flag."""
        if self.n < FEWEST:
            few = "1 iteration is" if self.n == 1 else f"{self.n} iterations are"
            return f"{few} too few to tell whether the latency is steady"
        parts = []
        if self.verdict == "DRIFTING" and self.drift is not None:
            drift = self.drift
            parts.append(
                f"the latency drifts by {drift.change:+.1%} over the measured phase"
                f" (95 %: {drift.low:+.1%} to {drift.high:+.1%})"
            )
        if self.first:
            differ = "iteration differs" if self.first == 1 else f"{self.first} iterations differ"
            without = "it" if self.first == 1 else "them"
            parts.append(f"the first {differ}: without {without} the mean would move by {self.effect:+.1%}")
        elif self.verdict == "WARMING":
            parts.append("the latency still moves towards its level")
        return "; ".join(parts) or "steady"


def assess_steadiness(batches: Batches) -> Steadiness:
    """Return the verdict on a growing series of latencies.

    Three steps: (1) the cut that leaves the mean of the rest best known (MSER, White 1997), searched in the
    first half and accepted only if the median of what is cut off is too far from the rest's to be chance
    (1 in 10,000 by Student's t, the spread estimated from quartiles of the rest); (2) drift of the rest;
    (3) a change that slows down is warm-up; one that does not is drift.
    """
    values = batches.means
    count = len(values)
    if count < FEWEST:
        return Steadiness("WARMING", batches.n, 0, 0.0, None)
    cut = _first_that_differ(values)
    rest = values[cut:]
    moved = drift(rest)
    if _matters(moved) or cut > count * 0.4:
        whole = drift(values)
        if _matters(whole) and not _slows_down(values):
            return Steadiness("DRIFTING", batches.n, 0, 0.0, whole)
    mean = sum(values) / count
    effect = (sum(rest) / len(rest) - mean) / mean if cut and mean else 0.0
    warming = _matters(moved) or cut > count * 0.4
    return Steadiness("WARMING" if warming else "STEADY", batches.n, cut * batches.width, effect, moved)


def _matters(moved: Drift | None) -> bool:
    return moved is not None and moved.certain and abs(moved.change) > DRIFT_THAT_MATTERS


def drift(values: Sequence[float]) -> Drift | None:
    """Return the change along a straight line through the logarithms of values in order.

    None for fewer than `FEWEST_FOR_DRIFT`, and for values that are not above 0.
    """
    segments = _segments(values)
    n = len(segments)
    if n < FEWEST_FOR_DRIFT or min(y for _, y in segments) <= 0:
        return None
    points = [(x, math.log(y)) for x, y in segments]
    mean = sum(y for _, y in points) / n
    middle = sum(x for x, _ in points) / n
    spread = sum((x - middle) ** 2 for x, _ in points)
    slope = sum((x - middle) * y for x, y in points) / spread
    residual = sum((y - mean - slope * (x - middle)) ** 2 for x, y in points)
    error = math.sqrt(residual / (n - 2) / spread) * t_quantile(0.975, n - 2)
    length = len(values) - 1
    return Drift(*(_change(at * length) for at in (slope, slope - error, slope + error)))


def _change(difference: float) -> float:
    """Convert a difference of logarithms to a share; infinite if it overflows."""
    try:
        return math.expm1(difference)
    except OverflowError:
        return math.inf


def _segments(values: Sequence[float]) -> list[tuple[float, float]]:
    """Return middle and mean of up to `_SEGMENTS` parts of nearly equal length."""
    count = len(values)
    if count < 2 * _SEGMENTS:
        return list(enumerate(values))
    edges = [count * i // _SEGMENTS for i in range(_SEGMENTS + 1)]
    return [((a + b - 1) / 2, sum(values[a:b]) / (b - a)) for a, b in itertools.pairwise(edges)]


def _first_that_differ(values: Sequence[float]) -> int:
    cut = _best_cut(values)
    if cut == 0:
        return 0
    rest = sorted(values[cut:])
    deviation = (interpolated(rest, 75) - interpolated(rest, 25)) / _DEVIATION_FROM_QUARTILES
    centre = interpolated(rest, 50)
    distance = abs(interpolated(sorted(values[:cut]), 50) - centre)
    if cut == 1 and rest[0] <= values[0] <= rest[-1]:
        return 0  # a spike, like later ones
    error = max(deviation, 1e-6 * abs(centre)) * _DEVIATION_OF_MEDIAN / math.sqrt(cut)
    chance = t_quantile(0.9999, len(rest) - 1)
    return cut if distance > chance * error * math.sqrt(_inefficiency(values[cut:])) else 0


def _best_cut(values: Sequence[float]) -> int:
    """MSER: the k in the first half with the least sum((x - mean)^2) / (n - k)^2 over the rest.

    The smallest k that is within a tenth of the least: spikes later on make the curve flat and wavy.
    """
    count = len(values)
    shift = values[-1]
    total = squares = 0.0
    errors = []
    for size, value in enumerate(reversed(values), 1):
        distance = value - shift
        total += distance
        squares += distance * distance
        errors.append((squares - total * total / size) / (size * size))
    candidates = errors[count - 1 - count // 2 :]
    candidates.reverse()
    enough = 1.1 * min(candidates)
    return next(k for k, error in enumerate(candidates) if error <= enough)


def _inefficiency(values: Sequence[float]) -> float:
    """Return 1 + 2 x the sum of autocorrelations before the first non-positive one (Geyer's first cut)."""
    n = len(values)
    mean = sum(values) / n
    centred = [value - mean for value in values]
    variance = sum(value * value for value in centred)
    if variance <= 0:
        return 1.0
    total = 1.0
    for lag in range(1, min(n // 3, 50) + 1):
        correlation = sum(a * b for a, b in zip(centred, centred[lag:], strict=False)) / variance
        if correlation <= 0:
            break
        total += 2 * correlation
    return total


def _slows_down(values: Sequence[float]) -> bool:
    """Check whether the second half changes less than half as much as the first half."""
    middle = len(values) // 2
    before, after = drift(values[:middle]), drift(values[middle:])
    if before is None or after is None:
        return False
    return abs(after.change) < abs(before.change) / 2

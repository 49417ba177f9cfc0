"""Whether values in order of time change: along a line, by a lasting step, or towards a level.

Three courses are fitted to the logarithms by least squares: a straight line, a step at any place, and an
exponential approach to a level. Each has a p-value by Student's t with the noise of its own residuals, which
accounts for the correlation of neighbours (`runner.stats.autocorrelation`). The p-values of step and approach
are multiplied by the number of places that are worth searching. Of the courses that pass, the one with the
smallest squared residuals is the change.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from runner.stats.autocorrelation import Noise, noise_of
from runner.stats.student import t_quantile, t_tail

Course = Literal["line", "step", "approach"]

FEWEST = 8
"""Fewest values for a change."""
_PLACES, _PACES = 20, 3
"""Factor of a p-value for the search of a step's place and of an approach's pace."""
SHORT = 0.1
"""A step within this share of the values is at the start, where warm-up is: it is one of few places."""
_SPIKE = 6.0
"""A value this many standard deviations beyond both neighbours is moved to there."""
_DEVIATION_OF_DIFFERENCES = 0.6745 * math.sqrt(2)


class Change(msgspec.Struct, frozen=True):
    """A fitted course, on natural logarithms.

    Attributes:
        course: which one.
        size: line: last value - first value; step: level after - before; approach: first value - level.
        error: standard error of `size`.
        df: degrees of freedom of the error.
        at: step: index of the first value on the new level; approach: after how many values 1 / e of the
            deviation is left; line: 0.
        squares: sum of squared residuals.
        places: how many places or paces were worth trying.
    """

    course: Course
    size: float
    error: float
    df: float
    at: float
    squares: float
    places: int = 1

    @property
    def chance(self) -> float:
        """Probability that steady values have a change of this course that is so clear, or clearer."""
        if self.size == 0:
            return 1.0
        if self.error <= 0:
            return 0.0
        return min(1.0, 2 * self.places * t_tail(abs(self.size) / self.error, self.df))

    def bounds(self, level: float = 0.95) -> tuple[float, float]:
        """Return the interval of `size`."""
        half = t_quantile((1 + level) / 2, round(self.df, 1)) * self.error
        return self.size - half, self.size + half


def find_change(values: Sequence[float], *, chance: float, least: float) -> Change | None:
    """Return the change of values above 0; None: they may be steady.

    Args:
        values: in order of time.
        chance: the largest p-value.
        least: the smallest size, as a logarithm.
    """
    if len(values) < FEWEST or min(values) <= 0:
        return None
    logs = without_spikes([math.log(value) for value in values])
    found = (fit_line(logs), fit_step(logs), fit_approach(logs))
    passed = [
        one
        for one in found
        if abs(one.size) > least and one.chance < chance and not _is_a_first_spike(one, logs)
    ]
    return min(passed, key=lambda one: one.squares, default=None)


def without_spikes(values: Sequence[float]) -> list[float]:
    """Return values with single ones that are far beyond both neighbours moved closer to them.

    A single slow iteration is no change. The first value stays: it may be the warm-up.
    """
    differences = sorted(abs(b - a) for a, b in itertools.pairwise(values))
    far = _SPIKE * differences[len(differences) // 2] / _DEVIATION_OF_DIFFERENCES
    if far <= 0:
        return list(values)
    found = [values[0]]
    for before, value, after in zip(values, values[1:], [*values[2:], values[-2]], strict=False):
        lower, upper = (before, after) if before < after else (after, before)
        found.append(min(max(value, lower - far), upper + far))
    return found


def fit_line(values: Sequence[float]) -> Change:
    """Fit a straight line; for three or more values."""
    n = len(values)
    middle, mean = (n - 1) / 2, sum(values) / n
    spread = n * (n * n - 1) / 12
    slope = sum((i - middle) * value for i, value in enumerate(values)) / spread
    residuals = [value - mean - slope * (i - middle) for i, value in enumerate(values)]
    return _change("line", slope * (n - 1), residuals, (n - 1) ** 2 / spread)


def fit_step(values: Sequence[float]) -> Change:
    """Fit two levels; the second has at least 5 values and a tenth of them."""
    n = len(values)
    mean = sum(values) / n
    best, place, total, at_place = -1.0, 1, 0.0, 0.0
    for k in range(1, n - max(5, n // 10) + 1):
        total += values[k - 1] - mean
        explained = total * total / (k * (n - k))
        if explained > best:
            best, place, at_place = explained, k, total
    before, after = mean + at_place / place, mean - at_place / (n - place)
    residuals = [value - (before if i < place else after) for i, value in enumerate(values)]
    places = min(_PLACES, max(1, int(SHORT * n))) if place <= max(1, SHORT * n) else _PLACES
    return _change("step", after - before, residuals, 1 / place + 1 / (n - place), place, places)


def fit_approach(values: Sequence[float]) -> Change:
    """Fit level + size x exp(-i / pace); the paces are 1.5, 2.25, 3.4, ... up to half the length."""
    n = len(values)
    mean = sum(values) / n
    centred = [value - mean for value in values]
    best, size, pace, spread = -1.0, 0.0, 1.5, 1.0
    tried = 1.5
    while tried <= n / 2:
        ratio = math.exp(-1 / tried)
        # The sums of ratio^i and of its square have closed forms; what is below 1e-6 adds nothing.
        sums, squares = (1 - ratio**n) / (1 - ratio), (1 - ratio ** (2 * n)) / (1 - ratio * ratio)
        weight, product = 1.0, 0.0
        for value in centred[: math.ceil(14 * tried)]:
            product += weight * value
            weight *= ratio
        varied = squares - sums * sums / n
        if varied > 0 and product * product / varied > best:
            best, size, pace, spread = product * product / varied, product / varied, tried, varied
        tried *= 1.5
    ratio = math.exp(-1 / pace)
    usual = (1 - ratio**n) / (1 - ratio) / n
    residuals, weight = [], 1.0
    for value in centred:
        residuals.append(value - size * (weight - usual))
        weight *= ratio
    return _change("approach", size, residuals, 1 / spread, pace, _PACES)


def _change(
    course: Course, size: float, residuals: list[float], leverage: float, at: float = 0.0, places: int = 1
) -> Change:
    noise = noise_of(residuals) if len(residuals) >= FEWEST else Noise(math.inf, 1.0)
    squares = sum(one * one for one in residuals)
    return Change(course, size, math.sqrt(noise.variance * leverage), noise.df, at, squares, places)


def _is_a_first_spike(change: Change, values: Sequence[float]) -> bool:
    """Check whether a change is due to one or two first values that are like later ones."""
    few = math.ceil(change.at) if change.course == "step" else round(2 * change.at)
    if change.course == "line" or few > 3:
        return False
    rest = values[few:]
    level = sorted(rest)[len(rest) // 2]
    # Of two values both have to deviate, of three at least two.
    value = sorted(values[:few], key=lambda one: abs(one - level))[(few - 1) // 2]
    return min(rest) <= value <= max(rest)

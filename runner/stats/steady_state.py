"""Whether latencies are still warming up, steady, drifting, or have stepped to another level.

`assess_steadiness` looks once, at the end, at a level of 99 %. `watch_steadiness` is for a screen that looks
after every iteration: it looks only at 24, 30, 37, ... iterations (each time a quarter more), and a verdict
changes only after two looks in a row agree. Both are pure functions of the series, so a live run, its replay
and its report agree. `docs/statistics.md` has the measured false alarms and power. No iteration is removed: a
verdict about the first iterations does not change the mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from runner.stats.changes import FEWEST, SHORT, Change, find_change, fit_line, without_spikes
from runner.stats.series import Batches

__all__ = ["FEWEST", "FIRST_LOOK", "Drift", "Steadiness", "SteadinessVerdict", "Step", "assess_steadiness",
           "drift", "last_look", "watch_steadiness"]  # fmt: skip

SteadinessVerdict = Literal["WARMING", "STEADY", "DRIFTING", "STEP"]

FIRST_LOOK = 24
"""Number of iterations of the first look of `watch_steadiness`."""
_NEXT_LOOK = 1.25
_CHANCE = 0.01
"""Largest p-value of a change."""
CHANGE_THAT_MATTERS = 0.01
"""Share of the level from which on a change makes a verdict."""
_SETTLED = 0.005
"""A warm-up is over when the latency is within this share of its level."""
_LONG = 0.4
"""A warm-up of more than this share of the iterations is not over."""


class Drift(msgspec.Struct, frozen=True):
    """The share by which the level changes from the first value to the last: -0.02 is 2 % less.

    A straight line through the logarithms, so that no bound is below -100 %, by ordinary least squares. `low`
    and `high` bound it with 95 % confidence, by Student's t with the long-run noise of the residuals.
    """

    change: float
    low: float
    high: float


class Step(msgspec.Struct, frozen=True):
    """A lasting change of the level.

    Attributes:
        after: number of iterations before it.
        change: share by which the level changes; `low` and `high` bound it with 95 % confidence.
    """

    after: int
    change: float
    low: float
    high: float


class Steadiness(msgspec.Struct, frozen=True):
    """Warm-up, drift and step of the iterations until now.

    Attributes:
        n: number of timed iterations that the verdict is about; those until its last look.
        first: how many of the first iterations differ from the rest; 0: none.
        effect: the share by which the mean would change without these; 0.0 if there are none.
        drift: change of the rest over its length; None below `FEWEST` iterations.
        step: only for the verdict STEP.
    """

    verdict: SteadinessVerdict
    n: int
    first: int
    effect: float
    drift: Drift | None
    step: Step | None = None

    @property
    def change(self) -> float:
        """The share by which the level moves: of a drift or a step; 0.0 for other verdicts."""
        if self.verdict == "DRIFTING" and self.drift is not None:
            return self.drift.change
        return self.step.change if self.step is not None else 0.0

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
                f"the latency drifts by {drift.change:+.1%} over {self.n} iterations{_bounds(drift)}"
            )
        if self.step is not None:
            step = self.step
            parts.append(
                f"the latency steps by {step.change:+.1%} after iteration {step.after} and stays there"
                f"{_bounds(step)}"
            )
        if self.first:
            differ = "iteration differs" if self.first == 1 else f"{self.first} iterations differ"
            without = "it" if self.first == 1 else "them"
            parts.append(f"the first {differ}: without {without} the mean would move by {self.effect:+.1%}")
        elif self.verdict == "WARMING":
            parts.append("the latency still moves towards its level")
        return "; ".join(parts) or "steady"


def _bounds(moved: Drift | Step) -> str:
    return f" (95 %: {moved.low:+.1%} to {moved.high:+.1%})"


def assess_steadiness(batches: Batches) -> Steadiness:
    """Return the verdict on a finished series of latencies. False alarms: about 1 in 100 steady runs."""
    return _conclude(batches.means, batches.width, batches.n, _find(batches.means))


def watch_steadiness(batches: Batches) -> Steadiness:
    """Return the verdict on a growing series, as of its last look; STEADY before two looks.

    It costs about two looks, each in proportion to the number of batches. It is the same until the next look
    (`last_look`).
    """
    looks: list[tuple[int, Change | None]] = []
    for count in _looks(batches.n):
        length = count // batches.width
        looks.append((length, _find(batches.means[:length])))
        if len(looks) > 1 and (looks[-1][1] is None) == (looks[-2][1] is None):
            break
    else:
        looks = []  # no two looks in a row agree
    length = looks[0][0] if looks else len(batches.means)
    change = None
    if looks and looks[-1][1] is not None:
        length, change = next(look for look in looks if look[1] is not None)
    return _conclude(batches.means[:length], batches.width, length * batches.width, change)


def last_look(n: int) -> int:
    """Return the number of iterations at the last look of `watch_steadiness`; below the first look `n`."""
    return next(_looks(n), n)


def _looks(n: int) -> Iterator[int]:
    """Yield the numbers of iterations at which `watch_steadiness` looks, up to `n`, the last one first."""
    looks = []
    look = FIRST_LOOK
    while look <= n:
        looks.append(look)
        look = int(look * _NEXT_LOOK)
    return reversed(looks)


def _find(values: Sequence[float]) -> Change | None:
    return find_change(values, chance=_CHANCE, least=math.log1p(CHANGE_THAT_MATTERS))


def _conclude(values: Sequence[float], width: int, n: int, change: Change | None) -> Steadiness:
    """Return the verdict on a change of batches of `width` iterations; None: they are steady."""
    if len(values) < FEWEST:
        return Steadiness("WARMING", n, 0, 0.0, None)
    if change is None:
        return Steadiness("STEADY", n, 0, 0.0, drift(values))
    if change.course == "line":
        return Steadiness("DRIFTING", n, 0, 0.0, drift(values))
    first = int(change.at)
    if change.course == "approach":
        first = max(1, math.ceil(change.at * math.log(abs(change.size) / _SETTLED)))
        if first > _LONG * len(values):
            return Steadiness("WARMING", n, 0, 0.0, drift(values))
    elif first > max(1, SHORT * len(values)):
        shares = map(_share, (change.size, *change.bounds()))
        return Steadiness("STEP", n, 0, 0.0, drift(values), Step(first * width, *shares))
    mean, rest = sum(values) / len(values), values[first:]
    effect = (sum(rest) / len(rest) - mean) / mean
    return Steadiness("STEADY", n, first * width, effect, drift(rest))


def drift(values: Sequence[float]) -> Drift | None:
    """Return the change along a straight line through the logarithms of values in order.

    None for fewer than `FEWEST`, and for values that are not above 0.
    """
    if len(values) < FEWEST or min(values) <= 0:
        return None
    line = fit_line(without_spikes([math.log(value) for value in values]))
    return Drift(*map(_share, (line.size, *line.bounds())))


def _share(difference: float) -> float:
    """Convert a difference of logarithms to a share; infinite if it overflows."""
    try:
        return math.expm1(difference)
    except OverflowError:
        return math.inf

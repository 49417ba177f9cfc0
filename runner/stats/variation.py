"""Variation of a number from run to run and from session to session, estimated from grouped runs.

Runs that were measured together (one session: one boot, no long break) share clocks, temperature and
neighbours, so they agree better than runs of different days. A model with two levels describes this: the
logarithm of the number of a run is a level, plus a deviation of its session, plus a deviation of the run.
The mean of the runs of a session varies with `session`, single runs within it with `run`.

All values are natural logarithms, so a standard deviation of 0.01 is about 1 %.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from runner.stats.student import t_tail

ASSUMED_SPREAD = 0.02
"""Standard deviation from session to session that is assumed until there are enough sessions.

It is cautious: two sessions that vary by up to 2 % then get a wrong verdict in 1 to 2 of 100 cases. The same
assumption holds for two single runs, whatever their sessions: one run says nothing about its repeats.
"""
LEAST_DF = 2.0
"""Fewest degrees of freedom of an estimate from earlier sessions; four sessions have them."""
_NORMAL_QUARTILE = 0.6745
_SHIFT = 4.0
"""A step of the level is removed from this many standard deviations of a difference on."""
_CALM = 2.0
"""The differences before and after a step of the level stay below this many."""
_CHANCE_OF_STEP = 0.01
"""Largest p-value of a single step of the level."""
_STEPS_OF = 8
"""At most one in so many differences is removed as a step of the level; so many values are few."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A standard deviation of logarithms.

    Attributes:
        deviation: 0.01 is 1 %.
        df: degrees of freedom of the estimate; infinite for an assumption.
        runs: number of earlier runs that it is from; 0: it is assumed.
    """

    deviation: float
    df: float
    runs: int


@dataclass(frozen=True, slots=True)
class Variation:
    """What is known about the variation of one number before the compared runs are looked at.

    Attributes:
        session: of the mean of the runs of a session, from session to session.
        run: of single runs within a session; None: not known.
        runs_per_session: harmonic mean of the number of runs behind the means of `session`; infinite for an
            assumption, which does not include the variation of single runs.
    """

    session: Spread
    run: Spread | None = None
    runs_per_session: float = math.inf

    @property
    def known(self) -> bool:
        """Whether the variation between sessions was measured in earlier sessions."""
        return self.session.runs > 0

    def mean_variance(self, runs: int, run: Spread | None) -> tuple[tuple[float, float], ...]:
        """Return components of the variance of the mean of `runs` runs of one new session, each with its df.

        Args:
            runs: number of runs of the session.
            run: variation within a session; None: not known.
        """
        session = (self.session.deviation**2, self.session.df)
        further = 1 / runs - 1 / self.runs_per_session
        if run is None or further <= 0:
            return (session,)
        return session, (run.deviation**2 * further, run.df)


ASSUMED = Variation(Spread(ASSUMED_SPREAD, math.inf, 0))


def estimate_variation(histories: Iterable[Sequence[Sequence[float]]]) -> Variation:
    """Return the variation that earlier runs show; between sessions the assumed one if they are too few.

    Args:
        histories: of each profile its sessions, oldest first, and of each session the logarithms of its
            runs; not empty.
    """
    squares = df = within = within_df = inverse = 0.0
    sessions = runs = within_runs = 0
    for history in histories:
        for session in history:
            within += squared_deviations(session)
            within_df += len(session) - 1
            within_runs += len(session) if len(session) > 1 else 0
            inverse += 1 / len(session)
        sessions += len(history)
        runs += sum(map(len, history))
        variance, own_df = successive_variance([sum(one) / len(one) for one in history])
        squares, df = squares + own_df * variance, df + own_df
    run = Spread(math.sqrt(within / within_df), within_df, within_runs) if within_df else None
    if df < LEAST_DF:
        return Variation(ASSUMED.session, run)
    return Variation(Spread(math.sqrt(squares / df), df, runs), run, sessions / inverse)


def successive_variance(values: Sequence[float]) -> tuple[float, float]:
    """Return the variance of values in order of time, and its degrees of freedom.

    Half the mean square of successive differences (von Neumann 1941): slow drift and a lasting step of the
    level (a new driver) hardly add to it. A difference that is such a step is left out. Of few values with
    one step, it is the variance around both levels, which has more degrees of freedom.
    """
    differences = [after - before for before, after in itertools.pairwise(values)]
    if not differences:
        return 0.0, 0.0
    single = _single_step(values)
    if single is not None and len(values) <= _STEPS_OF:
        return single.variance, len(values) - 2.0
    steps = _steps(differences) or ([single.place] if single is not None else [])
    count = len(differences) - len(steps)
    squares = sum(one * one for at, one in enumerate(differences) if at not in steps)
    return squares / (2 * count), 2 * count**2 / (3 * count - 1)


def _steps(differences: Sequence[float]) -> list[int]:
    """Return the places of differences that are much larger than the others, between two calm ones.

    A single value that deviates makes two large differences and counts. The first and the last difference
    have one neighbour, so they are left out only if there are `_STEPS_OF` differences.
    """
    number = len(differences)
    scale = sorted(map(abs, differences))[number // 2] / _NORMAL_QUARTILE
    ends = 1 if number < _STEPS_OF else 0
    found = [
        at
        for at in range(ends, number - ends)
        if abs(differences[at]) > _SHIFT * scale
        and all(abs(differences[near]) < _CALM * scale for near in (at - 1, at + 1) if 0 <= near < number)
    ]
    found.sort(key=lambda at: -abs(differences[at]))
    return found[: max(1, number // _STEPS_OF)]


class _Step(NamedTuple):
    """A step of the level: the place of its difference, and the variance around both levels."""

    place: int
    variance: float


def _single_step(values: Sequence[float]) -> _Step | None:
    """Return where the level of values steps once; None: it does not.

    The median of few differences is uncertain, so neighbours of a step look restless by chance. All values
    before and after it say more: Student's t of the two levels, at the place where it is largest, corrected
    for the number of places. At least two values are on each side, as one that deviates is no level.
    """
    places, df = range(2, len(values) - 1), len(values) - 2
    if not places:
        return None
    largest, found = 0.0, None
    for at in places:
        before, after = values[:at], values[at:]
        variance = (squared_deviations(before) + squared_deviations(after)) / df
        error = math.sqrt(variance * (1 / len(before) + 1 / len(after)))
        step = abs(sum(after) / len(after) - sum(before) / len(before))
        t = step / error if error else math.inf if step else 0.0
        if t > largest:
            largest, found = t, _Step(at - 1, variance)
    return found if 2 * t_tail(largest, df) * len(places) <= _CHANCE_OF_STEP else None


def squared_deviations(values: Sequence[float]) -> float:
    """Return the sum of squared deviations from the mean."""
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values)

"""The level of one number of a side, with the error towards each end: what further sessions would show.

The model of `run_difference`, for one side: sessions vary, runs within a session vary, and the iterations of
a single run leave something open. So more runs of one session do not reduce what sessions add.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from runner.compare.run_difference import (
    Component,
    ErrorBound,
    RunValue,
    error_of,
    further_noise,
    pooled,
    runs_weight,
    session_spread,
    session_weight,
    spread_within,
    with_noise,
)
from runner.stats.intervals import LEVEL, Interval
from runner.stats.variation import ASSUMED, LEAST_DF, Spread, Variation


@dataclass(frozen=True, slots=True)
class RunLevel:
    """The level of a number.

    Attributes:
        value: the (geometric) mean over runs, in the unit of the number.
        below: standard error of its logarithm towards smaller values; infinite: not bounded.
        above: the same towards larger values.
        spread: the variation that the error is mostly from, as a standard deviation of logarithms.
        assumed: whether that variation is assumed.
        noisy: whether the iterations leave more open than the runs.
    """

    value: float
    below: ErrorBound
    above: ErrorBound
    spread: float
    assumed: bool
    noisy: bool

    def interval(self, level: float = LEVEL) -> Interval:
        low, high = self.below.half_width(level), self.above.half_width(level)
        return Interval(
            self.value * math.exp(-low) if math.isfinite(low) else -math.inf,
            self.value * math.exp(high) if high < 700 else math.inf,
        )


def run_level(
    runs: Sequence[RunValue], variation: Variation = ASSUMED, shared: Sequence[RunValue] = ()
) -> RunLevel:
    """Return the level of one side.

    Args:
        runs: values above 0; not empty.
        variation: from earlier runs.
        shared: runs of the other side, if it was measured in the same sessions and the level is only set in
            relation to it: what a session adds is then on both sides, and cancels.
    """
    sessions = _by_session(runs)
    own = spread_within(list(sessions.values()))
    value = math.exp(math.fsum(math.log(run.value) for run in runs) / len(runs))
    if shared:
        run = pooled(own, spread_within(list(_by_session(shared).values())), variation.run)
        if run is not None and run.df >= LEAST_DF:
            known = Variation(run, None, 1.0)
            noise = further_noise(runs, Variation(variation.session, variation.run), run)
            return _level(value, [(run.deviation**2 / len(runs), run.df)], noise, known)
    run, session = pooled(own, variation.run), session_spread(sessions)
    if variation.known:
        between = pooled(variation.session, session)
        assert between is not None
        variation = Variation(between, variation.run, variation.runs_per_session)
    elif session is not None and session.df >= LEAST_DF:
        per_session = len(sessions) / sum(1 / len(group) for group in sessions.values())
        variation = Variation(session, None, per_session)
    else:
        deviation = max(variation.session.deviation, session.deviation if session is not None else 0.0)
        variation = Variation(Spread(deviation, math.inf, 0), variation.run)
    base = [(session_weight(sessions) * variation.session.deviation**2, variation.session.df)]
    if run is not None:
        base.append((runs_weight(sessions, variation) * run.deviation**2, run.df))
    return _level(value, base, further_noise(runs, variation, run), variation)


def _level(
    value: float,
    base: list[Component],
    noise: tuple[list[Component], list[Component]],
    variation: Variation,
) -> RunLevel:
    below, above = (error_of(with_noise(base, part, variation.known)) for part in noise)
    between = sum(variance for variance, _ in base)
    noisy = max(sum(variance for variance, _ in part) for part in noise) > between
    spread = variation.session
    return RunLevel(value, below, above, spread.deviation, math.isinf(spread.df), noisy)


def _by_session(runs: Sequence[RunValue]) -> dict[int, list[float]]:
    sessions: dict[int, list[float]] = defaultdict(list)
    for run in runs:
        sessions[run.session].append(math.log(run.value))
    return sessions

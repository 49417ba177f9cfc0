"""The difference of one number between two sides, with its standard error, for every way of measuring.

All computations use logarithms. Runs count once each; the difference is that of the means over runs.

- **One session, or several with the same share of each side** (A B B A): what a session adds is the same on
  both sides and cancels. From three runs a side on, a straight line over the order of measuring is fitted
  with the difference, so that slow drift of the machine cancels, too (least squares; Student's t). Runs that
  were measured A A A B B B then say little: drift and difference look alike in them, and the error says so.
- **Different sessions**: the unit is the session, not the run. Its variation comes from earlier sessions and
  from several sessions of a side, else it is assumed; more runs of the same session do not reduce it.
- **Unequal numbers of runs**: Welch's t, as a pooled variance would be wrong if the scatter is unequal, too.

A component of a variance has its own degrees of freedom; their sum has those of Welch and Satterthwaite.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from runner.stats.intervals import LEVEL, Estimate
from runner.stats.student import t_quantile, t_tail
from runner.stats.variation import ASSUMED, LEAST_DF, Spread, Variation, squared_deviations

Design = Literal["within", "line", "sessions"]
"""`within`: the sides share their sessions; `line`: so they do, and a line over the order is removed;
`sessions`: they do not share them"""

LEAST_FOR_LINE = 3
"""Fewest runs of each side for the line over the order of measuring."""
_SAME_SHARE = 1e-9

Component = tuple[float, float]
"""variance and its degrees of freedom"""


@dataclass(frozen=True, slots=True)
class RunValue:
    """A number of one run.

    Attributes:
        value: above 0 unless it is not judged.
        estimate: what its iterations say about it; None: nothing.
        session: runs with an equal number were measured together.
        order: place in time among the compared runs.
        has_history: earlier runs of the same profile and machine are part of the known variation, so it
            includes what the iterations of this run add.
    """

    value: float
    estimate: Estimate | None = None
    session: int = 0
    order: float = 0.0
    has_history: bool = False


@dataclass(frozen=True, slots=True)
class ErrorBound:
    """Standard error of a difference towards one side, and its degrees of freedom."""

    error: float
    df: float

    def half_width(self, level: float) -> float:
        if not math.isfinite(self.error):
            return math.inf
        return t_quantile((1 + level) / 2, round(self.df, 1)) * self.error


@dataclass(frozen=True, slots=True)
class RunDifference:
    """Second minus first, logarithm.

    Attributes:
        value: the difference.
        below: error of its lower bound; infinite: not bounded.
        above: error of its upper bound.
        design: how the runs were measured.
        run: variation of single runs within a session, if it is estimated.
        used: the variation that the error is mostly from; None: that of each side is its own.
        assumed: whether the error rests on the assumed variation.
        within: part of the error that is due to the iterations of single runs.
        runs: number of runs of the smaller side.
    """

    value: float
    below: ErrorBound
    above: ErrorBound
    design: Design
    run: Spread | None
    used: Spread | None
    assumed: bool
    within: float = 0.0
    runs: int = 1

    def bounds(self, level: float = LEVEL) -> tuple[float, float]:
        return self.value - self.below.half_width(level), self.value + self.above.half_width(level)

    @property
    def chance(self) -> float:
        """The p-value of no difference, two-sided."""
        bound = self.below if self.value > 0 else self.above
        if self.value == 0 or not math.isfinite(bound.error):
            return 1.0
        if bound.error == 0:
            return 0.0
        return 2 * t_tail(abs(self.value) / bound.error, bound.df)


def run_difference(
    first: Sequence[RunValue], second: Sequence[RunValue], variation: Variation = ASSUMED
) -> RunDifference:
    """Return the difference of two sides; all values must be above 0."""
    sides = _Sides(first, second)
    if sides.share_sessions and len(first) + len(second) > 2:
        found = _within_sessions(sides, variation)
    else:
        found = _between_sessions(sides, variation)
    return replace(found, runs=min(len(first), len(second)))


class _Sides:
    """Logarithms of both sides by session."""

    def __init__(self, first: Sequence[RunValue], second: Sequence[RunValue]) -> None:
        self.runs = (first, second)
        self.logs = tuple([math.log(run.value) for run in side] for side in self.runs)
        self.by_session: tuple[dict[int, list[float]], ...] = (defaultdict(list), defaultdict(list))
        for sessions, side, logs in zip(self.by_session, self.runs, self.logs, strict=True):
            for run, log in zip(side, logs, strict=True):
                sessions[run.session].append(log)

    @property
    def value(self) -> float:
        a, b = (math.fsum(logs) / len(logs) for logs in self.logs)
        return b - a

    @property
    def share_sessions(self) -> bool:
        """Whether each session has the same share of the runs of both sides."""
        a, b = self.by_session
        return a.keys() == b.keys() and all(
            abs(len(a[one]) / len(self.logs[0]) - len(b[one]) / len(self.logs[1])) < _SAME_SHARE for one in a
        )

    def own_spread(self) -> Spread | None:
        """Return the variation of runs of one side within one session; None: each session has one."""
        return spread_within([group for sessions in self.by_session for group in sessions.values()])


def spread_within(groups: Sequence[Sequence[float]]) -> Spread | None:
    """Return the variation of runs around the means of their sessions; None: each session has one run."""
    df = sum(len(group) - 1 for group in groups)
    if not df:
        return None
    return Spread(math.sqrt(sum(map(squared_deviations, groups)) / df), df, 0)


def pooled(*spreads: Spread | None) -> Spread | None:
    """Return one standard deviation from several independent estimates; None if there is none."""
    known = [spread for spread in spreads if spread is not None and spread.df > 0]
    if not known:
        return None
    df = sum(spread.df for spread in known)
    if math.isinf(df):
        return max(known, key=lambda spread: spread.df)
    squares = sum(spread.df * spread.deviation**2 for spread in known)
    return Spread(math.sqrt(squares / df), df, sum(spread.runs for spread in known))


def error_of(components: Iterable[Component]) -> ErrorBound:
    """Return the root of the sum of variances with Welch and Satterthwaite's degrees of freedom."""
    components = [one for one in components if one[0] > 0]
    variance = sum(one for one, _ in components)
    if not components or math.isinf(variance):
        return ErrorBound(math.sqrt(variance), math.inf)
    uncertainty = sum((one / variance) ** 2 / df for one, df in components)
    return ErrorBound(math.sqrt(variance), 1 / uncertainty if uncertainty else math.inf)


# --- the sides share their sessions ------------------------------------------------------------------------


def _within_sessions(sides: _Sides, variation: Variation) -> RunDifference:
    """Fit session levels, the difference, and a line over the order, by least squares."""
    runs = [run for side in sides.runs for run in side]
    sessions = [run.session for run in runs]
    firsts = len(sides.runs[0])
    side = _centred([float(index >= firsts) for index in range(len(runs))], sessions)
    values = _centred([log for logs in sides.logs for log in logs], sessions)
    order = _centred([run.order for run in runs], sessions)
    df = len(runs) - len(set(sessions)) - 1
    line = min(map(len, sides.logs)) >= LEAST_FOR_LINE and df > LEAST_FOR_LINE and _independent(order, side)
    if line:
        side, values, df = _without(side, order), _without(values, order), df - 1
    weights = [one / _dot(side, side) for one in side]
    value = _dot(weights, values)
    left = [one - value * at for one, at in zip(values, side, strict=True)]
    design: Design = "line" if line else "within"
    own = Spread(math.sqrt(_dot(left, left) / df), df, 0) if df else None
    known = variation.run if variation.run is not None else variation.session if variation.known else None
    spread = pooled(own, known)
    if spread is None or (known is None and spread.df < LEAST_DF):
        deviation = max(variation.session.deviation, spread.deviation if spread else 0.0)
        bound = error_of([(deviation**2 * _dot(weights, weights), math.inf)])
        used = Spread(deviation, math.inf, 0)
        return RunDifference(value, bound, bound, design, own, used, assumed=True)
    if known is None and firsts * 2 != len(runs) and min(map(len, sides.logs)) > 1:
        bound = error_of(_unequal(left, weights, firsts, df))
    else:
        bound = error_of([(spread.deviation**2 * _dot(weights, weights), spread.df)])
    return RunDifference(value, bound, bound, design, spread, spread, assumed=False)


def _unequal(left: Sequence[float], weights: Sequence[float], firsts: int, df: int) -> list[Component]:
    """Return the variance of each side from its own residuals; other parameters are shared by both."""
    shared = len(left) - 2 - df
    found = []
    for part in (slice(0, firsts), slice(firsts, None)):
        count = len(left[part])
        own_df = max(0.5, count - 1 - shared * count / len(left))
        variance = _dot(left[part], left[part]) / own_df
        found.append((variance * _dot(weights[part], weights[part]), own_df))
    return found


def _centred(values: Sequence[float], sessions: Sequence[int]) -> list[float]:
    groups: dict[int, list[float]] = defaultdict(list)
    for value, session in zip(values, sessions, strict=True):
        groups[session].append(value)
    means = {session: math.fsum(group) / len(group) for session, group in groups.items()}
    return [value - means[session] for value, session in zip(values, sessions, strict=True)]


def _independent(order: Sequence[float], side: Sequence[float]) -> bool:
    """Check whether a trend over the order can be separated from the difference of the sides."""
    size = _dot(order, order)
    return size > 1e-12 and _dot(side, side) - _dot(order, side) ** 2 / size > 1e-9


def _without(values: Sequence[float], other: Sequence[float]) -> list[float]:
    share = _dot(values, other) / _dot(other, other)
    return [value - share * one for value, one in zip(values, other, strict=True)]


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


# --- different sessions, or one run each -------------------------------------------------------------------


def _between_sessions(sides: _Sides, variation: Variation) -> RunDifference:
    if sides.share_sessions and variation.run is not None and variation.run.df >= LEAST_DF:
        return _from_variation(sides, Variation(variation.run, None, 1.0), None, "within")
    run = pooled(sides.own_spread(), variation.run)
    own = [session_spread(sessions) for sessions in sides.by_session]
    if variation.known:
        session = pooled(variation.session, *own)
        assert session is not None
        variation = Variation(session, variation.run, variation.runs_per_session)
    elif all(one is not None for one in own):
        components = [
            (one.deviation**2 * session_weight(sessions), one.df)
            for one, sessions in zip(own, sides.by_session, strict=True)
            if one is not None
        ]
        bound = error_of(components)
        return RunDifference(sides.value, bound, bound, "sessions", run, pooled(*own), assumed=False)
    elif (one := pooled(*own)) is not None and one.df >= LEAST_DF:
        several = sides.by_session[0 if own[0] is not None else 1]
        variation = Variation(one, None, len(several) / sum(1 / len(group) for group in several.values()))
    else:
        deviation = max(variation.session.deviation, one.deviation if one is not None else 0.0)
        variation = Variation(Spread(deviation, math.inf, 0), variation.run)
    return _from_variation(sides, variation, run, "within" if sides.share_sessions else "sessions")


def session_spread(sessions: Mapping[int, Sequence[float]]) -> Spread | None:
    """Return the variation of the session means of one side; None: it has one session."""
    if len(sessions) < 2:
        return None
    means = [math.fsum(group) / len(group) for group in sessions.values()]
    df = len(means) - 1
    return Spread(math.sqrt(squared_deviations(means) / df), df, 0)


def session_weight(sessions: Mapping[int, Sequence[float]]) -> float:
    """Return by how much the variance of a session mean counts in that of the mean over runs."""
    total = sum(map(len, sessions.values()))
    return sum((len(group) / total) ** 2 for group in sessions.values())


def runs_weight(sessions: Mapping[int, Sequence[float]], variation: Variation) -> float:
    """Return by how much the variance of single runs counts beyond what the known session means include."""
    total = sum(map(len, sessions.values()))
    return sum(
        (len(group) / total) ** 2 * max(0.0, 1 / len(group) - 1 / variation.runs_per_session)
        for group in sessions.values()
    )


def further_noise(
    runs: Sequence[RunValue], variation: Variation, run: Spread | None
) -> tuple[list[Component], list[Component]]:
    """Return what the iterations of a single run add below and above it; nothing for several runs.

    The variation from run to run is assumed, or known from other profiles: it may be less than what the
    iterations of this run alone leave open.
    """
    if len(runs) > 1 or (runs[0].has_history and variation.known):
        return [], []
    known = run.deviation**2 if run is not None else 0.0
    below, above = ([(max(0.0, variance - known), df)] for variance, df in iteration_noise(runs[0]))
    return below, above


def _from_variation(sides: _Sides, variation: Variation, run: Spread | None, design: Design) -> RunDifference:
    session = runs_part = 0.0
    noise: tuple[list[Component], list[Component]] = ([], [])
    for index, (runs, sessions) in enumerate(zip(sides.runs, sides.by_session, strict=True)):
        session += session_weight(sessions)
        runs_part += runs_weight(sessions, variation)
        # The lower bound of the difference: the first side could be more, the second less.
        for end, part in enumerate(further_noise(runs, variation, run)):
            noise[end if index else 1 - end].extend(part)
    base: list[Component] = [(session * variation.session.deviation**2, variation.session.df)]
    if run is not None:
        base.append((runs_part * run.deviation**2, run.df))
    below, above = (error_of(with_noise(base, parts, variation.known)) for parts in noise)
    within = math.sqrt(max(sum(one for one, _ in parts) for parts in noise))
    known_run = variation.session if design == "within" and variation.known else run
    assumed = math.isinf(variation.session.df)
    return RunDifference(sides.value, below, above, design, known_run, variation.session, assumed, within)


def with_noise(base: list[Component], noise: list[Component], known: bool) -> list[Component]:
    """Return the sum for an assumption; for a known variation, which includes noise, the larger of both."""
    if not known:
        return base + noise
    return max(base, noise, key=lambda components: sum(one for one, _ in components))


def iteration_noise(run: RunValue) -> tuple[Component, Component]:
    """Return the variance of the logarithm of a run's number below and above it, from its iterations."""
    if run.estimate is None:
        return (0.0, math.inf), (0.0, math.inf)
    interval, df = run.estimate.interval(LEVEL), run.estimate.df
    factor = t_quantile((1 + LEVEL) / 2, round(df, 1)) if df > 0 else 1.0
    return (
        ((_ratio(interval.low, run.value) / factor) ** 2, df),
        ((_ratio(run.value, interval.high) / factor) ** 2, df),
    )


def _ratio(low: float, high: float) -> float:
    """Return the difference of the logarithms; infinite if `low` is not positive or a bound is open."""
    return math.log(high / low) if low > 0 and math.isfinite(high) else math.inf

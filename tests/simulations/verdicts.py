"""False calls and power of verdicts, with those of other rules on the same runs.

The truth: the logarithm of a run is a level plus a deviation of its session (a day) plus one of the run.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from runner.compare.run_difference import RunValue, run_difference
from runner.compare.verdict import THRESHOLD, allowed_chances, conclude, judge
from runner.metrics import LATENCY
from runner.stats.intervals import MeanEstimate
from runner.stats.student import t_tail
from runner.stats.variation import ASSUMED, Variation, estimate_variation
from tests.simulations.table import Cell

RUNS = (1, 3, 5, 10)
DAYS = (0.005, 0.01, 0.015)
RUN = 0.003
"""standard deviation from run to run within a session"""
Rule = Callable[[Sequence[RunValue], Sequence[RunValue]], bool]


@dataclass(frozen=True)
class Truth:
    """How runs vary, as standard deviations of logarithms."""

    day: float
    run: float = RUN
    error: float = 0.001
    """of the mean of the iterations of one run"""


def session(
    rng: random.Random, truth: Truth, count: int, number: int, *, shift: float = 0.0, history: bool = False
) -> list[RunValue]:
    """Runs of one session, one after the other."""
    day = rng.gauss(0, truth.day)
    found = []
    for order in range(count):
        value = 100 * math.exp(shift + day + rng.gauss(0, truth.run) + rng.gauss(0, truth.error))
        estimate = MeanEstimate(value, value * truth.error, 20) if count == 1 else None
        found.append(RunValue(value, estimate, number, order, history))
    return found


def earlier(rng: random.Random, truth: Truth, sessions: int, runs: int = 1, step: float = 0.0) -> Variation:
    """What earlier sessions show; with a lasting step of the level in their middle."""
    runs_of = [session(rng, truth, runs, 0) for _ in range(sessions)]
    history = [
        [
            math.log(run.value) + (step if number >= sessions // 2 else 0)
            for run in session(rng, truth, runs, 0)
        ]
        for number, one in enumerate(runs_of)
    ]
    return estimate_variation([history])


def is_called(verdict: str | None) -> bool:
    return verdict in ("FASTER", "SLOWER")


# --- other rules -------------------------------------------------------------------------------------------


def welch_of_runs(first: Sequence[RunValue], second: Sequence[RunValue]) -> bool:
    """Welch's t on runs at 99 %, which takes all runs as independent."""
    if min(len(first), len(second)) < 2:
        return False
    logs = [[math.log(run.value) for run in side] for side in (first, second)]
    means = [sum(side) / len(side) for side in logs]
    parts = [
        sum((one - mean) ** 2 for one in side) / (len(side) - 1) / len(side)
        for side, mean in zip(logs, means, strict=True)
    ]
    total = sum(parts)
    df = total**2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, logs, strict=True))
    change = abs(means[1] - means[0])
    return change >= THRESHOLD and 2 * t_tail(change / math.sqrt(total), df) < 0.01


def benchstat(first: Sequence[RunValue], second: Sequence[RunValue]) -> bool:
    """Mann-Whitney's U on runs at 95 %, exact, as golang.org/x/perf/cmd/benchstat; from four runs a side."""
    if min(len(first), len(second)) < 4:
        return False
    a, b = len(first), len(second)
    u = sum(one.value > other.value for one in first for other in second)
    tail = sum(_orders(a, b, at) for at in range(min(u, a * b - u) + 1))
    return 2 * tail / math.comb(a + b, a) < 0.05


@cache
def _orders(a: int, b: int, u: int) -> int:
    """Return how many orders of `a` and `b` different values have this U."""
    if u < 0 or not a or not b:
        return int(u == 0)
    return _orders(a - 1, b, u - b) + _orders(a, b - 1, u)


def nvbench(first: Sequence[RunValue], second: Sequence[RunValue]) -> bool:
    """The rule of nvbench_compare.py: the change of the means exceeds the smaller relative noise."""
    means = [sum(run.value for run in side) / len(side) for side in (first, second)]
    noise = []
    for side, mean in zip((first, second), means, strict=True):
        if len(side) > 1:
            squares = sum((run.value - mean) ** 2 for run in side) / (len(side) - 1)
            noise.append(math.sqrt(squares) / mean)
        else:
            assert side[0].estimate is not None
            noise.append(RUN)
    return abs(means[1] / means[0] - 1) > min(noise)


OTHER_RULES: dict[str, Rule] = {"Welch on runs": welch_of_runs, "benchstat": benchstat, "nvbench": nvbench}


# --- the tables --------------------------------------------------------------------------------------------


def different_days(trials: int, seed: int) -> Iterator[Cell]:
    """A = A, each side one session: every number of runs, without history; and the other rules."""
    yield from _days(trials, seed, "no history", sessions=0)


def days_with_history(trials: int, seed: int) -> Iterator[Cell]:
    """A = A, each side one session: every number of runs, with earlier days of one or five runs."""
    yield from _days(trials, seed, "4 earlier days", sessions=4)
    yield from _days(trials, seed, "20 earlier days", sessions=20)
    yield from _days(trials, seed, "5 x 5", sessions=5, runs=5)


def _days(trials: int, seed: int, name: str, *, sessions: int, runs: int = 1) -> Iterator[Cell]:
    rules = OTHER_RULES if not sessions else {}
    for day in DAYS:
        rng, truth = random.Random(seed), Truth(day)
        for at_a, a in enumerate(RUNS):
            for b in RUNS[at_a:]:  # the rules do not depend on which side is first
                calls = dict.fromkeys(("ours", *rules), 0)
                for _ in range(trials):
                    known = earlier(rng, truth, sessions, runs) if sessions else ASSUMED
                    sides = [session(rng, truth, n, at, history=sessions > 0) for at, n in enumerate((a, b))]
                    calls["ours"] += is_called(judge(LATENCY, *sides, variation=known).verdict)
                    for rule, other in rules.items():
                        calls[rule] += other(*sides)
                where = f"days {day:.1%}, {a} vs {b} runs, {name}"
                yield Cell("false calls, different days", where, calls["ours"] / trials, most=0.05)
                for rule in rules:
                    yield Cell(f"false calls, different days: {rule}", where, calls[rule] / trials)


def interleaved(trials: int, seed: int) -> Iterator[Cell]:
    """One session, measured alternately, on a machine that drifts."""
    for drift, run in ((0.0, RUN), (0.003, RUN), (0.012, RUN), (0.0, 0.02), (0.012, 0.02)):
        for kind in ("ABAB", "ABBA"):
            for repeats in (3, 5, 10):
                order = "".join(("AB", "BA" if kind == "ABBA" else "AB")[at % 2] for at in range(repeats))
                for shift in (0.0, 0.02):
                    rng, calls, others = random.Random(seed), 0, dict.fromkeys(OTHER_RULES, 0)
                    for _ in range(trials):
                        sides: dict[str, list[RunValue]] = {"A": [], "B": []}
                        for at, side in enumerate(order):
                            level = drift * at + (shift if side == "B" else 0) + rng.gauss(0, run)
                            sides[side].append(RunValue(100 * math.exp(level), order=at))
                        calls += is_called(judge(LATENCY, sides["A"], sides["B"]).verdict)
                        for rule, other in OTHER_RULES.items():
                            others[rule] += other(sides["A"], sides["B"])
                    where = f"{kind}, {repeats} repeats, runs {run:.1%}, drift {drift:.1%} a run"
                    if not shift:
                        yield Cell("false calls, interleaved", where, calls / trials, most=0.015)
                    else:
                        least = 0.8 if repeats > 3 and run == RUN else None
                        yield Cell("+2 % is called, interleaved", where, calls / trials, least=least)
                    title = "+2 % is called, interleaved" if shift else "false calls, interleaved"
                    for rule, count in others.items():
                        yield Cell(f"{title}: {rule}", where, count / trials)


def with_history(trials: int, seed: int) -> Iterator[Cell]:
    """One run each of iterations that scatter by 10 %, where 6, 8 or 20 earlier runs vary by 1 % in total."""
    truth = Truth(day=0.005, run=0.005, error=0.007)
    for days, step in itertools.product((6, 8, 20), (0.0, 0.1)):
        for shift, title in ((0.0, "false calls"), (0.1, "+10 % is called")):
            rng, calls = random.Random(seed), 0
            for _ in range(trials):
                known = earlier(rng, truth, days, step=step)
                a = session(rng, truth, 1, 0, history=True)
                b = session(rng, truth, 1, 1, shift=shift, history=True)
                calls += is_called(judge(LATENCY, a, b, variation=known).verdict)
            where = f"one run each, noisy iterations, {days} earlier days, a step of {step:.0%} in them"
            bounds = {"least": 0.8} if shift else {"most": 0.05}
            yield Cell(title, where, calls / trials, **bounds)


def unequal(trials: int, seed: int) -> Iterator[Cell]:
    """A = A where counts and scatter of runs are unequal."""
    for counts in ((3, 10), (10, 3), (5, 10), (5, 5)):
        for scatter in ((0.003, 0.015), (0.015, 0.003)):
            rng, calls, others = random.Random(seed), 0, dict.fromkeys(OTHER_RULES, 0)
            for _ in range(trials):
                sides = []
                for side, (count, deviation) in enumerate(zip(counts, scatter, strict=True)):
                    # Each run is a session of its own, as a run a day is.
                    runs = (100 * math.exp(rng.gauss(0, deviation)) for _ in range(count))
                    sides.append([RunValue(value, session=2 * at + side) for at, value in enumerate(runs)])
                calls += is_called(judge(LATENCY, *sides).verdict)
                for rule, other in OTHER_RULES.items():
                    others[rule] += other(*sides)
            where = f"{counts[0]} vs {counts[1]} runs, scatter {scatter[0]:.1%} and {scatter[1]:.1%}"
            yield Cell("false calls, unequal scatter", where, calls / trials, most=0.05)
            for rule, count in others.items():
                yield Cell(f"false calls, unequal scatter: {rule}", where, count / trials)


def many_changes(trials: int, seed: int) -> Iterator[Cell]:
    """An answer with many configurations, all of them A = A: is any of them called?"""
    for configurations in (1, 3, 12):
        for repeats in (3, 5):
            rng, any_called = random.Random(seed), 0
            for _ in range(trials):
                found = []
                for _ in range(configurations * 3):
                    sides: list[list[RunValue]] = [[], []]
                    for at in range(2 * repeats):
                        side = (at + 1) // 2 % 2
                        sides[side].append(RunValue(100 * math.exp(rng.gauss(0, 0.02)), order=at))
                    found.append(run_difference(sides[0], sides[1]))
                allowed = allowed_chances([one.chance for one in found])
                any_called += any(
                    is_called(conclude(LATENCY, one, allowed=most).verdict)
                    for one, most in zip(found, allowed, strict=True)
                )
            where = f"{configurations} configurations of 3 numbers, {repeats} repeats of 2 %"
            yield Cell("any false call in an answer", where, any_called / trials, most=0.05)


SIMULATIONS = (different_days, days_with_history, interleaved, with_history, unequal, many_changes)

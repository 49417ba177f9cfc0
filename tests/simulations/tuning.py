"""Tunings of simulated machines: is the best point found, and is an infeasible one ever recommended?

The truth: the logarithm of a number of a run is a level of its point, plus a deviation of its session, plus
a slow random walk, plus one of the run. Some regions run out of memory, and some break a constraint.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from runner.sweep.tune.observations import BLOCK, Known, Observation
from runner.sweep.tune.search import Finished, Search
from runner.sweep.tune.space import Axis, Space
from tests.simulations.table import Cell

WITHIN = 0.02
SHARE = 0.5
"""of the grid: runs of the search, repeats and failures included"""
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Truth:
    """What a point is worth: logarithms; more is better, and a margin above 0 meets the constraint."""

    value: float
    margin: float
    works: bool = True


@dataclass(frozen=True)
class Noise:
    """Standard deviations of logarithms."""

    run: float = 0.005
    session: float = 0.01
    step: float = 0.0005
    """of the random walk, from run to run"""
    told: bool = True
    """whether the search knows when the session changes, as after a restart"""


@dataclass
class Surface:
    """A search space with a known truth."""

    space: Space
    baseline: Values
    truth: Callable[[Values], Truth]

    @cached_property
    def truths(self) -> list[Truth]:
        return [self.truth(self.space.values_at(point)) for point in self.space.points()]

    @cached_property
    def coordinates(self) -> Any:
        import numpy as np

        return np.array(self.space.coordinates(self.space.points()))

    @property
    def start(self) -> int:
        values = [self.space.values_at(point) for point in self.space.points()]
        return values.index(dict(self.baseline))

    @property
    def optimum(self) -> float:
        return max(one.value for one in self.truths if one.works and one.margin > 0)


@dataclass
class Machine:
    """Measures points, and changes the session after 6 to 14 runs."""

    surface: Surface
    noise: Noise
    rng: random.Random
    known: Known = field(default_factory=Known)
    _levels: tuple[float, float] = (0.0, 0.0)
    _left: int = 0

    def measure(self, point: int) -> None:
        if self._left == 0:
            self._levels = self.rng.gauss(0, self.noise.session), self.rng.gauss(0, self.noise.session)
            self._left = self.rng.randint(6, 14)
        known, truth = self.known, self.surface.truths[point]
        observations, failed = known.observations, known.failed
        if truth.works:
            value, margin = (
                one + level + self.rng.gauss(0, self.noise.run)
                for one, level in zip((truth.value, truth.margin), self._levels, strict=True)
            )
            observations = (*observations, Observation(point, known.block, (value,), (margin,)))
        else:
            failed = failed | {point}
        self._levels = (
            self._levels[0] + self.rng.gauss(0, self.noise.step),
            self._levels[1] + self.rng.gauss(0, self.noise.step),
        )
        self._left -= 1
        changed = self._left == 0 and self.noise.told
        new = changed or known.in_block + 1 >= BLOCK
        self.known = Known(
            observations=observations,
            failed=failed,
            runs=known.runs + 1,
            block=known.block + new,
            in_block=0 if new else known.in_block + 1,
        )


@dataclass(frozen=True)
class Outcome:
    """The end of one tuning."""

    loss: float
    """logarithm of the optimum minus that of the recommended point; infinite: nothing is recommended"""
    infeasible: bool
    runs: int


def tuned(surface: Surface, noise: Noise, seed: int) -> Outcome:
    """Tune a surface with half as many runs as it has points."""
    machine = Machine(surface, noise, random.Random(f"{seed} machine"))
    trials = int(len(surface.truths) * SHARE)
    while True:
        search = Search(surface.coordinates, surface.start, trials, machine.known, seed)
        step = search.decision
        if isinstance(step, Finished):
            break
        machine.measure(step.point)
    if search.best is None:
        return Outcome(math.inf, False, machine.known.runs)
    truth = surface.truths[search.best]
    bad = not truth.works or truth.margin <= 0
    return Outcome(surface.optimum - truth.value, bad, machine.known.runs)


# --- surfaces ----------------------------------------------------------------------------------------------


def _axis(path: str, *values: Any) -> Axis:
    return Axis(path, values, {})


def serving(_: int = 0) -> Surface:
    """Requests in flight, share of the cache, chunks, policy: 96 points; latency bounds the batch."""

    def truth(at: Values) -> Truth:
        batch, share = at["batch"], at["share"]
        rate = batch / (1 + batch / 90) * (1 if batch <= 128 else 0.93)
        rate *= 1 + 0.48 * (share - 0.7) * min(1, batch / 128)
        if at["chunked"]:
            rate *= 1.04 if batch >= 64 else 0.97
        if at["policy"] == "most":
            rate *= 1.03 if share >= 0.9 else 0.98
        latency = 900 + 9.0 * batch * (1.1 if at["chunked"] else 1.0)
        return Truth(math.log(rate), math.log(2000 / latency), not (share > 0.9 and batch >= 256))

    axes = (
        _axis("batch", 8, 16, 32, 64, 128, 256),
        _axis("share", 0.7, 0.8, 0.9, 0.95),
        _axis("chunked", False, True),
        _axis("policy", "none", "most"),
    )
    start = {"batch": 8, "share": 0.8, "chunked": False, "policy": "none"}
    return Surface(Space(axes), start, truth)


def build(_: int = 0) -> Surface:
    """Split, batch, plugin, cache: 108 points; a plugin that fails to build with one cache."""

    def truth(at: Values) -> Truth:
        tp, batch = at["tp"], at["batch"]
        step = 10 / tp + 1.2 * (tp - 1) + 0.12 * batch * {1: 1, 2: 0.7, 4: 0.55}[tp]
        step *= {"auto": 1.0, "fp8": 0.82 if tp < 4 else 0.97, "none": 1.1}[at["plugin"]]
        step *= 1.0 if at["paged"] else (0.97 if batch <= 8 else 1.05)
        fails = (at["plugin"] == "fp8" and not at["paged"]) or (tp == 1 and batch >= 32)
        return Truth(math.log(batch / step / tp**0.35), math.log(11 / step), not fails)

    axes = (
        _axis("tp", 1, 2, 4),
        _axis("batch", 1, 2, 4, 8, 16, 32),
        _axis("plugin", "auto", "fp8", "none"),
        _axis("paged", True, False),
    )
    return Surface(Space(axes), {"tp": 1, "batch": 8, "plugin": "none", "paged": True}, truth)


def small(_: int = 0) -> Surface:
    """Batch, type, split: 48 points, so 24 runs; the best batch is inside of the range."""

    def truth(at: Values) -> Truth:
        batch, speed = at["batch"], {1: 1, 2: 1.6, 4: 2.1}[at["tp"]]
        rate = batch / (1 + batch / 40) / (1 + (batch / 70) ** 2 * 0.35) * speed
        if at["dtype"] == "b":
            rate *= 1.05 if batch <= 16 else 0.96
        margin = math.log(1.6 * speed / (1 + batch / 40))
        return Truth(math.log(rate), margin, not (at["tp"] == 1 and batch >= 128))

    axes = (_axis("batch", 1, 2, 4, 8, 16, 32, 64, 128), _axis("dtype", "a", "b"), _axis("tp", 1, 2, 4))
    return Surface(Space(axes), {"batch": 8, "dtype": "a", "tp": 1}, truth)


def rugged(seed: int) -> Surface:
    """Four options without order, random effects (15 %) and interactions (5 %): 72 points."""
    rng = random.Random(f"{seed} rugged")
    axes = (
        _axis("a", "p", "q", "r", "s"),
        _axis("b", "x", "y", "z"),
        _axis("c", "x", "y", "z"),
        _axis("d", 0, 1),
    )
    main = [{value: rng.gauss(0, 0.15) for value in axis.values} for axis in axes]
    limit = [{value: rng.gauss(0, 0.2) for value in axis.values} for axis in axes]
    both = {
        (i, j, u, v): rng.gauss(0, 0.05)
        for i in range(len(axes))
        for j in range(i)
        for u in axes[i].values
        for v in axes[j].values
    }
    start = {axis.path: axis.values[0] for axis in axes}
    fails = {(rng.choice("qrs"), rng.choice("xyz")) for _ in range(2)}
    room = 0.1 - sum(part[start[axis.path]] for part, axis in zip(limit, axes, strict=True))

    def truth(at: Values) -> Truth:
        values = [at[axis.path] for axis in axes]
        level = sum(part[value] for part, value in zip(main, values, strict=True))
        level += sum(both[i, j, values[i], values[j]] for i in range(len(axes)) for j in range(i))
        margin = room + sum(part[value] for part, value in zip(limit, values, strict=True))
        return Truth(level, margin, (at["a"], at["b"]) not in fails)

    return Surface(Space(axes), start, truth)


_H200 = {
    "bfloat16": ((1994, 32.14), (2596, 49.38), (5192, 49.36), (10109, 50.72), (19232, 53.30), (34607, 59.30)),
    "float16": ((1983, 32.33), (2589, 49.52), (5189, 49.39), (9826, 52.21), (18897, 54.29), (34397, 59.65)),
}
"""Tokens per second, and 95th percentile of latency in ms, of batches 1 to 32: measured (docs/tuning.md)."""


def measured(_: int = 0) -> Surface:
    """Batch and type on an H200: 12 points, so 6 runs; only the largest batch breaks the bound of 57 ms."""
    batches = (1, 2, 4, 8, 16, 32)

    def truth(at: Values) -> Truth:
        rate, latency = _H200[at["dtype"]][batches.index(at["batch"])]
        return Truth(math.log(rate), math.log(57 / latency))

    axes = (_axis("batch", *batches), _axis("dtype", "bfloat16", "float16"))
    return Surface(Space(axes), {"batch": 1, "dtype": "bfloat16"}, truth)


CASES: tuple[tuple[str, Callable[[int], Surface], Noise], ...] = (
    ("serving, 96 points", serving, Noise()),
    ("build, 108 points", build, Noise()),
    ("small, 48 points", small, Noise()),
    ("small, runs of 1 %, sessions of 2 %", small, Noise(run=0.01, session=0.02)),
    ("serving, changes of session not known", serving, Noise(told=False)),
    ("small, changes of session not known", small, Noise(told=False)),
    ("rugged, 72 points", rugged, Noise()),
    ("measured, 12 points", measured, Noise(run=0.002, session=0.005)),
)
SEEDS = 5
"""A tuning takes long: one for so many trials of the other simulations."""
SHORT = 50
"""Fewer trials than this are the short form: one tuning of each small surface."""


def tunings(trials: int, seed: int) -> Iterator[Cell]:
    """Tunings with half of the grid's runs."""
    count = trials // SEEDS if trials >= SHORT else 1
    found_table = "Tuning: within 2 % of the optimum with half of the grid's runs"
    for name, make, noise in CASES:
        if trials < SHORT and make is not small:
            continue
        seeds = [1000 * seed + number for number in range(count)]
        outcomes = [tuned(make(one), noise, one) for one in seeds]
        found = sum(one.loss <= WITHIN for one in outcomes) / count
        runs = sum(one.runs for one in outcomes) / count
        yield Cell(found_table, f"{name}: found, after {runs:.1f} runs on average", found, least=0.95)
        infeasible = sum(one.infeasible for one in outcomes) / count
        yield Cell(found_table, f"{name}: an infeasible point is recommended", infeasible, most=0.0)


SIMULATIONS = (tunings,)

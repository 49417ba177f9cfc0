"""The times of single decode steps of a configuration, in bounded memory."""

from __future__ import annotations

import msgspec

from runner.events import StepTimes
from runner.stats import Sample

MOST_POSITIONS = 1024
"""values of an iteration that are kept; the ranks write no more"""


class SlowestStep(msgspec.Struct, frozen=True):
    ms: float
    iteration: int
    """number of the timed iteration, from 0"""
    step: int
    """number of the decode step in it, from 0"""


class StepPosition(msgspec.Struct):
    """The values of one place in the iteration."""

    total: float = 0.0
    n: int = 0
    high: float = 0.0

    @property
    def mean(self) -> float:
        return self.total / self.n


class StepTimesState(msgspec.Struct):
    """What rank 0 reported of the decode steps of the timed iterations, milliseconds."""

    each: int = 1
    """decode steps of a value, which is their mean"""
    iterations: int = 0
    """how many reported their steps"""
    values: Sample = msgspec.field(default_factory=Sample)
    positions: list[StepPosition] = msgspec.field(default_factory=list)
    """by place in the iteration"""
    slowest: SlowestStep | None = None

    def take(self, event: StepTimes) -> None:
        """Add the steps of an iteration; one with values of another width than the first is left out."""
        if not self.iterations:
            self.each = event.each
        elif event.each != self.each:
            return
        self.iterations += 1
        values = event.step_ms[:MOST_POSITIONS]
        self.positions += [StepPosition() for _ in range(len(values) - len(self.positions))]
        for position, value in zip(self.positions, values, strict=False):
            self.values.add(value)
            position.total += value
            position.n += 1
            position.high = max(position.high, value)
        if values and (self.slowest is None or event.slowest_ms > self.slowest.ms):
            self.slowest = SlowestStep(event.slowest_ms, event.i, event.slowest)

"""The outliers of a run with their causes, for screens and reports; `state.outliers` has the rules."""

from __future__ import annotations

from dataclasses import dataclass

from runner.metrics.rank_gpus import used_gpus
from runner.state.outliers import Cause, SlowIteration, find_cause, outlier_fence, usual_throttling
from runner.state.run import RunState

CAUSE_LETTERS: dict[Cause, tuple[str, str]] = {
    "throttle": ("T", "throttle"),
    "process": ("X", "other process"),
    "host": ("H", "host"),
    "unknown": ("?", "unknown"),
}
"""the letter and the word of a cause"""


@dataclass(frozen=True)
class Outlier:
    """An iteration far slower than the others, and why."""

    slow: SlowIteration
    cause: Cause
    evidence: str

    @property
    def letter(self) -> str:
        return CAUSE_LETTERS[self.cause][0]


def find_outliers(state: RunState, number: int) -> tuple[Outlier, ...]:
    """Return the outliers of one configuration, in order of time."""
    if number >= len(state.configurations):
        return ()
    configuration = state.configurations[number]
    found = configuration.slowest.above(outlier_fence(configuration.latency))
    if not found:
        return ()
    on = used_gpus(state)
    phases = state.telemetry.phases
    usual = usual_throttling(phases[number] if number < len(phases) else None)
    columns, shared = [gpu.column for gpu in on], any(gpu.before or gpu.after for gpu in on)
    slowest = configuration.slowest
    return tuple(
        Outlier(slow, *find_cause(slow, slowest, columns=columns, usual=usual, shared=shared))
        for slow in found
    )

"""The outliers of a run with their causes, for every screen and report; `state.outliers` has the rule."""

from __future__ import annotations

from dataclasses import dataclass

from runner.metrics.gpu_metrics import used
from runner.state.outliers import Cause, Slow, cause_of, fence, usual_throttling
from runner.state.run import RunState

LETTERS: dict[Cause, tuple[str, str]] = {
    "throttle": ("T", "throttle"),
    "process": ("X", "other process"),
    "host": ("H", "host"),
    "unknown": ("?", "unknown"),
}
"""how a cause is drawn, and its word"""


@dataclass(frozen=True)
class Outlier:
    """An iteration far slower than the others, and why."""

    slow: Slow
    cause: Cause
    evidence: str

    @property
    def letter(self) -> str:
        return LETTERS[self.cause][0]


def outliers(state: RunState, number: int) -> tuple[Outlier, ...]:
    """Those of one configuration, in order of time; none where the log does not tell of it."""
    if number >= len(state.configurations):
        return ()
    configuration = state.configurations[number]
    found = configuration.slowest.above(fence(configuration.latency))
    if not found:
        return ()
    on = used(state)
    phases = state.telemetry.phases
    usual = usual_throttling(phases[number] if number < len(phases) else None)
    columns, company = [gpu.column for gpu in on], any(gpu.before or gpu.after for gpu in on)
    slowest = configuration.slowest
    return tuple(
        Outlier(slow, *cause_of(slow, slowest, columns=columns, usual=usual, company=company))
        for slow in found
    )

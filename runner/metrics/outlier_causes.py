"""The outliers of a run with their causes, for screens and reports; `state.outliers` has the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.metrics.rank_gpus import used_gpus
from runner.state.gpu_phase import GpuPhase
from runner.state.outliers import Cause, SlowIteration, Usual, find_cause, outlier_fence, usual_throttling
from runner.state.run import RunState

CAUSE_LETTERS: dict[Cause, tuple[str, str]] = {
    "throttle": ("T", "throttle"),
    "process": ("X", "other process"),
    "host": ("H", "host"),
    "unknown": ("?", "unknown"),
}
"""the letter and the word of a cause"""


def count_phrase(found: int, total: int) -> str:
    """Return what to put before causes that are known of the slowest outliers only; empty: of all."""
    return f"causes of the slowest {found}: " if found < total else ""


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
    """Return the outliers of one configuration, in order of time: of very many, the slowest.

    `state.outliers.count_outliers` counts all of them. Of several nodes, only the readings of the first one
    are kept around an iteration: the evidence names it.
    """
    if number >= len(state.configurations):
        return ()
    configuration = state.configurations[number]
    found = configuration.slowest.above(outlier_fence(configuration.latency))
    if not found:
        return ()
    first = state.telemetry.node
    on = [gpu for gpu in used_gpus(state) if gpu.node == first]
    phases = state.telemetry.phases
    columns, shared = [gpu.column for gpu in on], any(gpu.before or gpu.after for gpu in on)
    phase, slowest = phases[number] if number < len(phases) else None, configuration.slowest
    usual = Usual(
        throttled=usual_throttling(phase),
        sm_clock=_means(phase, "sm_clock", columns),
        busy=_means(phase, "busy", columns),
        latency_ms=configuration.latency.percentile(50),
    )
    causes = [find_cause(slow, slowest, columns=columns, usual=usual, shared=shared) for slow in found]
    where = f" (readings of {first})" if first else ""
    return tuple(
        Outlier(slow, cause, evidence + where) for slow, (cause, evidence) in zip(found, causes, strict=True)
    )


def _means(phase: GpuPhase | None, reading: str, columns: Sequence[int]) -> dict[int, float]:
    """Return the mean of a reading over a configuration, by column; GPUs without it are left out."""
    column = phase.table.get(reading) if phase is not None else None
    cells = {number: column.cell(number) for number in columns} if column is not None else {}
    return {number: cell.mean for number, cell in cells.items() if cell is not None}

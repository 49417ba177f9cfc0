"""The outliers of a run with their causes, for screens and reports; `state.outliers` has the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from runner.metrics.rank_gpus import used_gpus
from runner.state.gpu import TelemetryState
from runner.state.gpu_phase import GpuPhase
from runner.state.gpu_series import ReadingTable
from runner.state.outliers import Cause, Usual, find_cause, outlier_fence, usual_throttling
from runner.state.run import RunState
from runner.state.slowest import SlowestIterations, SlowIteration

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


class Outlier(msgspec.Struct, frozen=True):
    """An iteration far slower than the others, and why."""

    slow: SlowIteration
    cause: Cause
    evidence: str
    node: str = ""
    """the node with the cause; empty: the run uses one machine, or the cause is unknown"""

    @property
    def letter(self) -> str:
        return CAUSE_LETTERS[self.cause][0]


def find_outliers(state: RunState, number: int) -> tuple[Outlier, ...]:
    """Return the outliers of one configuration, in order of time: of very many, the slowest.

    `state.outliers.count_outliers` counts all of them. Of several nodes the evidence names the one whose
    readings explain the iteration; of those that do, the node of the rank that took the longest comes first.
    """
    if number >= len(state.configurations):
        return ()
    configuration = state.configurations[number]
    found = configuration.slowest.above(outlier_fence(configuration.latency))
    if not found:
        return ()
    nodes = {telemetry.node: _node(state, number, telemetry) for telemetry in state.telemetries}
    return tuple(Outlier(slow, *_cause(state, configuration.slowest, slow, nodes)) for slow in found)


class _Node(msgspec.Struct, frozen=True):
    """What the readings of one node during an iteration are compared with."""

    columns: list[int]
    """the GPUs of the run, as columns of samples"""
    shared: bool
    """whether other processes were seen on them"""
    usual: Usual


def _node(state: RunState, number: int, telemetry: TelemetryState) -> _Node:
    configuration = state.configurations[number]
    on = [gpu for gpu in used_gpus(state) if gpu.node == telemetry.node]
    phases, columns = telemetry.phases, [gpu.column for gpu in on]
    phase = phases[number] if number < len(phases) else None
    usual = Usual(
        throttled=usual_throttling(phase),
        sm_clock=_means(phase, "sm_clock", columns),
        busy=_means(phase, "busy", columns),
        latency_ms=configuration.latency.percentile(50),
        load=configuration.slowest.load_of(telemetry.node),
    )
    return _Node(columns, any(gpu.before or gpu.after for gpu in on), usual)


def _cause(
    state: RunState, slowest: SlowestIterations, slow: SlowIteration, nodes: Mapping[str, _Node]
) -> tuple[Cause, str, str]:
    """Return cause, evidence and node: the first one that has a cause other than a foreign process."""
    last = state.node_of(slowest.slowest_rank(slow))
    order = sorted(nodes, key=lambda name: last is None or name != last.name)
    causes = {
        name: find_cause(slow, slow.around.get(name), columns=one.columns, usual=one.usual, shared=one.shared)
        for name, one in ((name, nodes[name]) for name in order)
    }
    name = min(order, key=lambda name: _WEAKER.get(causes[name][0], 0))
    cause, evidence = causes[name]
    if not name:
        return cause, evidence, ""
    if cause != "unknown":
        return cause, f"{name}: {evidence}", name
    unread = [name for name in order if name not in slow.around]
    if unread:
        more = f" and {len(unread) - 1} more nodes" if len(unread) > 1 else ""
        return cause, f"no cause was seen; no readings of {unread[0]}{more} are known around it", ""
    return cause, f"no throttling, host load or other process on any of {len(order)} nodes explains it", ""


_WEAKER: dict[Cause, int] = {"process": 1, "unknown": 2}


def _means(phase: GpuPhase | None, reading: str, columns: Sequence[int]) -> dict[int, float]:
    """Return the mean of a reading over a configuration, by column; GPUs without it are left out."""
    table = phase.table if phase is not None else ReadingTable()
    cells = {number: table.cell(reading, number) for number in columns}
    return {number: cell.mean for number, cell in cells.items() if cell is not None}

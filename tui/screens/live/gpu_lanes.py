"""The readings of the GPUs below the latency plot, along its time axis. Pure functions of the run's state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from runner.metrics.rank_gpus import used_gpus
from runner.state.gpu import GpuState
from runner.state.gpu_series import GROUP_S
from runner.state.run import RunState
from tui.plots.latency import GpuLane

FEW_NODES = 25
"""for each of so many nodes, what is computed from all readings may be a second older"""
SLOTS = 400
"""time slots of a lane: more than a terminal has columns"""


class GpuLaneCache:
    """Caches GPU readings along a time axis; recomputes them when a reading falls into a new slot."""

    def __init__(self) -> None:
        self._key: tuple[int, ...] = ()
        self._lanes: tuple[GpuLane, ...] = ()

    def get(self, state: RunState, begin: int, end: int) -> tuple[GpuLane, ...]:
        """Return lanes of all GPUs of the run together, then one for each; empty without readings.

        Of a run on several nodes, one for each node: the mean of its GPUs.
        """
        last = next((telemetry.last for telemetry in state.telemetries if telemetry.last is not None), None)
        if last is None:
            return ()
        key = (begin, end, (min(latest_look(state, last.t), end) - begin) * SLOTS // max(1, end - begin))
        if key != self._key:
            self._key, self._lanes = key, _lanes(state, _groups(state), begin, end)
        return self._lanes


def latest_look(state: RunState, t: int) -> int:
    """Return when what is computed from all readings was due last, at a reading of time `t` (ns).

    With each reading; of more than `FEW_NODES` nodes less often, because its cost grows with their number.
    """
    period = len(state.nodes) // FEW_NODES * 10**9
    return t // period * period if period else t


def _groups(state: RunState) -> list[list[GpuState]]:
    """Return the GPUs of the run one by one; of several nodes by node."""
    gpus = used_gpus(state)
    if not state.nodes:
        return [[gpu] for gpu in gpus]
    nodes: dict[str, list[GpuState]] = {}
    for gpu in gpus:
        nodes.setdefault(gpu.node, []).append(gpu)
    return list(nodes.values())


def _lanes(state: RunState, groups: list[list[GpuState]], begin: int, end: int) -> tuple[GpuLane, ...]:
    if not groups:
        return ()
    busy = [_slots(state, gpus, "busy", _mean, begin, end) for gpus in groups]
    clocks = [_slots(state, gpus, "sm_clock", _minimum, begin, end) for gpus in groups]
    fastest: float = max((gpu.identity.max_sm_clock or 0 for gpus in groups for gpu in gpus), default=0)
    fastest = fastest or max((value for lane in clocks for value in lane if value is not None), default=0.0)
    each = (
        GpuLane(gpus[0].node or gpus[0].name, 100.0, tuple(slots))
        for gpus, slots in zip(groups, busy, strict=True)
    )
    return (
        GpuLane("busy %", 100.0, tuple(_mean(values) for values in zip(*busy, strict=True))),
        GpuLane("SM MHz", fastest, tuple(_minimum(values) for values in zip(*clocks, strict=True))),
        *(each if len(groups) > 1 else ()),
    )


def _slots(
    state: RunState,
    gpus: Sequence[GpuState],
    reading: str,
    reduce: Callable[[Iterable[float | None]], float | None],
    begin: int,
    end: int,
) -> list[float | None]:
    """Return the mean of a reading in equal time slots; a short gap takes the value of its neighbour.

    Args:
        state: the run.
        gpus: GPUs of one node.
        reading: column of a sample.
        reduce: makes one value of those of the GPUs at a time.
        begin: start of the first slot, CLOCK_MONOTONIC in ns.
        end: end of the last one.
    """
    sums: list[tuple[float, int]] = [(0.0, 0)] * SLOTS
    telemetry, columns = state.telemetry_of(gpus[0]), [gpu.column for gpu in gpus]
    recent = [tick for tick in telemetry.since(begin) if tick.t <= end]
    readings = [
        (tick.t, reduce([_cell(getattr(tick, reading), column) for column in columns])) for tick in recent
    ]
    oldest = readings[0][0] if readings else end
    step = telemetry.period_ms * 10**6
    if oldest > begin + 10 * 10**9:  # raw samples are kept for a few minutes
        before: dict[int, list[float | None]] = {}
        for gpu in gpus:
            for stretch in telemetry.history(gpu, reading):
                if begin <= stretch.t < oldest:
                    before.setdefault(stretch.t, []).append(stretch.mean)
        readings = [*((t, reduce(values)) for t, values in sorted(before.items())), *readings]
        step = GROUP_S * 10**9
    near = max(2, 3 * step * SLOTS // (end - begin))
    previous = -1
    for t, value in readings:
        slot = min((t - begin) * SLOTS // (end - begin), SLOTS - 1)
        if value is None:
            continue
        # A reading covers the time since the previous one, unless that was long ago.
        first = previous + 1 if 0 <= previous < slot and slot - previous <= near else slot
        for covered in range(min(first, slot), slot + 1):
            total, count = sums[covered]
            sums[covered] = (total + value, count + 1)
        previous = slot
    return [total / count if count else None for total, count in sums]


def _cell(column: list[int | float | None], number: int) -> float | None:
    return column[number] if number < len(column) else None


def _minimum(values: Iterable[float | None]) -> float | None:
    return min(_without_gaps(values), default=None)


def _without_gaps(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Iterable[float | None]) -> float | None:
    numbers = _without_gaps(values)
    return sum(numbers) / len(numbers) if numbers else None

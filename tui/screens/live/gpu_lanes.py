"""The readings of the GPUs below the latency plot, along its time axis. Pure functions of the run's state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from runner.events import GpuSamples
from runner.metrics.rank_gpus import used_gpus
from runner.state.gpu import GpuState, TelemetryState
from runner.state.gpu_series import GROUP_S
from runner.state.run import RunState
from tui.plots.latency import GpuLane

FEW_NODES = 25
"""for each of so many nodes, what is computed from all readings may be a second older"""
SLOTS = 400
"""time slots of a lane: more than a terminal has columns"""


class GpuLaneCache:
    """Keeps GPU readings along a time axis, and adds those that fall into a new slot."""

    def __init__(self) -> None:
        self._key: tuple[int, ...] = ()
        self._lanes: _Lanes | None = None
        self._drawn: tuple[GpuLane, ...] = ()

    def get(self, state: RunState, begin: int, end: int) -> tuple[GpuLane, ...]:
        """Return lanes of all GPUs of the run together, then one for each; empty without readings.

        Of a run on several nodes, one for each node: the mean of its GPUs.
        """
        last = next((telemetry.last for telemetry in state.telemetries if telemetry.last is not None), None)
        if last is None:
            return ()
        key = (begin, end, (min(latest_look(state, last.t), end) - begin) * SLOTS // max(1, end - begin))
        if key != self._key:
            self._key, groups = key, _groups(state)
            if self._lanes is None or self._lanes.axis != (groups, begin, end):
                self._lanes = _Lanes(groups, begin, end)
            self._drawn = self._lanes.with_readings_of(state)
        return self._drawn


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


class _Lanes:
    """The lanes of some groups of GPUs, which grow with the readings."""

    def __init__(self, groups: list[list[GpuState]], begin: int, end: int) -> None:
        self.axis = groups, begin, end
        """the GPUs of each lane, and both ends of the time axis, CLOCK_MONOTONIC in ns"""
        self._busy = [_Lane("busy", _mean) for _ in groups]
        self._clocks = [_Lane("sm_clock", _minimum) for _ in groups]
        self._taken = [begin] * len(groups)
        """the time of the last reading of each group"""
        self._mean: list[float | None] = [None] * SLOTS
        self._slowest: list[float | None] = [None] * SLOTS
        """of all groups together"""

    def with_readings_of(self, state: RunState) -> tuple[GpuLane, ...]:
        """Return the lanes after adding the readings that are new."""
        groups = self.axis[0]
        if not groups:
            return ()
        changed = min(self._take(state, number, gpus) for number, gpus in enumerate(groups))
        filled = 1 + max(lane.last for lane in (*self._busy, *self._clocks))
        for slot in range(changed, filled):
            self._mean[slot] = _mean([lane.values[slot] for lane in self._busy])
            self._slowest[slot] = _minimum([lane.values[slot] for lane in self._clocks])
        fastest: float = max((gpu.identity.max_sm_clock or 0 for gpus in groups for gpu in gpus), default=0)
        fastest = fastest or max(
            (value for lane in self._clocks for value in lane.values if value is not None), default=0.0
        )
        each = (
            GpuLane(gpus[0].node or gpus[0].name, 100.0, tuple(lane.values))
            for gpus, lane in zip(groups, self._busy, strict=True)
        )
        return (
            GpuLane("busy %", 100.0, tuple(self._mean)),
            GpuLane("SM MHz", fastest, tuple(self._slowest)),
            *(each if len(groups) > 1 else ()),
        )

    def _take(self, state: RunState, number: int, gpus: Sequence[GpuState]) -> int:
        """Add the new readings of one group; return the first slot that changed."""
        _, begin, end = self.axis
        telemetry, after = state.telemetry_of(gpus[0]), self._taken[number]
        samples = [tick for tick in telemetry.since(after) if tick.t <= end]
        oldest = samples[0].t if samples else end
        is_raw = oldest <= after + 10 * 10**9  # raw samples are kept for a few minutes
        step = telemetry.period_ms * 10**6 if is_raw else GROUP_S * 10**9
        near = max(2, 3 * step * SLOTS // (end - begin))
        columns = [gpu.column for gpu in gpus]
        changed = SLOTS
        for lane in (self._busy[number], self._clocks[number]):
            readings = [] if is_raw else lane.history(telemetry, gpus, after, oldest)
            readings += [(tick.t, lane.reading_of(tick, columns)) for tick in samples]
            for t, value in readings:
                changed = min(
                    changed, lane.add(min((t - begin) * SLOTS // (end - begin), SLOTS - 1), value, near)
                )
        if samples:
            self._taken[number] = samples[-1].t
        return changed


class _Lane:
    """The mean of one reading in equal time slots; a short gap takes the value of its neighbour."""

    def __init__(self, reading: str, reduce: Callable[[Iterable[float | None]], float | None]) -> None:
        self._reading = reading
        self._reduce = reduce
        """makes one value of those of several GPUs at a time"""
        self._sums: list[tuple[float, int]] = [(0.0, 0)] * SLOTS
        self.last = -1
        """the slot of the last value; -1: there is none"""
        self.values: list[float | None] = [None] * SLOTS

    def reading_of(self, sample: GpuSamples, columns: Sequence[int]) -> float | None:
        """Return the value of the GPUs with these columns."""
        column = getattr(sample, self._reading)
        return self._reduce([_cell(column, number) for number in columns])

    def history(
        self, telemetry: TelemetryState, gpus: Sequence[GpuState], begin: int, end: int
    ) -> list[tuple[int, float | None]]:
        """Return time and mean of the periods of ten seconds from `begin` until before `end` (ns)."""
        before: dict[int, list[float | None]] = {}
        for gpu in gpus:
            for stretch in telemetry.history(gpu, self._reading):
                if begin <= stretch.t < end:
                    before.setdefault(stretch.t, []).append(stretch.mean)
        return [(t, self._reduce(values)) for t, values in sorted(before.items())]

    def add(self, slot: int, value: float | None, near: int) -> int:
        """Add a value; return the first slot that changed.

        It covers the time since the previous one, unless that was more than `near` slots ago.
        """
        if value is None:
            return SLOTS
        previous, self.last = self.last, slot
        first = previous + 1 if 0 <= previous < slot and slot - previous <= near else slot
        for covered in range(first, slot + 1):
            total, count = self._sums[covered]
            self._sums[covered] = (total + value, count + 1)
            self.values[covered] = (total + value) / (count + 1)
        return first


def _cell(column: list[int | float | None], number: int) -> float | None:
    return column[number] if number < len(column) else None


def _minimum(values: Iterable[float | None]) -> float | None:
    return min(_without_gaps(values), default=None)


def _without_gaps(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Iterable[float | None]) -> float | None:
    numbers = _without_gaps(values)
    return sum(numbers) / len(numbers) if numbers else None

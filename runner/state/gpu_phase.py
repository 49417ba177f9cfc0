"""The GPU readings of the measured phase of one configuration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from runner.events import GpuEnergy
from runner.state.gpu_series import ReadingTable, joined
from runner.state.sample_group import SampleGroup, add_columns, sums_of

COUNTER_S = 0.1
"""The energy counter is updated this often, so a reading is at most this old."""


MOST_PARTS = 8


class CounterEdge(msgspec.Struct, frozen=True):
    """The energy counter at the begin or end of a phase, interpolated between two readings."""

    mj: float
    off_s: float
    """distance to the nearest reading, plus the delay of the counter itself"""
    beyond_s: float = 0.0
    """distance of the edge from readings that do not enclose it: this part of the phase is not counted"""


class GpuPhase(msgspec.Struct):
    """Grows with the configuration; `take` and `take_energy` receive its readings in order."""

    ticks: int = 0
    seen: int = -1
    """time of the last sample that was added"""
    throttled_us: dict[str, list[int]] = msgspec.field(default_factory=dict)
    reasons: list[Counter[float | None]] = msgspec.field(default_factory=list)
    """how often each set of clocks event reasons was seen, one counter per GPU"""
    slices: dict[str, int] = msgspec.field(default_factory=dict)
    """most bytes in use of each MIG device, by UUID"""
    begins: dict[str, CounterEdge] = msgspec.field(default_factory=dict)
    ends: dict[str, CounterEdge] = msgspec.field(default_factory=dict)
    """by UUID"""
    begin: int = 0
    end: int = 0
    over: bool = False
    _parts: list[ReadingTable] = msgspec.field(default_factory=list)
    """cells that are not joined yet: joining some at once is cheaper, many leave the processor's cache"""

    @property
    def table(self) -> ReadingTable:
        """Return the cells of the whole phase."""
        return joined(self._parts)

    @property
    def seconds(self) -> float:
        return (self.end - self.begin) / 1e9

    def copy(self) -> GpuPhase:
        """Return a phase that grows on its own; cells are never changed, so that both share them."""
        return msgspec.structs.replace(
            self,
            throttled_us={reason: list(column) for reason, column in self.throttled_us.items()},
            reasons=[seen.copy() for seen in self.reasons],
            slices=dict(self.slices),
            begins=dict(self.begins),
            ends=dict(self.ends),
            _parts=list(self._parts),
        )

    def take(self, group: SampleGroup, begin: int, end: int) -> None:
        """Add the samples of a group that are in the phase and were not added before."""
        whole = group.begin >= begin and group.end <= end and group.begin > self.seen
        if whole and group.sums is not None:
            sums = group.sums
        else:
            ticks = [tick for tick in group.ticks if begin <= tick.t <= end and tick.t > self.seen]
            sums = sums_of(ticks, group.gpus)
        self.seen = max(self.seen, min(group.end, end))
        self.ticks += sums.ticks
        self._parts.append(sums.table)
        if len(self._parts) == MOST_PARTS:
            self._parts = [self.table]
        add_columns(self.throttled_us, sums.throttled_us)
        for uuid, used in sums.slices.items():
            self.slices[uuid] = max(used, self.slices.get(uuid, 0))
        self.reasons += [Counter() for _ in range(len(sums.reasons) - len(self.reasons))]
        for seen, values in zip(self.reasons, sums.reasons, strict=False):
            for reasons in set(values):
                seen[reasons] += values.count(reasons)

    def take_energy(self, uuid: str, readings: Sequence[GpuEnergy], *, over: bool) -> None:
        """Record the counter of one GPU at the start of the phase, and at its end once the phase is over."""
        if uuid not in self.begins and readings and readings[-1].t >= self.begin:
            self.begins[uuid] = _edge(readings, self.begin)
        if over and readings:
            self.ends[uuid] = _edge(readings, self.end)


def _edge(readings: Sequence[GpuEnergy], t: int) -> CounterEdge:
    """Return the counter at time `t`, interpolated between two readings, else the nearest reading."""
    before = after = None
    for reading in reversed(readings):  # the time is always near their end
        if reading.t <= t:
            before = reading
            break
        after = reading
    if before is not None and before.t == t:
        after = before
    nearest = min(abs(t - reading.t) for reading in (before, after) if reading is not None) / 1e9
    if before is None or after is None:
        alone = before or after
        assert alone is not None
        return CounterEdge(alone.mj, nearest + COUNTER_S, nearest)
    span = after.t - before.t
    share = (t - before.t) / span if span else 0.0
    return CounterEdge(before.mj + share * (after.mj - before.mj), nearest + COUNTER_S)

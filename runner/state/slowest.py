"""The slowest iterations of a configuration, and what was read on each node around them.

The outliers are among them; `state.outliers` has the rules. Rank 0 measures, so an iteration is slow if it is
slow there; the cause may be on any node, because every rank waits for the slowest one.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Reversible, Sequence
from functools import reduce
from itertools import islice, takewhile
from operator import or_
from typing import Protocol

import msgspec

from runner.events import GpuColumn, GpuSamples, Host
from runner.events.throttle_reasons import BITS
from runner.stats import Mean

KEPT = 256
"""Number of slowest iterations of a configuration that are kept with their surroundings: those with a cause.
`outliers.count_outliers` counts all of them."""
MOST_SURROUNDINGS = 1024
"""Of many nodes, only the slowest iterations have surroundings: nodes x iterations is this number."""
SLOWED_BY = {bit: name for bit, name in BITS.items() if name != "sync boost"}
"""NVML's clocks event reasons that hold down the clocks of one GPU, independently of other GPUs"""


class GpuReadings(Protocol):
    """The samples of the GPUs of one node."""

    @property
    def stale(self) -> bool: ...
    @property
    def last(self) -> GpuSamples | None: ...
    def since(self, t: int) -> list[GpuSamples]: ...


class HostLoad(msgspec.Struct, frozen=True):
    """Load of the machine: percent of all processors, and of the time."""

    cpu: float
    steal: float
    waiting: float | None


class Surroundings(msgspec.Struct, frozen=True):
    """The state of GPUs and host during an iteration."""

    throttled: dict[str, tuple[float, ...]]
    """reason -> share of the time, one per GPU in the order of the columns of samples"""
    load: HostLoad | None
    sm_clock: tuple[float | None, ...] = ()
    """mean MHz of each GPU; None: not read"""
    busy: tuple[float | None, ...] = ()
    """mean percentage of the time in which each GPU was busy; None: not read"""


class UsualLoad(msgspec.Struct):
    """The mean load of one machine while a configuration is measured."""

    cpu: Mean = msgspec.field(default_factory=Mean)
    steal: Mean = msgspec.field(default_factory=Mean)
    waiting: Mean = msgspec.field(default_factory=Mean)
    attached: int = 0
    """how many of the offered iterations its readings cover"""

    def add(self, host: Host) -> None:
        self.cpu.add(host.cpu_percent)
        self.steal.add(host.steal_percent)
        if host.waiting_percent is not None:
            self.waiting.add(host.waiting_percent)


class SlowIteration(msgspec.Struct):
    """A slow iteration; whether it is an outlier depends on all the others."""

    i: int
    """index among the timed iterations"""
    t: int
    latency_ms: float
    around: dict[str, Surroundings] = msgspec.field(default_factory=dict)
    """by node, of a run of one machine with the name `""`; a node that is missing: not known (yet)"""

    @property
    def began(self) -> int:
        return self.t - round(self.latency_ms * 1e6)


class SlowestIterations(msgspec.Struct):
    """The slowest iterations of one configuration, in bounded memory, and the mean loads for comparison."""

    least: float = -math.inf
    """iterations that are not slower need not be offered"""
    loads: dict[str, UsualLoad] = msgspec.field(default_factory=dict)
    """by node, of a run of one machine with the name `""`"""
    ranks: dict[int, tuple[float, int]] = msgspec.field(default_factory=dict)
    """iteration -> latency and number of its slowest rank besides rank 0, of those slower than `least`"""
    recent: deque[SlowIteration] = msgspec.field(default_factory=lambda: deque(maxlen=KEPT))
    """the last that were offered, in order of time"""
    offered: int = 0
    _heap: list[tuple[float, int, SlowIteration]] = msgspec.field(default_factory=list)
    _attached_from: tuple[int, float] = (0, -math.inf)
    """`offered` and `_least_attached` then"""

    def offer(self, i: int, t: int, latency_ms: float) -> None:
        """Add an iteration slower than `least`."""
        slow = SlowIteration(i, t, latency_ms)
        self.recent.append(slow)
        self.offered += 1
        if len(self._heap) < KEPT:
            heapq.heappush(self._heap, (latency_ms, i, slow))
            return
        heapq.heapreplace(self._heap, (latency_ms, i, slow))
        self.least = self._heap[0][0]

    def offer_rank(self, i: int, rank: int, latency_ms: float) -> None:
        """Add the latency of another rank than 0, slower than `least`."""
        known = self.ranks.get(i)
        if known is None or latency_ms > known[0]:
            self.ranks[i] = (latency_ms, rank)
        if len(self.ranks) > 4 * KEPT:
            kept = {number for _, number, _ in self._heap}
            newest = max(self.ranks) - KEPT  # those of which rank 0 has perhaps not reported yet
            self.ranks = {n: found for n, found in self.ranks.items() if n in kept or n > newest}

    def slowest_rank(self, slow: SlowIteration) -> int:
        """Return the rank that took the longest for an iteration; a rank that ties with rank 0 is not it."""
        latency, rank = self.ranks.get(slow.i, (0.0, 0))
        return rank if latency > slow.latency_ms else 0

    def load_of(self, node: str) -> UsualLoad:
        """Return the mean load of a node, which is empty with its first reading."""
        found = self.loads.get(node)
        if found is None:
            found = self.loads[node] = UsualLoad()
        return found

    def covered_by(self, node: str) -> bool:
        """Check whether the readings of a node cover all iterations that were offered."""
        load = self.loads.get(node)
        return load is not None and load.attached == self.offered

    def attach(self, node: str, hosts: Reversible[Host], gpus: GpuReadings, *, nodes: int = 1) -> None:
        """Attach the readings of a node to recent iterations, once its readings cover their end.

        Args:
            node: its name.
            hosts: the last readings of the machine, oldest first.
            gpus: its GPUs. They are not waited for if they are not read.
            nodes: number of nodes of the run.
        """
        load = self.load_of(node)
        waiting = min(self.offered - load.attached, len(self.recent))
        if not waiting:
            return
        end = next((host.t for host in reversed(hosts)), 0)
        if gpus.last is not None and not gpus.stale:
            end = min(end, gpus.last.t) if end else gpus.last.t
        newest_first = islice(reversed(self.recent), waiting)
        due = [slow for slow in newest_first if slow.t <= end]
        load.attached = self.offered - (waiting - len(due))
        least = self._least_attached(nodes) if due else 0.0
        kept = [slow for slow in due if slow.latency_ms >= least]
        if not kept:
            return
        began = min(slow.began for slow in kept)
        read = list(takewhile(lambda host: host.t > began, reversed(hosts)))
        ticks = gpus.since(began)
        for slow in kept:
            near = [tick for tick in ticks if _overlaps(tick.t, tick.period_ms, slow)]
            slow.around[node] = Surroundings(
                _throttled(near),
                _load([host for host in read if _overlaps(host.t, 1000, slow)]),
                _means([tick.sm_clock for tick in near]),
                _means([tick.busy for tick in near]),
            )

    def settle(self, fence: float | None) -> None:
        """Drop the surroundings of what is no outlier, after the last iteration of the configuration."""
        self.recent.clear()
        for latency, _, slow in self._heap:
            if fence is None or latency <= fence:
                slow.around.clear()

    def above(self, fence: float | None) -> list[SlowIteration]:
        """Return the iterations above a fence, in order of time."""
        if fence is None:
            return []
        return sorted(
            (slow for latency, _, slow in self._heap if latency > fence), key=lambda slow: (slow.t, slow.i)
        )

    def _least_attached(self, nodes: int) -> float:
        """Return the latency from which on surroundings are kept."""
        most = max(1, MOST_SURROUNDINGS // nodes)
        if len(self._heap) > most and self._attached_from[0] != self.offered:
            self._attached_from = self.offered, heapq.nlargest(most, self._heap)[-1][0]
        return self._attached_from[1]


def _overlaps(t: int, period_ms: int, slow: SlowIteration) -> bool:
    """Check whether a reading at `t`, which covers the period before it, covers a part of an iteration."""
    return t > slow.began and t - period_ms * 10**6 < slow.t


def _throttled(ticks: Sequence[GpuSamples]) -> dict[str, tuple[float, ...]]:
    """Return shares from the driver's counters where they exist, else from how often a reason was seen."""
    shares: dict[str, tuple[float, ...]] = {}
    total_us = sum(tick.period_ms for tick in ticks) * 1000
    names = {name for tick in ticks for name in tick.throttled_us if name in SLOWED_BY.values()}
    for name in sorted(names):
        columns = zip(*(tick.throttled_us[name] for tick in ticks if name in tick.throttled_us), strict=False)
        shares[name] = tuple(min(1.0, sum(column) / total_us) for column in columns)
    reasons = [tick.reasons for tick in ticks if tick.reasons]
    any_bits = reduce(or_, (int(bits or 0) for tick in reasons for bits in tick), 0)
    for bit, name in SLOWED_BY.items():
        if name not in shares and any_bits & bit:
            seen = [[int(bits or 0) & bit > 0 for bits in column] for column in zip(*reasons, strict=False)]
            shares[name] = tuple(sum(column) / len(column) for column in seen)
    return shares


def _means(columns: Sequence[GpuColumn]) -> tuple[float | None, ...]:
    """Return the mean of a reading for each GPU; None: it was not read."""
    found: list[float | None] = []
    for values in zip(*filter(None, columns), strict=False):
        known = [value for value in values if value is not None]
        found.append(sum(known) / len(known) if known else None)
    return tuple(found)


def _load(hosts: Sequence[Host]) -> HostLoad | None:
    if not hosts:
        return None
    waiting = [host.waiting_percent for host in hosts if host.waiting_percent is not None]
    return HostLoad(
        cpu=sum(host.cpu_percent for host in hosts) / len(hosts),
        steal=sum(host.steal_percent for host in hosts) / len(hosts),
        waiting=sum(waiting) / len(waiting) if waiting else None,
    )
